"""A rule's Markdown as HTML: what it keeps, and what it never lets through."""

import pytest

from runner.report.guide import html


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("", ""),
        ("  \n", ""),
        ("# Title", "<h4>Title</h4>"),
        ("### Deep", "<h6>Deep</h6>"),
        ("- one\n- two", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"),
        ("`code`", "<p><code>code</code></p>"),
        (
            "[docs](https://example.org/a)",
            '<p><a href="https://example.org/a" target="_blank" rel="noopener noreferrer">docs</a></p>',
        ),
    ],
)
def test_markdown_is_rendered_below_the_page_s_own_headings(markdown: str, expected: str) -> None:
    assert html(markdown).strip() == expected


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)> text",
        "[click](javascript:alert(1))",
        "[click](data:text/html,x)",
        "![picture](https://example.org/pixel.png)",
        "<https://example.org/><svg onload=alert(1)>",
        '[a](https://example.org/"onmouseover="alert(1))',
        "```\n</code></pre><script>\n```",
        '!{osquery{"label":"<script>","query":"</code><script>"}}',
        "</template><script>alert(1)</script>",
    ],
)
def test_no_markup_of_the_text_lives(markdown: str) -> None:
    rendered = html(markdown).lower()
    assert not [
        bad for bad in ("<script", "<img", "<svg", "</template", 'href="javascript', 'href="data') if bad in rendered
    ]
    assert '" onmouseover' not in rendered


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        (
            '- $osquery_0\n!{osquery{"label":"Retrieve Cache","query":"SELECT * FROM dns_cache"}}',
            "SELECT * FROM dns_cache",
        ),
        ('!{investigate{"label":"Alerts of the host","description":"The last 48 h"}}', "The last 48 h"),
        ("!{osquery{not json}}", "!{osquery{not json}}"),
    ],
    ids=["a query", "a description", "one that cannot be read"],
)
def test_kibana_s_widgets_show_their_words(markdown: str, shown: str) -> None:
    assert shown in html(markdown)
