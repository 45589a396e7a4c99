"""What the mapping of a live cluster tells of a rule: fields that nothing maps, types that do not fit, no indices."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runner.query import ast
from runner.query.indexed import DATES, NUMERIC
from runner.query.traversal import filters, nodes
from runner.query.types import FieldTypes
from runner.rules.draft import Draft
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.model import Rule

NEAR = 3  # names to suggest
_ERROR, _WARNING, _INFO = IssueSeverity.ERROR, IssueSeverity.WARNING, IssueSeverity.INFO


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a cluster knows of a rule's indices.

    `types` are those of the fields that the rule reads; `empty` are its patterns that match no index; `names` gives all
    fields of the indices, and is asked only where one is looked for.
    """

    types: FieldTypes
    empty: tuple[str, ...]
    names: Callable[[], Sequence[str]]


def mapping_lint(draft: Draft, rule: Rule, mapped: Mapped) -> Iterator[Issue]:
    """Yield what is wrong with the rule, or worth knowing, as long as the indices are mapped like this."""
    if rule.index and len(mapped.empty) == len(rule.index):
        message = f"no index matches {', '.join(rule.index)}: there is nothing to search"
        yield draft.issue(_WARNING, Code.MAPPING, message, "index", hint="RUNNER_INDEX_OVERRIDE names other patterns")
        return
    if mapped.empty:
        yield draft.issue(_INFO, Code.MAPPING, f"no index matches {', '.join(mapped.empty)}", "index")
    yield from _clocks(draft, rule, mapped)
    yield from _unknown(draft, rule, mapped)
    yield from _misfits(draft, rule, mapped)
    yield from _vain(draft, rule, mapped)


def _clocks(draft: Draft, rule: Rule, mapped: Mapped) -> Iterator[Issue]:
    """Can events be found by their time?"""
    for key, path in (("timestamp_override", rule.timestamp_override), ("timestamp_field", rule.timestamp_field)):
        if path is None:
            continue
        known = mapped.types.get(path)
        if known is None:
            falls_back = key == "timestamp_override" and rule.timestamp_override_fallback
            then = f"events are found by {rule.timestamp_field} alone" if falls_back else "no event can be found"
            message = f"`{path}`, the {key}, is mapped in none of {_shown(rule)}: {then}"
            yield draft.issue(_WARNING, Code.MAPPING, message, key, hint=_nearest(path, mapped))
        elif not known.types <= DATES:
            message = f"`{path}`, the {key}, is of type {', '.join(sorted(known.types))}, and no date"
            yield draft.issue(_ERROR, Code.MAPPING, message, key)


def _unknown(draft: Draft, rule: Rule, mapped: Mapped) -> Iterator[Issue]:
    """Is each field mapped somewhere?"""
    found = sorted(rule.program.unmapped(mapped.types), key=lambda field: (field.place.line, field.place.column))
    absent = {field.path: field for field in reversed(found)}
    for path, field in reversed(absent.items()):
        message = f"`{path}` is mapped in none of {_shown(rule)}: no event can have a value there"
        hints = [
            _nearest(path, mapped),
            f"write ?{path} if it need not exist: the EQL API refuses the query without it",
        ]
        yield _at(draft, field.place, _WARNING, message, "; ".join(filter(None, hints)))
    category = rule.event_category_override
    if category in rule.program.fields and category not in mapped.types and category not in absent:
        message = f"`{category}`, the field of the category, is mapped in none of {_shown(rule)}: nothing can match"
        yield draft.issue(_WARNING, Code.MAPPING, message, "query", hint="event_category_override names another field")


def _misfits(draft: Draft, rule: Rule, mapped: Mapped) -> Iterator[Issue]:
    """Do the types of the fields fit what the query does with them?"""
    for error in rule.program.misfits(mapped.types):
        place = ast.Place(error.line, error.column)
        message = f"{error.message}: the EQL API refuses this query over {_shown(rule)}"
        yield _at(draft, place, _ERROR, message, error.hint)


def _vain(draft: Draft, rule: Rule, mapped: Mapped) -> Iterator[Issue]:
    """Is a number compared with a text that is none?"""
    compared = (
        (field, literal)
        for each in filters(rule.program.query)
        for node in nodes(each.condition)
        if isinstance(node, ast.Comparison)
        for field, literal in ((node.left, node.right), (node.right, node.left))
        if isinstance(field, ast.Field) and isinstance(literal, ast.Literal)
    )
    for field, literal in compared:
        known = mapped.types.get(field.path)
        if known and known.types <= NUMERIC and isinstance(literal.value, str) and not _is_number(literal.value):
            message = f'`{field.path}` is a number in {_shown(rule)}, and "{literal.value}" is none: no value compares with it'
            yield _at(draft, literal.place, _WARNING, message, "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _at(draft: Draft, place: ast.Place, severity: IssueSeverity, message: str, hint: str) -> Issue:
    where = draft.whereabouts.inside((*draft.root, "query"), place.line, place.column)
    return draft.issue(severity, Code.MAPPING, message, hint=hint, place=where)


def _nearest(path: str, mapped: Mapped) -> str:
    near = difflib.get_close_matches(path, mapped.names(), NEAR)
    return f"did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""


def _shown(rule: Rule) -> str:
    return ", ".join(rule.index)
