"""Wildcard patterns as Query DSL's `wildcard` has them: `*`, `?`, and a backslash that takes their meaning away.

Source: Lucene, `WildcardQuery.toAutomaton`; a backslash at the very end stands for itself.
"""

import re
from collections.abc import Callable, Iterator

from runner.query.wildcards import any_like

_PART = re.compile(r"\\(.)|(.)", re.DOTALL)


def literal(pattern: str) -> str | None:
    """Return the one text that the pattern fits, None where it has wildcards."""
    parts = list(_parts(pattern))
    return None if any(live for _, live in parts) else "".join(letter for letter, _ in parts)


def unescaped(pattern: str) -> str | None:
    """Return the same pattern in a language without escapes, None where it means a star or question mark itself."""
    parts = list(_parts(pattern))
    return None if any(letter in "*?" and not live for letter, live in parts) else "".join(part for part, _ in parts)


def test_of(pattern: str) -> Callable[[str], bool]:
    """Return the test whether a text is like the pattern, in its own case."""
    plain = unescaped(pattern)
    if plain is not None:
        return any_like([plain], insensitive=False)
    pieces = [""]
    for letter, live in _parts(pattern):
        if live and letter == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if live else re.escape(letter)
    return re.compile(_joined(pieces), re.DOTALL).fullmatch  # type: ignore[return-value]  # a match is true


def _joined(pieces: list[str]) -> str:
    """Return an expression that never goes back over a piece it has found."""
    first, *rest = pieces
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last


def _parts(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield each letter, and whether it is a wildcard."""
    for match in _PART.finditer(pattern):
        escaped, letter = match.groups()
        if escaped is not None:
            yield escaped, False
        else:
            yield letter, letter in "*?"
