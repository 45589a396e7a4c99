"""Make our templates, indices and aliases, or bring them up to date; never touch what is not ours.

Everything is looked at first and only what lacks is made, so that a second run does nothing and an account that may
only read and write suffices once all is there. Two that run at once do each other no harm: what the other has made in
between counts as made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic import precedence, templates
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

    @property
    def all(self) -> tuple[str, ...]:
        """Return every name that there is."""
        every = (self.alerts, self.executions, self.state, self.outbox, self.suppressed)
        return tuple(name for name in every if name)


def install(client: Client, names: Names) -> tuple[str, ...]:
    """Bring the cluster to where this version needs it; return a line for each thing done (none: all was there).

    Raises SetupError when something by our names is not ours or made by a newer version, or would not become ours,
    AccessDenied when the account may not do what is needed. What is refused is refused before anything is made.
    """
    version = version_of(client)
    components = {
        names.alerts: templates.alerts_component(keep_overflow=version >= _OVERFLOW_SINCE),
        names.executions: templates.executions_component(),
    }
    singles = {
        names.state: templates.state_index(),
        names.outbox: templates.outbox_index(),
        names.suppressed: templates.suppressed_index(),
    }
    singles.pop("", None)

    lacking = [one for one in _templates(components, custom=version >= _CUSTOM_SINCE) if not _is_current(client, one)]
    found = _indices(client, names)
    behind = {alias: _behind_alias(alias, found) for alias in components}
    alone = {name: _by_name(name, found) for name in singles}
    for name, about in found.items():
        _must_be_ours(f"index {name}", *_stamp(about))
    _must_become_ours(client, behind, alone)

    done: list[str] = []
    for template in lacking:
        done += _written(client, template)
    for alias, ours in behind.items():
        mappings = components[alias]["template"]["mappings"]
        done += _upgraded(client, ours, mappings) if ours else _first(client, alias)
    for name, ours in alone.items():
        done += _upgraded(client, ours, singles[name]["mappings"]) if ours else _single(client, name, singles[name])
    return tuple(done)


@dataclass(frozen=True, slots=True)
class _Template:
    """A template as it has to be; `kind` is `component` or `index`."""

    kind: str
    name: str
    body: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"/_{self.kind}_template/{self.name}"


def _templates(components: Mapping[str, Mapping[str, Any]], *, custom: bool) -> Iterator[_Template]:
    for alias, component in components.items():
        yield _Template("component", templates.package(alias), component)
        yield _Template("index", alias, templates.index_template(alias, custom=custom))


def _is_current(client: Client, template: _Template) -> bool:
    """Whether the template is there, of this version. Raises SetupError for one that is not ours."""
    answer = client.ask(
        _READ_TEMPLATE,
        template.name,
        lambda es: es.options(ignore_status=404).perform_request("GET", template.path, headers=_JSON),
    )
    kind = f"{template.kind}_template"
    there = next((one[kind] for one in answer.get(f"{kind}s", ())), None)
    if there is None:
        return False
    version = there.get("version", 0)
    _must_be_ours(f"{template.kind} template {template.name}", there.get("_meta"), version)
    return bool(version == templates.VERSION)


def _written(client: Client, template: _Template) -> Iterator[str]:
    body = dict(template.body)
    client.ask(
        _WRITE_TEMPLATE, template.name, lambda es: es.perform_request("PUT", template.path, headers=_JSON, body=body)
    )
    yield f"wrote the {template.kind} template {template.name}"


def _indices(client: Client, names: Names) -> Mapping[str, Any]:
    """Return what is there by our names: concrete index → its aliases and its mapping's `_meta`."""
    answer = client.ask(
        _LOOK,
        ",".join(names.all),
        lambda es: es.indices.get(
            index=names.all,
            ignore_unavailable=True,
            features=["aliases", "mappings"],
            filter_path="*.aliases,*.mappings._meta",
        ),
    )
    return mapping(answer, "the list of indices")


def _behind_alias(alias: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the indices that the alias stands for. Raises SetupError for an alias that cannot roll over."""
    if alias in found:
        raise SetupError(
            f"{alias} is an index, and must be an alias that rolls over",
            f"Reindex it to {templates.first_index(alias)} and delete it, or set another name in the settings.",
        )
    ours = _by_name(alias, found)
    if len(ours) > 1 and not any(about["aliases"][alias].get("is_write_index") for about in ours.values()):
        raise SetupError(
            f"the alias {alias} stands for {', '.join(sorted(ours))}, and none of them is its write index",
            f"Set `is_write_index` for {alias} on the newest of them.",
        )
    return ours


def _by_name(name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {index: about for index, about in found.items() if index == name or name in about.get("aliases", {})}


def _must_become_ours(client: Client, behind: Mapping[str, Any], alone: Mapping[str, Any]) -> None:
    """Raise SetupError where a template of someone else's would make another thing of an index that lacks."""
    if all(behind.values()) and all(alone.values()):
        return
    everyone = precedence.index_templates(client)
    for alias in (alias for alias, ours in behind.items() if not ours):
        precedence.must_be_ours(client, everyone, alias, templates.first_index(alias))
    for name in (name for name, ours in alone.items() if not ours):
        precedence.must_be_an_index(everyone, name)


def _first(client: Client, alias: str) -> Iterator[str]:
    name = templates.first_index(alias)
    if _create(client, name, {"aliases": {alias: {"is_write_index": True}}}):
        yield f"created the index {name} with the alias {alias}"
    about = client.ask(_LOOK, name, lambda es: es.indices.get(index=name, features=["aliases", "mappings"]))[name]
    if alias not in about["aliases"]:
        raise SetupError(
            f"the index {name} exists without the alias {alias}", f"Give it the alias {alias}, or delete it."
        )
    _must_be_ours(f"index {name}", *_stamp(about), "Another index template may have shaped it. ")


def _single(client: Client, name: str, body: Mapping[str, Any]) -> Iterator[str]:
    if _create(client, name, body):
        yield f"created the index {name}"


def _create(client: Client, name: str, body: Mapping[str, Any]) -> bool:
    """Create the index; return false when another has just done so."""
    created = []

    def request(es: Elasticsearch) -> ApiResponse[Any]:
        answer = es.options(ignore_status=400).indices.create(index=name, **body)
        error = answer.body.get("error")
        if error is None:
            created.append(name)
        elif error.get("type") != "resource_already_exists_exception":
            raise SetupError(f"cannot create the index {name}: {error.get('reason')}")
        return answer

    client.ask(_CREATE, name, request)
    return bool(created)


def _upgraded(client: Client, ours: Mapping[str, Any], mappings: Mapping[str, Any]) -> Iterator[str]:
    """Add what the indices' mappings lack; types that are there stay until the alias rolls over."""
    outdated = [name for name, about in sorted(ours.items()) if _stamp(about)[1] != templates.VERSION]
    for name in outdated:
        client.ask(_UPGRADE, name, partial(_put_mapping, name, mappings))
        yield f"brought the mapping of {name} up to date"


def _put_mapping(name: str, mappings: Mapping[str, Any], es: Elasticsearch) -> ApiResponse[Any]:
    return es.indices.put_mapping(index=name, body=dict(mappings))


def _stamp(about: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, int]:
    """Return what an index says of itself, and of which version of ours it is."""
    meta = about.get("mappings", {}).get("_meta")
    return meta, (meta or {}).get("version", 0)


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
