"""What the index can say of one field: from a test of its values to bounds in Query DSL.

How the types are treated:

| field | treatment |
|---|---|
| keyword, constant_keyword, wildcard | equality, prefixes and wildcards are pushed; order too (not for constant_keyword) |
| text | by its `keyword` subfield where all indices have one; else only that there is a value |
| whole numbers, boolean | equality and order decide |
| double | equality and order decide |
| other decimal numbers | the index may have rounded the value: order is pushed inclusively (not for half_float, scaled_float) |
| date, date_nanos | order and equality; a constant may be a whole day, and is rounded as the index does |
| ip | equality and networks; version: equality |
| a key of a flattened field | equality; what it ignores is recorded nowhere, so not even presence can be searched for |
| several types | only what is right in each of them, mostly that there is a value |
| not mapped | absent, whatever `_source` holds: so it is for Elasticsearch |
| nested, object, not searchable, unknown | nothing is pushed |

A value longer than the mapping's `ignore_above` (or malformed, with `ignore_malformed`) is in `_source` but not in the
index, and a search for it finds nothing. Elasticsearch's own EQL misses such events; we do not: the document's
`_ignored` names the field, and the upper bound keeps it. `ignore_above` itself cannot be asked for. It is taken to be
at least 256, the least that Elasticsearch and ECS set, so equality with a shorter text needs no such care. It counts as
Java does, in UTF-16: a character beyond U+FFFF is two (KeywordFieldMapper.indexValue).

Case aside, 8.19 folds ASCII alone, as the matcher does; but the letters with a relative beyond ASCII (the Kelvin sign is
a K) are folded further by later versions, and by all in a field without an index or made at run time. So a test with
such a letter may find too much, and is not negated.

A constant_keyword is searched for by Regex.simpleMatch, whatever the query (ConstantFieldType): `*` is any text, also in
a term, and `?` and the backslash are themselves, also in a wildcard. A text that would be read otherwise is not pushed.

A keyword field's `normalizer` and `null_value` cannot be asked for either, and are not thought of.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import IPv6Address, ip_interface
from math import copysign
from typing import TypeAlias

from runner.query.automaton import is_small, literal_start, spelled, wildcard
from runner.query.bounds import Bounds, decided, implied
from runner.query.clauses import ALWAYS, NEVER, Clause, Leaf, either, exists, ignored
from runner.query.lucene_parser import parse
from runner.query.types import FieldType, FieldTypes

Value: TypeAlias = str | int | float | bool

KEYWORDS = frozenset({"keyword", "constant_keyword", "wildcard"})
WHOLE = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "unsigned_long": (0, 2**64 - 1),
}
DECIMAL = {"double": 1.7e308, "float": 3.4e38, "half_float": 65000.0, "scaled_float": 3.4e38}
NUMERIC = frozenset(WHOLE | DECIMAL)
ROUNDED_INEVENLY = frozenset({"half_float", "scaled_float"})  # a range may round its bound otherwise than the value
DATES = frozenset({"date", "date_nanos"})
NEVER_IGNORED = frozenset({"constant_keyword", "text", "match_only_text", "boolean"})
KEY = frozenset({"a key of a flattened field"})
UNBOUNDED = frozenset({"nested", "object"})

LEAST_IGNORE_ABOVE = 256
LONGEST_PATTERN = 500  # the index refuses automata of more than 1,000 states, and prefixes of as many bytes
SHORT_PATTERN = 100
LEAST_ANCHOR = 4  # characters before the first `*`, from which on a pattern is a short walk through the dictionary

MISREAD_IN_CONSTANTS = {"term": {"*"}, "prefix": {"*"}, "wildcard": {"?", "\\"}}

INSENSITIVE = ("case_insensitive", True)
FOLDED_VARIOUSLY = re.compile(r"[iks]|[^\x00-\x7f]", re.IGNORECASE | re.ASCII)

DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?")
DATE_FORMAT = "strict_date_optional_time"  # it reads nanoseconds too; `…_nanos` asks for the seconds (DateFormatters)
YEARS = range(1971, 2262)  # those that date_nanos can hold; it refuses others


def consulted(paths: Iterable[str]) -> frozenset[str]:
    """Return the paths whose types are needed to search by these: they, what they are in, their `keyword` subfields."""
    asked: set[str] = set()
    for path in paths:
        names = path.split(".")
        asked.update(".".join(names[:count]) for count in range(1, len(names) + 1))
        asked.add(f"{path}.keyword")
    return frozenset(asked)


@dataclass(frozen=True)
class Indexed:
    """One field, as all indices together have it.

    `path` is what the DSL and `_ignored` name, `types` are the mapped types (empty when the field
    is mapped nowhere). `unbounded` when even the presence of a value cannot be searched for.
    """

    path: str
    types: frozenset[str]
    unbounded: bool = False

    @cached_property
    def _ignored(self) -> Clause:
        return NEVER if self.types <= NEVER_IGNORED else ignored(self.path)

    @cached_property
    def present(self) -> Bounds:
        """The field has a value."""
        if not self.types:
            return decided(NEVER)
        if self.unbounded:
            return implied(ALWAYS)
        return Bounds(either([exists(self.path), self._ignored]), exists(self.path))

    @cached_property
    def unknown(self) -> Bounds:
        """Some test of the field that the index cannot do: it takes a value, and no more is known."""
        return implied(self.present.upper) if self.types else decided(NEVER)

    def equals(self, value: Value, *, insensitive: bool = False) -> Bounds:
        """Return the bounds of: one of the values is this one."""
        if isinstance(value, str) and self.types == KEY and _units(value) <= LEAST_IGNORE_ABOVE:
            return self._tested(self._term(value, insensitive=insensitive), may_be_ignored=False)
        if self.unbounded or not self.types:
            return self.unknown
        if isinstance(value, str):
            return self._equals_text(value, insensitive=insensitive)
        if isinstance(value, bool):
            return decided(self._term(value)) if self.types == {"boolean"} else self.unknown
        return self._equals_number(value)

    def spells(self, value: Value, *, insensitive: bool) -> Bounds:
        """Return the bounds of: one of the values, as a text, is spelled like this one."""
        same = self.equals(value, insensitive=insensitive)
        return same if self._is_text or self.types == KEY or not self.types else implied(same.upper)

    def compares(self, operator: str, value: Value) -> Bounds:
        """Return the bounds of: one of the values is on that side (`<`, `<=`, `>`, `>=`) of this one."""
        if self.unbounded or not self.types or isinstance(value, bool):
            return self.unknown
        name = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[operator]
        if isinstance(value, str):
            if self._is_date and is_date(value):
                return decided(self._range((name, value), ("format", DATE_FORMAT)))
            if self.types <= KEYWORDS - {"constant_keyword"}:
                return self._tested(self._range((name, value)))
            return self.unknown
        if not self._takes(value) or self.types & ROUNDED_INEVENLY:
            return self.unknown
        if self.types == {"double"}:
            return decided(self._range((name, _signed(value))))
        if self.types & DECIMAL.keys():
            return Bounds(
                self._range((name[:2] + "e", _signed(value))),
                self._range((name[:2], _signed(value))),
            )
        return decided(self._range((name, int(value) if value == int(value) else value)))

    def starts(self, text: str, *, insensitive: bool = False) -> Bounds:
        """Return the bounds of: one of the values starts with the text."""
        if not text:
            return self.present if self.types else self.unknown
        if not self._is_text or len(text.encode(errors="surrogatepass")) > LONGEST_PATTERN:
            return self.unknown
        return self._tested(self._pattern("prefix", text, insensitive=insensitive, anchor=len(text)))

    def matches(self, pattern: str, *, insensitive: bool = False) -> Bounds:
        """Return the bounds of: one of the values is like the pattern, with `*` and `?`."""
        pattern = re.sub(r"\*+", "*", pattern)
        head, star, rest = pattern.partition("*")
        if "?" not in head and not rest:
            return self.starts(head, insensitive=insensitive) if star else self.spells(head, insensitive=insensitive)
        if not self._is_text or len(pattern) > LONGEST_PATTERN or not _is_small(pattern):
            return self.unknown
        lucene = pattern.replace("\\", "\\\\")
        anchor = len(head.replace("?", "")) if star else LEAST_ANCHOR
        return self._tested(self._pattern("wildcard", lucene, insensitive=insensitive, anchor=anchor))

    def matches_regex(self, expression: str, *, insensitive: bool = False) -> Bounds:
        """Return the bounds of: the regular expression (Lucene's) fits one of the values as a whole.

        Where its automaton may grow beyond what the index takes, only the text it starts with is pushed.
        """
        node = parse(expression, insensitive=insensitive)
        text, whole = literal_start(node, insensitive=insensitive)
        if whole:
            return self.spells(text, insensitive=insensitive)
        plain = spelled(node) if insensitive else expression  # not every index takes the flag for it
        if self._is_text and plain and len(plain) <= LONGEST_PATTERN and is_small(node):
            return self._tested(self._pattern("regexp", plain, insensitive=False, anchor=len(text)))
        return implied(self.starts(text, insensitive=insensitive).upper) if text else self.unknown

    def holds(self, text: str, *, last: bool, insensitive: bool = False) -> Bounds:
        """Return the bounds of: one of the values contains the text, or ends with it (`last`)."""
        if not text or not self._is_text or len(text) > LONGEST_PATTERN or not _is_small(f"*{text}*"):
            return self.unknown
        escaped = re.sub(r"([*?\\])", r"\\\1", text)
        pattern = f"*{escaped}" if last else f"*{escaped}*"
        return self._tested(self._pattern("wildcard", pattern, insensitive=insensitive, anchor=0))

    def within(self, network: str) -> Bounds:
        """Return the bounds of: one of the addresses is in the network."""
        return decided(self._term(network)) if self.types == {"ip"} and is_network(network) else self.unknown

    @property
    def _is_text(self) -> bool:
        return bool(self.types) and self.types <= KEYWORDS and not self.unbounded

    @property
    def _is_date(self) -> bool:
        return len(self.types) == 1 and self.types <= DATES

    def _equals_text(self, value: str, *, insensitive: bool) -> Bounds:
        term = self._term(value, insensitive=insensitive)
        if len(value) > LONGEST_PATTERN:
            return self.unknown
        if self._is_text:
            return self._tested(term, may_be_ignored=_units(value) > LEAST_IGNORE_ABOVE)
        if self.types == {"ip"} and is_network(value):
            return decided(self._term(value))
        if self.types == {"version"} and not insensitive:
            return Bounds(term, NEVER)
        if self._is_date and is_date(value):
            return decided(self._range(("gte", value), ("lte", value), ("format", DATE_FORMAT)))
        return self.unknown

    def _equals_number(self, value: float) -> Bounds:
        if not self._takes(value):
            return self.unknown
        if not self.types & DECIMAL.keys():
            return decided(self._term(int(value)) if value == int(value) else NEVER)
        term = self._term(_signed(value))
        return Bounds(term, term if self.types == {"double"} else NEVER)

    def _takes(self, value: float) -> bool:
        """Tell whether each index takes the number as a bound; one out of the type's range is refused."""
        if self.types <= DECIMAL.keys():
            return all(abs(value) <= DECIMAL[name] for name in self.types)
        return self.types <= WHOLE.keys() and all(WHOLE[name][0] <= value <= WHOLE[name][1] for name in self.types)

    def _range(self, *options: tuple[str, str | int | float]) -> Leaf:
        return Leaf("range", self.path, options=options)

    def _term(self, value: Value, *, insensitive: bool = False) -> Leaf:
        options = (INSENSITIVE,) if insensitive else ()
        # Networks are no set of addresses (IpFieldMapper.termsQuery), a wildcard field knows no terms (WildcardFieldMapper).
        apart = "wildcard" in self.types or (self.types == {"ip"} and "/" in str(value))
        return Leaf("term", self.path, value, options, apart=apart)

    def _pattern(self, kind: str, text: str, *, insensitive: bool, anchor: int) -> Leaf:
        options = (INSENSITIVE,) if insensitive else ()
        return Leaf(kind, self.path, text, options, dear=anchor < LEAST_ANCHOR)

    def _tested(self, leaf: Leaf, *, may_be_ignored: bool = True) -> Bounds:
        """Return the bounds of a test of texts, which a value that was not indexed may pass too."""
        if "constant_keyword" in self.types and set(str(leaf.value)) & MISREAD_IN_CONSTANTS.get(leaf.kind, set()):
            return self.unknown
        upper = either([leaf, self._ignored]) if may_be_ignored else leaf
        unsure = INSENSITIVE in leaf.options and FOLDED_VARIOUSLY.search(str(leaf.value))
        return Bounds(upper, NEVER if unsure else leaf)


def field(path: str, types: FieldTypes) -> Indexed:
    """Look up a field."""
    known = types.get(path, FieldType(frozenset()))
    names = path.split(".")
    parents = (".".join(names[:count]) for count in range(1, len(names)))
    above = frozenset().union(*(types[parent].types for parent in parents if parent in types))
    if "flattened" in above and known.types <= KEYWORDS:
        return Indexed(path, KEY, unbounded=True)
    if above & {"nested", "flattened"} or known.types & UNBOUNDED or not known.searchable:
        return Indexed(path, known.types, unbounded=True)
    keyword = types.get(f"{path}.keyword", FieldType(frozenset(), everywhere=False))
    if "text" in known.types and keyword.everywhere and keyword.searchable and keyword.types == {"keyword"}:
        return Indexed(f"{path}.keyword", keyword.types)
    return Indexed(path, known.types)


def is_date(text: str) -> bool:
    """Tell whether Elasticsearch reads the text as a date, in every date type."""
    if not DATE.fullmatch(text):
        return False
    try:
        return datetime.fromisoformat(text).year in YEARS
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Tell whether Elasticsearch takes the text as an address or a network.

    It refuses a network of addresses of IPv4 that are written as ones of IPv6 (InetAddresses.parseCidr).
    """
    try:
        address = ip_interface(text).ip
    except ValueError:
        return False
    _, slash, length = text.partition("/")
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    return "%" not in text and (not slash or (length.isdecimal() and not mapped))


def _signed(value: float) -> str | float:
    """Return a number of which -0.0 is not the same as 0.0, as it is for the index and not for Python."""
    return "-0.0" if value == 0 and copysign(1, value) < 0 else value


def _units(text: str) -> int:
    """Count the text's characters as UTF-16 does."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def _is_small(pattern: str) -> bool:
    """Tell whether the index takes the pattern; without a `?` behind a `*` its automaton grows by the square at most."""
    return ("?" not in pattern.partition("*")[2] and len(pattern) <= SHORT_PATTERN) or is_small(wildcard(pattern))
