"""Comparing one value of a field with constants, the values of two fields, and what is computed.

Source: Elasticsearch's term, terms and range queries, by mapped type; x-pack/plugin/ql Comparisons for what scripts do.
Elasticsearch refuses to compare two fields (ExpressionTranslators.checkBinaryComparison); here they compare as either
does with a constant: an address or a date with whatever can be read as one, however it is spelled.
"""

import operator as op
from collections.abc import Callable, Iterable
from functools import partial
from math import copysign
from typing import Any, TypeAlias

from runner.query import addresses, timestamps
from runner.query.kinds import DATES, NUMBERS, Kind, boolean, decimal, nanoseconds, number, spelled, version, whole
from runner.query.wildcards import folded

Test: TypeAlias = Callable[[Any], bool]
Pair: TypeAlias = Callable[[Any, Any], bool | None]
"""Compares two values, of which either may be null; null where they cannot be compared."""
Key: TypeAlias = Callable[[Any], Any]
"""What a value is compared by, None where it is nothing that its type takes."""
Constant: TypeAlias = str | int | float | bool

ORDERS: dict[str, Callable[[Any, Any], bool]] = {"<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_READ = DATES | {Kind.ADDRESS}  # documents and columns spell their values each in their own way


def equals_any(kind: Kind, constants: Iterable[Constant]) -> Test:
    """Return the test whether a value equals one of the constants."""
    given = list(constants)
    texts = equal_spellings(kind, given)
    if texts is not None:
        return lambda value: (value if type(value) is str else spelled(value)) in texts
    if kind in NUMBERS:
        return _numbered_like(kind, given)
    if kind is Kind.BOOLEAN:
        wanted = {boolean(constant) for constant in given} - {None}
        return lambda value: boolean(value) in wanted
    if kind is Kind.ADDRESS:
        networks = [addresses.network(constant) for constant in given if isinstance(constant, str)]
        return addresses.within([found for found in networks if found])
    if kind in DATES:
        spans = [found for constant in given if (found := _span(kind, constant))]
        return _dated_within(kind, spans)
    return _like_any(given)


def equal_spellings(kind: Kind, constants: Iterable[Constant]) -> frozenset[str] | None:
    """Return how a value that equals one of the constants is spelled; None where equality is more than spelling."""
    given = list(constants)
    texts = frozenset(map(spelled, given))
    if kind in (Kind.TEXT, Kind.VERSION):
        return texts
    plain = kind is Kind.ANY and not any(map(_is_number, given))
    return texts if plain and not any(_network(text) or _written_date(text) for text in texts) else None


def equals_insensitive(constants: Iterable[Constant]) -> Test:
    """Return the test whether a value equals one of the constants, case aside."""
    wanted = {folded(spelled(constant)) for constant in constants}
    return lambda value: folded(value if type(value) is str else spelled(value)) in wanted


def compares(kind: Kind, operator: str, constant: Constant) -> Test:
    """Return the test whether a value is on that side (`<`, `<=`, `>`, `>=`) of the constant."""
    order = ORDERS[operator]
    if kind is Kind.TEXT:
        text = spelled(constant)
        return lambda value: order(value if type(value) is str else spelled(value), text)
    if kind in NUMBERS:
        return _numbered(kind, order, constant)
    if kind is Kind.VERSION:
        key = version(constant)
        return lambda value: order(version(value), key)
    if kind is Kind.BOOLEAN:
        return _ordered(boolean, order, boolean(constant))
    if kind is Kind.ADDRESS:
        return _ordered(_address, order, _address(constant))
    if kind in DATES:
        found = _span(kind, constant)
        # A constant that is a whole day lies beyond its last instant for `>`, and before its first for `<`.
        edge = found and (found.last if operator in (">", "<=") else found.first)
        return _ordered(lambda value: nanoseconds(kind, value), order, edge)
    if isinstance(constant, str):
        return _ordered_like_any(operator, constant)
    if isinstance(constant, bool):
        return lambda _value: False
    return _numbered(kind, order, constant)


def of_fields(operator: str, left: Kind, right: Kind) -> Pair:
    """Return the comparison (`==`, `<`, `<=`, `>`, `>=`) of the values of two fields."""
    order = op.eq if operator == "==" else ORDERS[operator]
    as_it_stands: Pair = equal if operator == "==" else partial(ordered, order)
    if right in _READ and left not in _READ:
        mirrored = of_fields(MIRRORED[operator], right, left)
        return lambda one, other: mirrored(other, one)
    if left in _READ:
        # What cannot be read as the left one is unequal to it; of the same family it is no value at all.
        unread = None if operator != "==" or left is right or {left, right} <= DATES else False
        return _read(order, *_keys(left, right), unread)
    if Kind.ANY in (left, right):
        return _by_looks(order, as_it_stands)
    return _read(order, version, version, None) if left is right is Kind.VERSION else as_it_stands


def equal(left: Any, right: Any) -> bool | None:
    """Compare two values, of which either may be null."""
    if left is None or right is None:
        return None
    if type(left) is type(right):
        return bool(left == right)
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    return spelled(left) == spelled(right)


def ordered(order: Callable[[Any, Any], bool], left: Any, right: Any) -> bool | None:
    """Compare two values by order; null where either is, or where they have no order."""
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        return order(left, right)
    if isinstance(left, str) or isinstance(right, str):
        left, right = number(left), number(right)
        return None if left is None or right is None else order(left, right)
    return order(left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbered_like(kind: Kind, constants: list[Constant]) -> Test:
    convert: Key = _NUMBERED.get(kind, number)
    wanted = {_number(kind, constant) for constant in constants} - {None}
    return lambda value: convert(value) in wanted


def _number(kind: Kind, constant: Constant) -> Any:
    """Return the key of the number that a constant is; only a value is cut off where the field is whole."""
    return _decimal(constant) if kind is Kind.DECIMAL else number(constant)


def _decimal(value: Any) -> tuple[float, float] | None:
    """Return what orders decimals as the index does: -0.0 is another number than 0.0, and less (Lucene's NumericUtils)."""
    found = decimal(value)
    return None if found is None else (found, copysign(1, found))


_NUMBERED: dict[Kind, Key] = {Kind.WHOLE: whole, Kind.DECIMAL: _decimal}


def _like_any(constants: list[Constant]) -> Test:
    """Return the test of a value of which nothing is known: numbers, addresses and dates as such, all else by spelling."""
    numbers = frozenset(constant for constant in constants if _is_number(constant))
    texts = frozenset(spelled(constant) for constant in constants if not _is_number(constant))
    networks = [found for text in texts if (found := _network(text))]
    spans = [found for text in texts if (found := _written_date(text))]
    others = [
        *([addresses.within(networks)] if networks else []),
        *([_dated_within(Kind.NANOS, spans)] if spans else []),
    ]

    def test(value: Any) -> bool:
        if type(value) is str and value in texts:
            return True
        if number(value) in numbers or spelled(value) in texts:
            return True
        for other in others:  # noqa: SIM110  a loop is quicker than any() over a generator
            if other(value):
                return True
        return False

    return test


def _network(text: str) -> Any:
    """Return the network of an address that can be spelled in several ways, or of a block: the field is an ip then."""
    return addresses.network(text) if set(text) & set(":/") else None


def _written_date(text: str) -> timestamps.Span | None:
    """Return the span of a date that is written as one, not as a bare number."""
    return timestamps.span(text) if text[4:5] == "-" else None


def _ordered_like_any(operator: str, constant: str) -> Test:
    """Return the test of a value of which nothing is known against a text: dates and addresses as such, else as texts."""
    order = ORDERS[operator]
    dated = compares(Kind.NANOS, operator, constant) if timestamps.span(constant) else None
    edge = _address(constant)

    def test(value: Any) -> bool:
        if dated and timestamps.nanoseconds(value) is not None:
            return dated(value)
        if edge is not None and (found := _address(value)) is not None:
            return order(found, edge)
        return order(value if type(value) is str else spelled(value), constant)

    return test


def _keys(left: Kind, right: Kind) -> tuple[Key, Key]:
    """Return by what the values of an address or a date and of another field compare: read as the left field reads them."""
    if left is Kind.ADDRESS:
        return _address, _address
    return partial(nanoseconds, left), partial(nanoseconds, right if right in DATES else left)


def _read(order: Callable[[Any, Any], bool], left_key: Key, right_key: Key, unread: bool | None) -> Pair:  # noqa: FBT001  an answer, no switch
    """Return the comparison by keys, null where the left value has none, `unread` where only the right one has none."""

    def compare(left: Any, right: Any) -> bool | None:
        if left is None or right is None or (first := left_key(left)) is None:
            return None
        second = right_key(right)
        return unread if second is None else order(first, second)

    return compare


def _by_looks(order: Callable[[Any, Any], bool], as_it_stands: Pair) -> Pair:
    """Return the comparison of addresses and dates where both values are some; a date shows in one of them."""
    instant = timestamps.nanoseconds
    readings = [(_address, _address), (_written_instant, instant), (instant, _written_instant)]

    def compare(left: Any, right: Any) -> bool | None:
        if left is None or right is None:
            return None
        for left_key, right_key in readings:
            first = left_key(left)
            if first is not None and (second := right_key(right)) is not None:
                return order(first, second)
        return as_it_stands(left, right)

    return compare


def _numbered(kind: Kind, order: Callable[[Any, Any], bool], constant: Constant) -> Test:
    return _ordered(_NUMBERED.get(kind, number), order, _number(kind, constant))


def _ordered(convert: Callable[[Any], Any], order: Callable[[Any, Any], bool], edge: Any) -> Test:
    if edge is None:
        return lambda _value: False

    def test(value: Any) -> bool:
        found = convert(value)
        return found is not None and order(found, edge)

    return test


def _address(value: Any) -> int | None:
    spells = isinstance(value, str) and (value[:1].isdecimal() or ":" in value)  # quicker than to try
    return addresses.address(value) if spells else None


def _written_instant(value: Any) -> int | None:
    """Return a date that is written as one, not as a number."""
    found = _written_date(value) if isinstance(value, str) else None
    return found.first if found else None


def _span(kind: Kind, constant: Constant) -> timestamps.Span | None:
    if isinstance(constant, str):
        found = timestamps.span(constant)
        first = nanoseconds(kind, constant)
        return None if found is None or first is None else timestamps.Span(first, found.last)
    exact = timestamps.nanoseconds(constant)
    return None if exact is None else timestamps.Span(exact, exact)


def _dated_within(kind: Kind, spans: list[timestamps.Span]) -> Test:
    def test(value: Any) -> bool:
        found = nanoseconds(kind, value)
        return found is not None and any(first <= found <= last for first, last in spans)

    return test
