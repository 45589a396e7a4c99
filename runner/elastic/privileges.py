"""What this account may not read.

Elasticsearch leaves indices that an account may not read out of a wildcard, and answers as if there were none. A rule
over such a pattern finds nothing, and each execution is complete. So the account is asked for, once, before rules run.
Source: the Elasticsearch reference, "Has privileges API", and "Index patterns" of the security privileges.
"""

from collections.abc import Iterable, Mapping

from runner.elastic.client import Client
from runner.elastic.failures import Action

READING = ("read", "view_index_metadata")

_LOOK = Action("look at the privileges of this account", "no privilege; being known to the cluster is enough")


def unreadable(client: Client, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return those of the patterns that the account may not wholly read; none where the cluster has no security.

    Patterns of other clusters cannot be asked for here, and are left out. Raises RunnerError.
    """
    asked = sorted({pattern for pattern in patterns if ":" not in pattern and not pattern.startswith("-")})
    if not asked:
        return ()
    answer = client.ask(
        _LOOK,
        "",
        # Where security is off the path is unknown: 400.
        lambda es: es.options(ignore_status=400).perform_request(
            "POST",
            "/_security/user/_has_privileges",
            headers={"accept": "application/json", "content-type": "application/json"},
            body={"index": [{"names": asked, "privileges": list(READING)}]},
        ),
    )
    held = answer.get("index") if isinstance(answer, Mapping) else None
    if not isinstance(held, Mapping):
        return ()
    return tuple(pattern for pattern in asked if not all(held.get(pattern, {}).values()))
