"""Make our templates, indices and aliases, or bring them up to date; never touch what is not ours.

Everything is looked at first and only what lacks is made, so that a second run does nothing and an account that may
only read and write suffices once all is there. Two that run at once do each other no harm: what the other has made in
between counts as made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.elastic import templates
from runner.elastic.capabilities import version_of
from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.errors import SetupError
from runner.settings import Settings

_ALTERNATIVE = "or run `eql-runner setup` with an account that has it, and set RUNNER_SETUP=false here"
_LOOK = Action("look at", "`view_index_metadata` on its indices")
_READ_TEMPLATE = Action("read the template", f"`manage_index_templates` on the cluster; {_ALTERNATIVE}")
_WRITE_TEMPLATE = Action(
    "write the template", f"`manage_index_templates` on the cluster; {_ALTERNATIVE}", refused=SetupError
)
_CREATE = Action("create", f"`manage` on the indices of this service; {_ALTERNATIVE}", refused=SetupError)
_UPGRADE = Action("bring up to date", f"`manage` on the indices of this service; {_ALTERNATIVE}", refused=SetupError)

_OVERFLOW_SINCE = (8, 14)
_CUSTOM_SINCE = (8, 7)
_JSON = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Names:
    """What our indices are called: two aliases that roll over, and up to three indices.

    The outbox is there only where notifications are; an index without a name is not made.
    """

    alerts: str = "eql-runner-alerts"
    executions: str = "eql-runner-executions"
    state: str = "eql-runner-state"
    outbox: str = ""
    suppressed: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Names":
        """Return the names that the settings give."""
        outbox = settings.outbox_index if settings.notifications_path else ""
        own = (settings.alerts_index, settings.executions_index, settings.state_index)
        return cls(*own, outbox, settings.suppressed_index)


def install(client: Client, names: Names) -> tuple[str, ...]:
    """Bring the cluster to where this version needs it; return a line for each thing done (none: all was there).

    Raises SetupError when something by our names is not ours or made by a newer version, AccessDenied when the account
    may not do what is needed.
    """
    version = version_of(client)
    components = {
        names.alerts: templates.alerts_component(keep_overflow=version >= _OVERFLOW_SINCE),
        names.executions: templates.executions_component(),
    }
    done: list[str] = []
    for alias, component in components.items():
        done += _template(client, "component", templates.package(alias), component)
        done += _template(client, "index", alias, templates.index_template(alias, custom=version >= _CUSTOM_SINCE))
    found = _indices(client, names)
    for alias, body in components.items():
        done += _behind_alias(client, alias, found, body["template"]["mappings"])
    done += _single(client, names.state, templates.state_index(), found)
    if names.outbox:
        done += _single(client, names.outbox, templates.outbox_index(), found)
    if names.suppressed:
        done += _single(client, names.suppressed, templates.suppressed_index(), found)
    return tuple(done)


def _template(client: Client, kind: str, name: str, body: Mapping[str, Any]) -> Iterator[str]:
    """Write a template, of kind `component` or `index`, where it lacks or is of an older version of ours."""
    path = f"/_{kind}_template/{name}"
    answer = client.ask(
        _READ_TEMPLATE, name, lambda es: es.options(ignore_status=404).perform_request("GET", path, headers=_JSON)
    )
    there = next((one[f"{kind}_template"] for one in answer.get(f"{kind}_templates", ())), None)
    if there is not None:
        version = there.get("version", 0)
        _must_be_ours(f"{kind} template {name}", there.get("_meta"), version)
        if version == templates.VERSION:
            return
    client.ask(_WRITE_TEMPLATE, name, lambda es: es.perform_request("PUT", path, headers=_JSON, body=dict(body)))
    yield f"wrote the {kind} template {name}"


def _indices(client: Client, names: Names) -> Mapping[str, Any]:
    """Return what is there by our names: concrete index → its aliases and its mapping's `_meta`."""
    every = (names.alerts, names.executions, names.state, names.outbox, names.suppressed)
    wanted = [name for name in every if name]
    answer = client.ask(
        _LOOK,
        ",".join(wanted),
        lambda es: es.indices.get(
            index=wanted,
            ignore_unavailable=True,
            features=["aliases", "mappings"],
            filter_path="*.aliases,*.mappings._meta",
        ),
    )
    return mapping(answer, "the list of indices")


