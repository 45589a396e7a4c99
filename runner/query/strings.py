"""String literals of EQL: from the text between the quotes to the value.

Source: the EQL syntax reference, "Escape characters" and "Raw strings"; x-pack/plugin/eql AbstractBuilder.unquoteString.
"""

import re

_ESCAPE = re.compile(r"\\(?:u(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{4}))|(.))")
_SIMPLE = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_UNKNOWN = re.compile(r"\\(?:[btnfr\"'\\]|u\{[0-9A-Fa-f]+\}|u[0-9A-Fa-f]{4})|(\\.?)")
_SURROGATES = range(0xD800, 0xE000)


def raw(token: str) -> str:
    '''Return what stands between the triple quotes of `"""…"""`, as it is.'''
    return token[3:-3]


def unescape(token: str) -> str:
    """Return the value of `"…"`, its escapes replaced. Raises ValueError on a character code that is none."""
    body = token[1:-1]
    return _ESCAPE.sub(_replacement, body) if "\\" in body else body


def unknown_escape(text: str) -> str | None:
    r"""Return the first escape in a line of text that EQL does not know, such as `\w`; None where all are known."""
    for match in _UNKNOWN.finditer(text.split("\n", 1)[0]):
        if match[1]:
            return match[1]
    return None


def _replacement(match: re.Match[str]) -> str:
    braced, four, simple = match.groups()
    if simple is not None:
        return _SIMPLE[simple]
    if braced is not None and not 2 <= len(braced) <= 8:
        raise ValueError(f"`{match[0]}` needs 2 to 8 hex digits, it has {len(braced)}")
    code = int(braced or four, 16)
    if code == 0 or code > 0x10FFFF or code in _SURROGATES:
        raise ValueError(f"`{match[0]}` is not a Unicode character")
    return chr(code)
