"""Exception files to items and Issues: TOML of our own, Kibana's exception list export, and value lists beside them.

    exceptions/              a folder of this name among the rules, or what RUNNER_EXCEPTIONS_PATH names
      web.toml               [[exception]] items, and [[list]] to say which rules a list is for
      trusted.ndjson         an export of Kibana
      hosts.txt              a value list, named by an entry of type list

An item applies to the rules that it names by itself, to those that its list is given to by a `[[list]]`, and to those
that name its list in their `exceptions_list`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from runner.rules import exception_export
from runner.rules.draft import Draft
from runner.rules.exception_checks import LIST_FIELDS, check_keys, namespace, read_item, target
from runner.rules.exceptions import ENDPOINT_LIST, ExceptionItem, ListKey, Target
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.model import Rule
from runner.rules.reading import Reading
from runner.rules.texts import files_below, is_folder, read_text
from runner.rules.toml_places import TomlPlaces
from runner.rules.toml_rules import parsed

FOLDER = "exceptions"
SUFFIXES = (".toml", ".ndjson")
TABLES = ("exception", "list")


@dataclass(frozen=True, slots=True)
class Given:
    """A list that is given to rules, and where that stands."""

    list_key: ListKey
    target: Target
    draft: Draft


@dataclass(frozen=True)
class ExceptionSet:
    """What was found: the items that can apply, the lists there are and those given to rules, and every issue."""

    items: tuple[ExceptionItem, ...] = ()
    given: tuple[Given, ...] = ()
    lists: frozenset[ListKey] = frozenset()
    issues: tuple[Issue, ...] = ()
    drafts: Mapping[str, Draft] = field(default_factory=dict, repr=False)
    """Item id → where it stands."""

    def of(self, rule: Rule) -> tuple[ExceptionItem, ...]:
        """Return the items that apply to a rule, expired ones too."""
        named = {_key(one) for one in rule.exceptions_list if one.get("list_id") != ENDPOINT_LIST}
        named.update(one.list_key for one in self.given if _is_for(one.target, rule))
        return tuple(item for item in self.items if item.list_key in named or _is_for(item.target, rule))

    def about(self, draft: Draft, rule: Rule) -> Iterator[Issue]:
        """Yield what is worth knowing of the lists that a rule names."""
        for number, named in enumerate(rule.exceptions_list):
            at = ("exceptions_list", number)
            if named.get("list_id") == ENDPOINT_LIST:
                message = "the list of Elastic Defend's own exceptions is not applied, as it is not in Kibana's rules"
                yield draft.issue(IssueSeverity.INFO, Code.NO_EFFECT, message, *at)
            elif _key(named) not in self.lists:
                yield draft.issue(
                    IssueSeverity.WARNING,
                    Code.NO_EFFECT,
                    f"the exception list `{named.get('list_id')}` is not here: events that it would let pass become alerts",
                    *at,
                    hint="export it from Kibana into a file below the folder exceptions, or write its items there",
                )

    def strays(self, rules: Sequence[Rule]) -> Iterator[Issue]:
        """Yield a warning for each rule that is named and not there, and for each item that applies to no rule."""
        known = {name for rule in rules for name in (rule.rule_id, rule.name)}
        for draft, named in self._named():
            for number, name in enumerate(named):
                if name not in known:
                    near = get_close_matches(name, known, n=1)
                    hint = f"did you mean `{near[0]}`?" if near else "`eql-runner rules` lists them"
                    message = f"there is no rule `{name}` that can run"
                    yield draft.issue(IssueSeverity.WARNING, Code.OVERRIDE, message, "rules", number, hint=hint)
        yield from self._unused({item.item_id for rule in rules for item in rule.exceptions})

    def _unused(self, used: Collection[str]) -> Iterator[Issue]:
        """Yield a warning for each item that names its rules and has none; and for each list of others, at its first."""
        hint = "name rules in `rules` or `rule_tags`, or let rules name the list in their `exceptions_list`"
        told: set[ListKey] = set()
        for item in self.items:
            named = item.target != Target()
            if item.item_id in used or (not named and item.list_key in told):
                continue
            what = "exception" if named else f"exception list `{item.list_id}`"
            message = f"the {what} applies to no rule"
            draft = self.drafts[item.item_id]
            yield draft.issue(IssueSeverity.WARNING, Code.NO_EFFECT, message, hint=hint)
            told.add(item.list_key)

    def _named(self) -> Iterator[tuple[Draft, tuple[str, ...]]]:
        yield from ((self.drafts[item.item_id], item.target.rules) for item in self.items)
        yield from ((one.draft, one.target.rules) for one in self.given)


def load_exceptions(rule_paths: Iterable[Path], path: Path | None = None) -> ExceptionSet:
    """Read all exceptions: of `path`, else of the folders beside the rules; and those within exports of rules."""
    loading = _Loading()
    paths = list(rule_paths)
    issues = loading.issues
    for file in _files(path, issues) if path else [one for found in paths for one in _beside(found, issues)]:
        loading.read(file)
    for file in (one for found in paths for one in _exports(found, issues)):
        loading.read_export(file, complain=False)
    return ExceptionSet(
        tuple(loading.items.values()),
        tuple(loading.given),
        frozenset(loading.lists),
        tuple(loading.issues),
        loading.drafts,
    )


class _Loading:
    """One pass over the files."""

    def __init__(self) -> None:
        self.items: dict[str, ExceptionItem] = {}
        self.given: list[Given] = []
        self.issues: list[Issue] = []
        self.drafts: dict[str, Draft] = {}
        self.lists: set[ListKey] = set()

    def read(self, path: Path) -> None:
        if path.suffix == ".toml":
            self._read_toml(path)
        elif path.suffix == ".ndjson":
            self.read_export(path, complain=True)
        else:
            hint = "exceptions are .toml files, or .ndjson as Kibana exports them"
            message = "this is no file of exceptions"
            self.issues.append(Issue(IssueSeverity.ERROR, Code.UNREADABLE, message, path, hint=hint))

    def read_export(self, path: Path, *, complain: bool) -> None:
        """Read the items of an export; of one of rules, which the rules' reader checks, without complaint."""
        text = read_text(path, self.issues if complain else [])
        if text is None:
            return
        export = exception_export.read(path, text)
        if complain:
            self.issues += export.issues
        self.lists |= export.lists
        for draft in export.items:
            self._add(draft, list_id=path.stem, told=False)

    def _read_toml(self, path: Path) -> None:
        text = read_text(path, self.issues)
        if text is None:
            return
        table, places, issue = parsed(path, text)
        if issue:
            self.issues.append(issue)
            return
        if not any(name in table for name in TABLES):
            message = "there is no [[exception]] and no [[list]]"
            self.issues.append(Issue(IssueSeverity.ERROR, Code.NOT_A_RULE, message, path, places.of(())))
        for name in table:
            if name not in TABLES:
                hint = f"the tables of this file are {' and '.join(f'[[{one}]]' for one in TABLES)}"
                message = f"unknown table `{name}`"
                place = places.of((name,))
                self.issues.append(Issue(IssueSeverity.ERROR, Code.UNKNOWN_KEY, message, path, place, hint))
        for draft in self._tables(path, table, places, "exception"):
            self._add(draft, list_id=path.stem)
        for draft in self._tables(path, table, places, "list"):
            self._give(draft)

    def _tables(self, path: Path, table: Mapping[str, Any], places: TomlPlaces, name: str) -> Iterator[Draft]:
        listed = table.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            message = f"`{name}` is no list of tables"
            place = places.of((name,))
            hint = f"write [[{name}]], in two brackets"
            self.issues.append(Issue(IssueSeverity.ERROR, Code.SHAPE, message, path, place, hint))
            return
        for number, one in enumerate(listed):
            yield Draft(path, one, places, (name, number))

    def _add(self, draft: Draft, *, list_id: str, told: bool = True) -> None:
        item, reading = read_item(draft, partial(_values, draft.path.parent), list_id=list_id, told=told)
        if item is not None and item.item_id in self.items:
            first = self.items[item.item_id]
            hint = "the first of them applies; give this one another name or item_id"
            message = f"another exception is called so: {first.path}:{first.line}"
            at = "item_id" if "item_id" in draft.table else "name"
            reading.fault(Code.DUPLICATE, message, at, hint=hint)
        elif item is not None:
            self.items[item.item_id] = item
            self.lists.add(item.list_key)
            self.drafts[item.item_id] = draft
        self.issues += sorted(reading.issues, key=lambda issue: (issue.line, issue.column))

    def _give(self, draft: Draft) -> None:
        reading = Reading(draft, LIST_FIELDS)
        check_keys(reading)
        reading.has_texts(draft.table, ("list_id",), ())
        given = Given((reading.text("list_id"), namespace(reading)), target(reading), draft)
        if given.target == Target():
            reading.fault(Code.MISSING, "the list is given to no rule", hint="name them in `rules` or `rule_tags`")
        if not reading.failed:
            self.given.append(given)
        self.issues += reading.issues


