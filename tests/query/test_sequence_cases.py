"""Whole queries for sequences and samples: each case of `cases/` is a sentence, a query, events and what is found."""

import tomllib
from pathlib import Path

import pytest

from runner.query import search

CASES = [
    pytest.param(case, id=case["says"])
    for name in ("sequences.toml", "samples.toml")
    for case in tomllib.loads((Path(__file__).parent / "cases" / name).read_text(encoding="utf-8"))["case"]
]


def event(number: int, line: str) -> dict[str, object]:
    """Read `time category key field=value …`; the time is in milliseconds, `-` is no key."""
    time, category, key, *fields = line.split()
    made: dict[str, object] = {"number": number, "@timestamp": int(time), "event": {"category": category}}
    if key != "-":
        made["k"] = key.split(",") if "," in key else key
    return made | dict(field.split("=") for field in fields)


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    events = [event(number, line) for number, line in enumerate(case["events"], start=1)]
    result = search(
        case["query"],
        events,
        tiebreaker_field=case.get("tiebreaker"),
        size=case.get("size", 50),
        max_samples_per_key=case.get("max_samples_per_key"),
    )
    assert [[one["number"] if one else 0 for one in found.events] for found in result.sequences] == case["found"]
    if "keys" in case:
        keys = [["null" if key is None else str(key) for key in found.join_keys] for found in result.sequences]
        assert keys == case["keys"]
