"""String literals of EQL: from the text between the quotes to the value.

Source: the EQL syntax reference, "Escape characters" and "Raw strings"; x-pack/plugin/eql AbstractBuilder.unquoteString.
"""

import re

_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]+)\}|(.))")
_SIMPLE = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_UNKNOWN = re.compile(r"\\(?:[btnfr\"'\\]|u\{[0-9A-Fa-f]+\})|(\\.?)")
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
    digits, simple = match.groups()
    if digits is None:
        return _SIMPLE[simple]
    if not 2 <= len(digits) <= 8:
        raise ValueError(f"`\\u{{{digits}}}` needs 2 to 8 hex digits, it has {len(digits)}")
    code = int(digits, 16)
    if code == 0 or code > 0x10FFFF or code in _SURROGATES:
        raise ValueError(f"`\\u{{{digits}}}` is not a Unicode character")
    return chr(code)