def _values(folder: Path, name: str) -> list[str]:
    """Return the values of a list: a line each, blank ones left out. Kibana's lists have no ending in their names."""
    path = folder / name
    if not path.exists() and not path.suffix:
        path = path.with_suffix(".txt")
    lines = path.read_bytes().decode("utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _is_for(target: Target, rule: Rule) -> bool:
    return target.holds(rule.rule_id, rule.name, rule.tags)


def _key(named: Mapping[str, Any]) -> ListKey:
    return str(named.get("list_id")), str(named.get("namespace_type", "single"))


def _files(path: Path, issues: list[Issue]) -> list[Path]:
    """Return the files of items below a folder, sorted; or the path itself."""
    if is_folder(path):
        return [one for one in files_below(path, issues) if one.suffix in SUFFIXES]
    return [path]


def _beside(path: Path, issues: list[Issue]) -> list[Path]:
    """Return the files of items in the folders named `exceptions` among the rules, or beside a single file."""
    if not is_folder(path):
        folder = path.parent / FOLDER
        return _files(folder, issues) if is_folder(folder) else []
    found = files_below(path, issues)
    return [one for one in found if FOLDER in one.relative_to(path).parts[:-1] and one.suffix in SUFFIXES]


def _exports(path: Path, issues: list[Issue]) -> list[Path]:
    """Return the exports of rules among the rules: their exception items come with them."""
    if not is_folder(path):
        return [path] if path.suffix == ".ndjson" else []
    return [one for one in files_below(path, issues, without=FOLDER) if one.suffix == ".ndjson"]
