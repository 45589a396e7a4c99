"""What of a URL is secret, and what of it may be shown."""

import pytest

from runner.notify.secret_urls import secret_parts, shown

SLACK = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/xyzXYZ123"


@pytest.mark.parametrize(
    ("url", "secrets", "harmless"),
    {
        "a webhook's path": (SLACK, ["T0AAAAAAA", "B0BBBBBBB", "xyzXYZ123"], ["services", "hooks.slack.com", "https"]),
        "tokens as host": ("slack://T0AAAAAAA/B0BBBBBBB/xyzXYZ123", ["T0AAAAAAA", "xyzXYZ123"], ["slack"]),
        "user and password": ("mailto://anabel:hunter22@example.org", ["hunter22", "anabel"], ["example.org"]),
        "a password that is a word": ("json://user:password@localhost/x", ["password"], ["localhost"]),
        "a query": ("https://x.example/in?key=K123456&to=all", ["K123456"], ["x.example"]),
        "what is written in escapes, as it is read too": (
            "json://u:p%40ss%2Fword@h.example/",
            ["p%40ss%2Fword", "p@ss/word"],
            ["h.example"],
        ),
    }.values(),
    ids=str,
)
def test_the_secret_parts_of(url: str, secrets: list[str], harmless: list[str]) -> None:
    parts = secret_parts(url)
    assert url in parts
    assert parts.issuperset(secrets)
    assert parts.isdisjoint(harmless)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (SLACK, "https://hooks.slack.com"),
        ("http://user:password@h.example:8080/x?y=z", "http://h.example:8080"),
        ("slack://T0AAAAAAA/B0BBBBBBB", "slack://…"),
        ("mailto://anabel:hunter22@example.org", "mailto://…"),
        ("https://[half", "https://…"),
        ("no url", "…"),
    ],
)
def test_what_is_shown(url: str, expected: str) -> None:
    assert shown(url) == expected
