"""Words can be read: each pair of colours has the contrast that WCAG 2.2 AA asks for, in both themes."""

import re
from importlib import resources

import pytest

STYLE = (resources.files("runner.report") / "page" / "page.css").read_text(encoding="utf-8")
GROUNDS = ("ground", "surface", "raised", "accent-ground")
PAIRS = [
    *[(words, ground, 4.5) for words in ("text", "muted") for ground in GROUNDS],
    *[("accent", ground, 4.5) for ground in ("surface", "raised")],
    *[(words, "surface", 4.5) for words in ("string", "number", "literal")],
    ("text", "mark", 4.5),
    *[(tone, "surface", 3.0) for tone in ("low", "medium", "high", "critical")],
]


def colours(theme: str) -> dict[str, str]:
    selector = ":root" if theme == "light" else ':root[data-theme="dark"]'
    block = STYLE[STYLE.index(f"{selector} {{") :].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("words", "ground", "least"), PAIRS)
def test_words_stand_out_from_their_ground(theme: str, words: str, ground: str, least: float) -> None:
    palette = colours(theme)
    light, dark = sorted((luminance(palette[words]), luminance(palette[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least
