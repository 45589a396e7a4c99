"""How numbers are written before their nouns, in log lines, messages and pages alike."""


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Write a number with its noun: `1 rule`, `2 rules`, `1,204 matches` (whose plural is given)."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
