"""What of a channel's URL is secret: nearly all of it. A service's URL carries its tokens as host, path and query."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

_LEAST = 6
_WORD = re.compile(r"[a-z_-]{1,16}")
"""Parts of a path that are no secret, such as `services` or `workflows`, and that a log must keep."""

_BETWEEN = re.compile(r"[/?&=:@,;#]+")


def secret_parts(url: str) -> frozenset[str]:
    """Return the texts that no log may show: the URL, and its parts, as they are written and as they are read.

    The names of hosts with dots are no secret (an error must say what cannot be reached).
    """
    parts = {form for part in _parts(url) for form in (part, unquote(part))}
    return frozenset(part for part in parts if len(part) >= _LEAST)


def shown(url: str) -> str:
    """Return what may be shown of a URL: its scheme, and of a web address the host and port."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return "…"
    if scheme.lower() not in {"http", "https"}:
        return f"{scheme}://…"
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{scheme}://…"
    return f"{scheme}://{parts.hostname or '…'}{port}"


def _parts(text: str) -> Iterator[str]:
    yield text
    _, _, rest = text.partition("://")
    yield rest
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    yield from (path, query)
    user, _, host = authority.rpartition("@")
    yield from _BETWEEN.split(user)
    yield from (part for part in _BETWEEN.split(f"{path}?{query}") if not _WORD.fullmatch(part))
    name = _BETWEEN.split(host)[0]
    if "." not in name and name != "localhost":
        yield name
