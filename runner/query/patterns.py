"""The test that a Pattern node makes of a text: `:`, `like`, `like~`, `regex`, `regex~`."""

from collections.abc import Callable

from runner.query import regex, wildcards
from runner.query.ast import Pattern


def pattern_test(node: Pattern) -> Callable[[str], bool]:
    """Return the test. Raises ValueError on a regular expression that is none."""
    patterns = [literal.value for literal in node.patterns if isinstance(literal.value, str)]
    if node.kind == "regex":
        return regex.any_match(patterns, insensitive=node.insensitive)
    return wildcards.any_like(patterns, insensitive=node.insensitive)
