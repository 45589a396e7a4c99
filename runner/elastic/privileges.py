"""What this account may do, asked of the cluster before rules run.

Two things are told by no error, or late. Elasticsearch leaves indices that an account may not read out of a wildcard, and
answers as if there were none: a rule over such a pattern finds nothing, and each execution is complete. And an account
that may not write hears of it with the first alert, execution by execution.
Source: the Elasticsearch reference, "Has privileges API", "Security privileges", and "Bulk API" (`refresh` takes
`maintenance`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.elastic.client import Client
from runner.elastic.failures import Action
from runner.errors import AccessDenied

READING = ("read", "view_index_metadata")
"""On the indices that the rules search."""

WRITING = ("read", "write", "maintenance")
"""On each index of ours. What `manage` gives beside them is asked for where it is used."""

MAKING = ("manage_index_templates",)
"""On the cluster, for `setup`, which reads templates even where none lacks."""

_LOOK = Action("look at the privileges of this account", "no privilege; being known to the cluster is enough")

_NOT_TOLD = (400, 403, 404, 405)
"""Where security is off the path is unknown (400), and what stands before a cluster may not let it pass."""

_Held = Mapping[str, bool]
"""Privilege → whether the account has it."""


def unreadable(client: Client, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return those of the patterns that the account may not wholly read; none where the cluster does not say.

    Patterns of other clusters cannot be asked for here, and are left out. Raises RunnerError.
    """
    asked = sorted({pattern for pattern in patterns if ":" not in pattern and not pattern.startswith("-")})
    if not asked:
        return ()
    _, held = _held(client, {"index": [{"names": asked, "privileges": list(READING)}]})
    return tuple(pattern for pattern in asked if _lacking(READING, held.get(pattern)))


def must_suffice(client: Client, indices: Sequence[str], *, making: bool) -> None:
    """Raise AccessDenied, naming all that lacks, where this account may not do what no execution goes without.

    `indices` are ours; with `making` it is to see to it that they are there, too. Nothing is raised where the cluster
    does not say what the account may do. Raises RunnerError.
    """
    asked: dict[str, Any] = {"index": [{"names": list(indices), "privileges": list(WRITING)}]}
    if making:
        asked["cluster"] = list(MAKING)
    of_cluster, of_indices = _held(client, asked)
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for index in indices:
        places[_lacking(WRITING, of_indices.get(index))].append(index)
    told = [f"{_listed(lacking)} on {', '.join(names)}" for lacking, names in places.items() if lacking]
    hint = "Give the account of this service what lacks; deploy/role.json is a role that has it all."
    if unmade := _lacking(MAKING, of_cluster):
        told.append(f"{_listed(unmade)} on the cluster")
        hint += " Or set RUNNER_SETUP=false, and run `eql-runner setup` with an account that has it."
    if told:
        raise AccessDenied(f"this account lacks privileges at {client.name}: {'; '.join(told)}", hint)


def _held(client: Client, asked: Mapping[str, Any]) -> tuple[_Held, Mapping[str, _Held]]:
    """Return which of the privileges that are asked for are held, on the cluster and by index."""
    answer = client.ask(
        _LOOK,
        "",
        lambda es: es.options(ignore_status=_NOT_TOLD).perform_request(
            "POST",
            "/_security/user/_has_privileges",
            headers={"accept": "application/json", "content-type": "application/json"},
            body=dict(asked),
        ),
    )
    told = answer if isinstance(answer, Mapping) and "has_all_requested" in answer else {}
    return told.get("cluster", {}), told.get("index", {})


def _lacking(asked: Iterable[str], held: _Held | None) -> tuple[str, ...]:
    """Return the privileges that are not held; what the cluster does not tell of is."""
    return tuple(privilege for privilege in asked if not (held or {}).get(privilege, True))


def _listed(privileges: Iterable[str]) -> str:
    return ", ".join(f"`{privilege}`" for privilege in privileges)
