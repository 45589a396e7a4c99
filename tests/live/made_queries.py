"""Queries over the events of `indexed_events`, as text: strategies."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.live.indexed_events import ADDRESSES, DATES, DECIMALS, FIELDS, LONG, NUMBERS, TEXTS, WIDE


def quoted(text: str) -> str:
    """Return the text as a string of EQL."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


TEXT_FIELDS = ["name", "process.args", "process.line", "title", "title.keyword", "message", "stored", "hidden", "some"]
TEXT_FIELDS += ["labels.env", "labels.deep.down", "inner.name", "absent", "?absent", "?name", "mixed"]
WHOLE_FIELDS = ["name", "process.args", "title", "labels.env"]
PIECES = [
    "*",
    "**",
    "?",
    "cmd",
    "CMD",
    ".exe",
    "c:\\",
    "Windows",
    "\\",
    "/usr",
    "x",
    "a",
    "k",
    "s",
    "i",
    "é",
    "ß",
    "日",
]
EXPRESSIONS = [
    *("cmd.*", "CMD\\\\.exe", ".*exe", "[a-z]+", "(cmd|CMD).*", "x+", "x{300}", "c:\\\\\\\\windows.*", "/(usr|tmp)/.+"),
    *("@", "~(cmd.*)", ".*&.+", '"a*b"', ".", "..", "[^a]*", "<1-9>", ".*(a|b).{40}", "(x?){40}x*", "k", "é|É"),
]
CLASSES = ["[A-Za-z]", "[a-z]", "[A-A]", "[cC]", "[kK]", "[éÉ]", "[kK\u212a]", "[^a]", "m", "d", ".*"]
NETWORKS = ["10.0.0.0/24", "10.0.0.0/8", "::1/128", "2001:db8::/32", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/64"]
OPERATORS = ["==", "!=", "<", "<=", ">", ">="]

text_fields = st.sampled_from(TEXT_FIELDS)
whole_fields = st.sampled_from(WHOLE_FIELDS)
texts = st.sampled_from(TEXTS) | st.text(alphabet="aAkKsSiIxX.*?\\é", max_size=4)
patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join) | texts


def some(values: SearchStrategy[str]) -> SearchStrategy[str]:
    """Make a list in parentheses."""
    return st.lists(values, min_size=1, max_size=4).map(lambda found: f"({', '.join(found)})")


def compared(fields: list[str], values: SearchStrategy[str], operators: list[str]) -> SearchStrategy[str]:
    orders = st.builds("{} {} {}".format, st.sampled_from(fields), st.sampled_from(operators), values)
    lists = st.builds("{} {} {}".format, st.sampled_from(fields), st.sampled_from(["in", "not in"]), some(values))
    return orders | lists


computed_texts = st.sampled_from(['concat("cmd", ".exe")', 'substring("abc", 0, 1)', 'concat("a", null)', "null"])
computed_numbers = st.sampled_from(["2 * 2 + 1", "-(1 + 0)", "1 / 0", "0 * 0.5", 'length("abcde")', 'number("5")'])
strings = texts.map(quoted)
paired = st.sampled_from(["ip", "seen", "exact", "name", "process.pid", "mixed", "signed"])
conditions = (
    compared([*TEXT_FIELDS, "event.category"], strings, OPERATORS)
    | st.builds("{} {} {}".format, text_fields, st.sampled_from([":", "like", "like~"]), some(patterns.map(quoted)))
    | compared(TEXT_FIELDS, strings | computed_texts, OPERATORS)
    | st.builds("{} {} {}".format, strings | computed_texts, st.sampled_from(OPERATORS), text_fields)
    | st.builds("{} in~ {}".format, text_fields, some(strings))
    | st.builds('{} {} "{}"'.format, text_fields, st.sampled_from(["regex", "regex~"]), st.sampled_from(EXPRESSIONS))
    | st.builds('{} regex~ "{}"'.format, whole_fields, st.lists(st.sampled_from(CLASSES), max_size=2).map("".join))
    | compared(WHOLE_FIELDS, st.sampled_from([*WIDE, LONG]).map(quoted), ["==", "!="])
    | st.builds(
        "{}({}, {})".format,
        st.sampled_from(["startsWith", "startsWith~", "endsWith", "endsWith~", "stringContains", "stringContains~"]),
        text_fields,
        strings,
    )
    | st.builds("{} {} null".format, st.sampled_from(FIELDS), st.sampled_from(["==", "!="]))
    | compared(
        ["process.pid", "short", "sizes", "wide", "?absent"],
        st.sampled_from([*NUMBERS, 5.5, -0.5, 1e20]).map(str) | computed_numbers,
        OPERATORS,
    )
    | compared(
        ["ratio", "score", "half", "wide"],
        st.sampled_from([*DECIMALS, 1, 5, *NUMBERS]).map(str) | computed_numbers,
        OPERATORS,
    )
    | compared(
        ["seen", "exact"],
        st.sampled_from([*DATES, "1960-01-01", "2024-05", "2024-05-01T00:00", "2024-05-01T05:00+05:00"]).map(quoted),
        OPERATORS,
    )
    | compared(["ip"], st.sampled_from([*ADDRESSES, *NETWORKS]).map(quoted), ["==", "!="])
    | st.builds("cidrMatch(ip, {}, {})".format, *[st.sampled_from(NETWORKS).map(quoted)] * 2)
    | st.sampled_from(["signed", "signed == true", "signed == false", "signed != true", "?absent == true"])
    | st.sampled_from(["true", "false", "1 == 1", '"a" like "b*"', 'not length("abc") > 3', "null == 5", 'null != "a"'])
    | st.sampled_from(["?absent == ?gone", "?absent != name", "signed == (1 == 1)"])
    | st.builds("length({}) {} {}".format, text_fields, st.sampled_from(OPERATORS), st.integers(0, 8).map(str))
    | st.builds("substring({}, 1) == {}".format, text_fields, strings)
    | st.builds("indexOf({}, {}) {} null".format, text_fields, strings, st.sampled_from(["==", "!="]))
    | st.builds("concat({}, {}) == {}".format, text_fields, text_fields, strings)
    | st.builds("string(process.pid) : {}".format, patterns.map(quoted))
    | st.builds("process.pid + short {} {}".format, st.sampled_from(OPERATORS), st.integers(-5, 300).map(str))
    | st.sampled_from(["name == title.keyword", "name != process.line", "process.pid > short"])
    | st.builds("{} {} {}".format, paired, st.sampled_from(OPERATORS), paired)
    | st.builds("string({}) {} name".format, paired, st.sampled_from(OPERATORS))
)
trees = st.recursive(
    conditions,
    lambda inner: (
        inner.map("not ({})".format)
        | st.builds("({}) and ({})".format, inner, inner)
        | st.builds("({}) or ({})".format, inner, inner)
        | st.builds("(({}) == {})".format, inner, st.sampled_from(["true", "false"]))
    ),
    max_leaves=6,
)
queries = st.builds("{} where {}".format, st.sampled_from(["any", "process", "file"]), trees)
stages = st.builds("[any where {}]".format, conditions)
keys = st.sampled_from(["event.category", "?event.category", "signed", "?signed", "event.category, ?name", "?absent"])
joined = (
    st.builds("sequence by {} {} {}".format, keys, stages, stages)
    | st.builds("sequence by {} {} {} until {}".format, keys, stages, stages, stages)
    | st.builds("sequence by {} with maxspan=1h {} !{}".format, keys, stages, stages)
    | st.builds("sample by {} {} {}".format, keys, stages, stages)
)