def _behind_alias(client: Client, alias: str, found: Mapping[str, Any], mappings: Mapping[str, Any]) -> Iterator[str]:
    if alias in found:
        raise SetupError(
            f"{alias} is an index, and must be an alias that rolls over",
            f"Reindex it to {templates.first_index(alias)} and delete it, or set another name in the settings.",
        )
    ours = {name: about for name, about in found.items() if alias in about.get("aliases", {})}
    if not ours:
        yield from _first(client, alias)
        return
    if len(ours) > 1 and not any(about["aliases"][alias].get("is_write_index") for about in ours.values()):
        raise SetupError(
            f"the alias {alias} stands for {', '.join(sorted(ours))}, and none of them is its write index",
            f"Set `is_write_index` for {alias} on the newest of them.",
        )
    for name, about in sorted(ours.items()):
        yield from _upgraded(client, name, about, mappings)


def _first(client: Client, alias: str) -> Iterator[str]:
    name = templates.first_index(alias)
    if _create(client, name, {"aliases": {alias: {"is_write_index": True}}}):
        yield f"created the index {name} with the alias {alias}"
    about = client.ask(_LOOK, name, lambda es: es.indices.get(index=name, features=["aliases", "mappings"]))[name]
    if alias not in about["aliases"]:
        raise SetupError(
            f"the index {name} exists without the alias {alias}", f"Give it the alias {alias}, or delete it."
        )
    _must_be_ours(f"index {name}", about["mappings"].get("_meta"), 0, "Another index template may have shaped it. ")


def _single(client: Client, name: str, body: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    there = {index: about for index, about in found.items() if index == name or name in about.get("aliases", {})}
    if not there and _create(client, name, body):
        yield f"created the index {name}"
    for index, about in there.items():
        yield from _upgraded(client, index, about, body["mappings"])


def _create(client: Client, name: str, body: Mapping[str, Any]) -> bool:
    """Create the index; return false when another has just done so."""
    created = []

    def request(es: Any) -> Any:
        answer = es.options(ignore_status=400).indices.create(index=name, **body)
        error = answer.body.get("error")
        if error is None:
            created.append(name)
        elif error.get("type") != "resource_already_exists_exception":
            raise SetupError(f"cannot create the index {name}: {error.get('reason')}")
        return answer

    client.ask(_CREATE, name, request)
    return bool(created)


def _upgraded(client: Client, name: str, about: Mapping[str, Any], mappings: Mapping[str, Any]) -> Iterator[str]:
    """Add what the index's mapping lacks; types that are there stay until the alias rolls over."""
    meta = about.get("mappings", {}).get("_meta")
    version = (meta or {}).get("version", 0)
    _must_be_ours(f"index {name}", meta, version)
    if version == templates.VERSION:
        return
    client.ask(_UPGRADE, name, lambda es: es.indices.put_mapping(index=name, body=dict(mappings)))
    yield f"brought the mapping of {name} up to date"


def _must_be_ours(what: str, meta: Mapping[str, Any] | None, version: int, why: str = "") -> None:
    if (meta or {}).get("owner") != templates.OWNER:
        raise SetupError(
            f"the {what} is not ours: it lacks `_meta.owner: {templates.OWNER}`",
            f"{why}Rename or remove it, or set other names: RUNNER_ALERTS_INDEX and the other RUNNER_*_INDEX.",
        )
    if version > templates.VERSION:
        raise SetupError(
            f"the {what} was made by a newer version of eql-runner ({version}, this one knows {templates.VERSION})",
            "Run that version or a newer one; there is no way back.",
        )
