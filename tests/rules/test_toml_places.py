"""Where keys stand in a TOML text, and places inside its strings."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.rules.toml_places import TomlPlaces

TEXT = """\
# a comment = 1
title = "a" # [not.a.table]
"quoted key" = 'x'
a.b . c = 1

[rule]
  name = "N"
index = [ # of patterns
  "logs-*",
  'x]"y', { q = [1, 2] },
]
inline = { one = 1, two.three = [ "a,}" ] }
text = '''
[fake]
fake = 1
'''
when = 2026-01-01 00:00:00

[[rule.threat]]
id = "T1"

[[rule.threat.technique]]
id = "t1"
[[rule.threat.technique]]
id = "t2"
[rule.threat.tactic]
id = "TA"

[[ rule . threat ]]
id = "T2"
[[rule.threat.technique]]
id = "t3"
"""


@pytest.mark.parametrize(
    ("key", "line", "column"),
    [
        (("title",), 2, 1),
        (("quoted key",), 3, 1),
        (("a", "b", "c"), 4, 1),
        (("a", "b"), 4, 1),
        (("rule",), 6, 1),
        (("rule", "name"), 7, 3),
        (("rule", "index"), 8, 1),
        (("rule", "index", 0), 9, 3),
        (("rule", "index", 1), 10, 3),
        (("rule", "index", 2, "q", 1), 10, 21),
        (("rule", "inline", "one"), 12, 12),
        (("rule", "inline", "two", "three", 0), 12, 35),
        (("rule", "text"), 13, 1),
        (("rule", "when"), 17, 1),
        (("rule", "threat"), 19, 1),
        (("rule", "threat", 0), 19, 1),
        (("rule", "threat", 0, "id"), 20, 1),
        (("rule", "threat", 0, "technique", 1, "id"), 25, 1),
        (("rule", "threat", 0, "tactic", "id"), 27, 1),
        (("rule", "threat", 1), 29, 1),
        (("rule", "threat", 1, "technique", 0, "id"), 32, 1),
    ],
)
def test_a_key_is_found_at_its_line_and_column(key, line, column):
    assert tomllib.loads(TEXT)
    place = TomlPlaces(TEXT).of(key)
    assert (place.line, place.column) == (line, column)
    assert place.excerpt == TEXT.splitlines()[line - 1]
    assert place.caret == column


@pytest.mark.parametrize(
    ("key", "line"),
    [(("rule", "missing"), 6), (("rule", "index", 9), 8), (("missing",), 1), ((), 1), (("rule", "fake"), 6)],
)
def test_a_key_that_is_not_there_is_found_at_what_would_hold_it(key, line):
    assert TomlPlaces(TEXT).of(key).line == line


def test_a_text_that_is_no_toml_is_read_as_far_as_it_goes():
    places = TomlPlaces('a = 1\nb = [ "unclosed\nc = 1\n')
    assert (places.of(("a",)).line, places.of(("b",)).line, places.of(("c",)).line) == (1, 2, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("q = 'abc'", 1, 1, (1, 6)),
        ("q = 'abc'", 1, 3, (1, 8)),
        ("q = 'abc'", 1, 9, (1, 9)),
        ("q = '''\nabc\n def\n'''", 1, 2, (2, 2)),
        ("q = '''\nabc\n def\n'''", 2, 2, (3, 2)),
        ("q = '''abc\ndef'''", 2, 1, (2, 1)),
        ('q = """\nabc\ndef"""', 2, 3, (3, 3)),
        (r'q = "a\"b"', 1, 3, (1, 9)),
        (r'q = "a\nbc"', 2, 2, (1, 10)),
        (r'q = "\u00e9b"', 1, 2, (1, 12)),
        ('q = """a \\\n   b c"""', 1, 3, (1, 10)),
        ('q = """a \\\n   b c"""', 1, 4, (2, 5)),
        ("q = 1", 1, 2, (1, 1)),
    ],
)
def test_a_place_inside_a_string_is_found_through_its_escapes(text, line, column, expected):
    place = TomlPlaces(text).inside(("q",), line, column)
    assert (place.line, place.column) == expected


keys = st.from_regex(r"[a-zA-Z0-9_-]{1,6}", fullmatch=True)
scalars = st.one_of(
    st.integers(0, 99).map(str),
    st.sampled_from(["true", "1.5", "2026-01-01", "2026-01-01 10:00:00"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="'"), max_size=8).map(lambda t: f"'{t}'"),
    st.text(st.sampled_from('ab\n#[]{}=,"'), max_size=8).map(lambda t: f"'''{t}'''"),
    st.text(st.sampled_from("ab#[]{}=,'"), max_size=8).map(lambda t: f'"{t}\\""'),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[ # list\n {', '.join(parts)} ]"),
        st.dictionaries(keys, inner, max_size=3).map(
            lambda table: f"{{ {', '.join(f'{k} = {v}' for k, v in table.items())} }}"
        ),
    ),
    max_leaves=6,
)


def paths(value, at=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*at, key)
        yield from paths(inner, (*at, key))


@given(st.dictionaries(keys, values, max_size=4), st.lists(st.dictionaries(keys, values, max_size=2), max_size=3))
def test_every_key_of_every_toml_is_found_where_it_is_written(table, tables):
    lines = [f"{key} = {value}" for key, value in table.items()]
    for entry in tables:
        lines += ["[[Array.inner]]", *(f"{key} = {value}" for key, value in entry.items())]
    text = "\n".join(lines) + "\n"
    places = TomlPlaces(text)
    for path in paths(tomllib.loads(text)):
        place = places.of(path)
        written = text.split("\n")[place.line - 1][place.column - 1 :]
        if isinstance(path[-1], str):
            assert written.startswith((path[-1], "[[Array.inner]]")), path
        else:
            assert place != places.of(path[:-1]) or written.startswith("[["), path
