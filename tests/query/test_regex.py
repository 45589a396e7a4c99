"""Lucene's regular expressions: what they match, what is refused, and that no text takes long."""

import json
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query import backtracking, derivatives, positions
from runner.query.lucene_parser import parse
from runner.query.regex import any_match

TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "ABC",
    "aab",
    "a.b",
    "a b",
    "a\nb",
    "é",
    "_",
    "7",
    "42",
    "042",
    "^a$",
    "a&b",
    "~",
    "#",
    "@",
    '"q"',
    "a]b",
]

MATCHES = {
    "": [""],
    "a": ["a"],
    "a.b": ["aab", "a.b", "a b", "a\nb", "a&b", "a]b"],
    r"a\.b": ["a.b"],
    "a+b?": ["a", "ab", "aab"],
    "a{2}b": ["aab"],
    "a{1,}b": ["ab", "aab"],
    "a{0,1}b": ["b", "ab"],
    "a|b": ["a", "b"],
    "(a|b)(b|bc)?": ["a", "b", "ab", "abc"],
    "[ab]+": ["a", "b", "ab", "aab"],
    "[^a-z]": ["é", "_", "7", "~", "#", "@"],
    "[A-C]+": ["ABC"],
    r"[\^a$]+": ["a", "^a$"],
    "^a$": ["^a$"],
    r"\d+": ["7", "42", "042"],
    r"\w": ["a", "b", "_", "7"],
    r"[\d_]": ["_", "7"],
    r"a\sb": ["a b", "a\nb"],
    r"\W": ["é", "~", "#", "@"],
    "@": TEXTS,
    r"\@": ["@"],
    "#": [],
    r"\#": ["#"],
    "a@": ["a", "ab", "abc", "aab", "a.b", "a b", "a\nb", "a&b", "a]b"],
    '"a.b"': ["a.b"],
    r"\"q\"": ['"q"'],
    "<1-50>": ["7", "42", "042"],
    "<01-50>": ["42"],
    "<0-100>": ["7", "42", "042"],
    "a@&@b": ["ab", "aab", "a.b", "a b", "a\nb", "a&b", "a]b"],
    "a&b": [],
    "~a&.": ["b", "é", "_", "7", "~", "#", "@"],
    "a~c": ["a", "ab", "abc", "aab", "a.b", "a b", "a\nb", "a&b", "a]b"],
    "a]b": ["a]b"],
    "()": [""],
    "()a": ["a"],
}

INSENSITIVE = {
    "abc": ["abc", "ABC"],
    "[abc]+": ["a", "b", "ab", "abc", "ABC", "aab"],
    "[a-c]+": ["a", "b", "ab", "abc", "aab"],
    '"ABC"': ["abc", "ABC"],
    "É": [],
}

REFUSED = [
    "a{",
    "a{,2}",
    "a{2",
    "a{2,1}",
    "[a",
    "[",
    "[]",
    "[z-a]",
    "(a",
    "a)",
    "a|",
    "a&",
    "~",
    '"a',
    "<",
    "<a>",
    "<1->",
    "\\",
    r"\b",
    r"\n",
    r"[\q]",
]


def engines(pattern, insensitive=False):
    """What may test a text for the pattern: what is chosen for it, an automaton, and the meaning of its parts."""
    node = parse(pattern, insensitive=insensitive)

    def by_meaning(text):
        return derivatives.takes_empty(reduce(derivatives.derivative, map(ord, text), node))

    return [any_match([pattern], insensitive=insensitive), positions.matcher(node), by_meaning]


@pytest.mark.parametrize("pattern", MATCHES)
def test_what_a_pattern_matches(pattern):
    for test in engines(pattern):
        assert [text for text in TEXTS if test(text)] == MATCHES[pattern]


@pytest.mark.parametrize("pattern", INSENSITIVE)
def test_what_an_insensitive_pattern_matches(pattern):
    test = any_match([pattern], insensitive=True)
    assert [text for text in TEXTS if test(text)] == INSENSITIVE[pattern]


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_is_no_pattern(pattern):
    with pytest.raises(ValueError, match=r" at position \d+$"):
        any_match([pattern], insensitive=False)


def test_deep_and_long_patterns_are_refused_not_crashed():
    for pattern in (
        "(" * 5000 + "a" + ")" * 5000,
        "a{99999}",
        "a{99999,}",
        "((a?){100}){200}b",
        "((a|b){1,5}c?){1,999}",
        "~(.*a.{20}b.*)c",
    ):
        with pytest.raises(ValueError, match=r"nested too deeply|repetition of more than|repeats too often"):
            any_match([pattern], insensitive=False)


