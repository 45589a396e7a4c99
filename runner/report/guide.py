"""A rule's Markdown as HTML for the report: no raw HTML, no images, links to the web only.

Elastic's guides hold calls of Kibana's own widgets, one a line: `!{osquery{"label": …, "query": …}}` and
`!{investigate{"label": …, "description": …}}`. Outside of Kibana their words and queries are shown.
"""

import re
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import orjson
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token

_WIDGET = re.compile(r"!\{(?P<kind>\w+)(?P<options>\{.*\})\}")
_HEADINGS_BELOW = 3  # the page's own go down to h3
_WEB = re.compile(r"https?://", re.IGNORECASE)


def html(markdown: str) -> str:
    """Return the Markdown as HTML; empty for a text without words."""
    text = without_widgets(markdown)
    return _parser().render(text) if text else ""


def without_widgets(markdown: str) -> str:
    """Return the Markdown with the words of Kibana's widgets in their places."""
    return _WIDGET.sub(_words, markdown).strip()


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.core.ruler.push("headings", _lower_headings)
    parser.validateLink = lambda url: bool(_WEB.match(url))  # type: ignore[method-assign]  # its hook for this
    parser.add_render_rule("link_open", _outward)
    return parser


def _lower_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _HEADINGS_BELOW, 6)}"


def _outward(
    self: RendererProtocol, tokens: list[Token], position: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    tokens[position].attrSet("target", "_blank")
    tokens[position].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, position, options, env)  # type: ignore[attr-defined,no-any-return]  # RendererHTML has it


def _words(widget: re.Match[str]) -> str:
    """Return what a widget says, as Markdown; a widget that cannot be read stays as it is written."""
    try:
        options = orjson.loads(widget["options"])
    except orjson.JSONDecodeError:
        return widget[0]
    label = options.get("label", widget["kind"])
    said = [f"**{label}**"]
    if description := options.get("description"):
        said.append(str(description))
    if query := options.get("query"):
        said.append("\n".join(f"    {line}" for line in str(query).splitlines()))
    return "\n\n" + "\n\n".join(said) + "\n\n"
