"""Templates: places for fields, lines that vanish, and nothing that calls people or runs."""

import pytest

from runner.notify.template import LONGEST, TemplateError, fill, names

FIELDS = {
    "host.name": ["web-1"],
    "user": ["root", "ana"],
    "number": [0],
    "long": ["x" * 1000],
    "odd": ["a\x1b[31m\nb"],
    "everyone": ["@everyone <!channel> <@U123> a@b.example !here 5 < 6"],
}


def filled(text: str) -> str:
    return fill(text, lambda name: FIELDS.get(name, []))


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "a field": ("on ${host.name}", "on web-1"),
        "several values": ("${user}", "root, ana"),
        "zero is a value": ("${number}", "0"),
        "a dollar": ("$$5 for ${user}", "$5 for root, ana"),
        "an absent field is empty beside one that is there": ("${user}${absent}", "root, ana"),
        "an absent field has what stands instead": ("${absent|nobody}", "nobody"),
        "a line of absent fields alone vanishes": ("a\nb ${absent} ${other}\nc", "a\nc"),
        "an empty text instead does not keep a line": ("a\nb ${absent|}", "a"),
        "a line without places stays, if empty": ("a\n\nc", "a\n\nc"),
        "code is text": ("{{ 1+1 }} %s {user} ${user}", "{{ 1+1 }} %s {user} root, ana"),
        "what a field holds is not read again": ("${odd}", "a [31m b"),
    }.values(),
    ids=str,
)
def test_a_template_is_filled(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_long_values_are_cut() -> None:
    assert len(filled("${long}")) == LONGEST
    assert filled("${long}").endswith("…")


def test_values_cannot_call_people() -> None:
    text = filled("${everyone}")
    for call in ("@everyone", "<!channel>", "<@U123>", "!here"):
        assert call not in text
    assert "5 < 6" in text
    assert text.replace("\N{ZERO WIDTH SPACE}", "") == FIELDS["everyone"][0]


def test_names_come_with_their_places() -> None:
    assert names("a ${b} $$ ${c.d|e} ${@timestamp}") == (("b", 2), ("c.d", 10), ("@timestamp", 19))


@pytest.mark.parametrize(
    ("text", "offset"),
    [("$", 0), ("a $name", 2), ("${}", 0), ("$$ ${a b}", 3), ("${open", 0), ("${__import__('os')}", 0)],
)
def test_a_dollar_that_begins_no_place_is_an_error_at_its_place(text: str, offset: int) -> None:
    with pytest.raises(TemplateError) as caught:
        names(text)
    assert caught.value.offset == offset