HOSTILE = [
    *("(a+)+b", "(a|aa)*b", "(a*)*(a*)*b", ".*a.*a.*a.*a.*b", "([a-z]+)*[0-9]", "(a?){30}a{30}b"),
    *(r"([a-z0-9-]{1,63}\.?){2,8}\.evil\.com", "(a|aa){30}b", ".*a.*b", ".*(aa|a){20}b", "(.{0,20}a){1,8}b", "a+a+b"),
    *(
        "[^ ]{1,40}a?[^ ]{1,40}a?[^ ]{1,40}a?[^ ]{1,40}b",
        ".*a{1,30}a{1,30}a{1,30}c",
        "(a|b|.)+[ab]{9}c",
        "a*.{1,99}b.*",
    ),
    *("(a()?a)*b", "(a(){1,3}a)*b", '(a("")?a)*b', "(a(x{0})?a)*b", "(a(x{0}y{0}){0,2}a)*b", "(a(x?)?a)*b"),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_text_takes_long(pattern):
    test = any_match([pattern], insensitive=False)
    assert not any(map(test, ("a" * 60, "a" * 3000, "a" * 200_000)))


LONGEST = {
    **dict.fromkeys([r".*-enc.*", r"[a-z]{6}\.exe", r"(cmd|powershell)\.exe", r".+\.(xll|dll)"], True),
    **dict.fromkeys([r".*[0-9]{1,3}\.[0-9]{1,3}:.*", r"-[a-z]+R.*", r".*x[ -~]+.*", r"(ab?){3}c", "a{2,9}b.*"], True),
    **dict.fromkeys([r"C:\\[^\\]+\\.*\.exe", r".*a.*b", r".*(aa|a){6}b", r"-[^-]*[uz][^-]*"], None),
    **dict.fromkeys(["(a+)+b", "(a|aa)*b", "(a|aa){30}b", ".*a.*a.*a.*a.*b", "a.{1,99}.{1,99}.{1,99}.{1,99}b"], False),
    **dict.fromkeys(["(a()?b)*", "(a(){1,3}b)*", "(a(x{0}){0,2}b)*", "((.)(()){1,3}([^a])){0,}"], False),
    **dict.fromkeys(["(a(){2}b)*", "(ax?b)*", "(a(x+)?b)?"], True),
}


@pytest.mark.parametrize("pattern", LONGEST)
def test_what_is_gone_back_over_is_no_long_text(pattern):
    longest = backtracking.longest(backtracking.trimmed(parse(pattern)))
    assert {True: longest == float("inf"), None: 64 < longest < 10_000, False: longest < 64}[LONGEST[pattern]], longest


patterns = st.recursive(
    st.sampled_from(["a", "b", "A", ".", "[ab]", "[^a]", "[a-b]", r"\w", "@", "#", '"ab"', "()", "<1-12>"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}&{pair[1]})"),
        inner.map(lambda one: f"~({one})"),
        st.tuples(inner, st.sampled_from("?*+")).map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.tuples(inner, st.sampled_from(["{2}", "{0,2}", "{1,}"])).map("".join),
    ),
    max_leaves=6,
)


@given(patterns, st.booleans(), st.lists(st.text(alphabet="abA1 ", max_size=6), max_size=5))
def test_all_engines_agree(pattern, insensitive, texts):
    first, *others = [[test(text) for text in texts] for test in engines(pattern, insensitive)]
    assert all(other == first for other in others)


@given(patterns, st.text(alphabet="abA1 ", max_size=6))
def test_a_complement_is_the_opposite(pattern, text):
    assert any_match([f"~({pattern})"], insensitive=False)(text) is not any_match([pattern], insensitive=False)(text)


@pytest.mark.live
def test_elasticsearch_agrees(node, index_prefix):
    index = f"{index_prefix}-regex"
    node.indices.create(index=index, mappings={"properties": {"k": {"type": "keyword"}}})
    lines = [part for number, text in enumerate(TEXTS) for part in ({"index": {"_id": str(number)}}, {"k": text})]
    node.bulk(index=index, operations=lines, refresh=True)
    for insensitive, table in ((False, MATCHES), (True, INSENSITIVE)):
        for pattern, expected in table.items():
            query = {"regexp": {"k": {"value": pattern, "flags": "ALL", "case_insensitive": insensitive}}}
            hits = node.search(index=index, query=query, size=100)["hits"]["hits"]
            found = sorted(int(hit["_id"]) for hit in hits)
            assert [TEXTS[number] for number in found] == expected, json.dumps([pattern, insensitive])
