"""What conditions mean: each case of `conditions.toml`, `types.toml` and `pairs.toml` is a sentence about some events."""

import tomllib
from pathlib import Path

import pytest

from runner.query import compile

CASES = Path(__file__).parent / "cases"


def read(name: str) -> dict:
    return tomllib.loads((CASES / name).read_text(encoding="utf-8"))


CONDITIONS = read("conditions.toml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["says"]) for case in CONDITIONS["case"]])
def test_condition(case):
    program = compile(f"any where {case['condition']}")
    events = CONDITIONS["events"]
    assert {name: program.matches(events[name]) for name in case.get("holds", [])} == dict.fromkeys(
        case.get("holds", []), True
    )
    assert {name: program.matches(events[name]) for name in case.get("fails", [])} == dict.fromkeys(
        case.get("fails", []), False
    )


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case['type']}: {case['condition']}") for case in read("types.toml")["case"]]
)
def test_condition_on_a_known_type(case):
    program = compile(f"any where {case['condition']}", field_types={"f": case["type"]})
    assert [value for value in case["holds"] if not program.matches({"f": value})] == []
    assert [value for value in case["fails"] if program.matches({"f": value})] == []


@pytest.mark.parametrize("case", [pytest.param(case, id=case["condition"]) for case in read("pairs.toml")["case"]])
def test_condition_on_two_fields(case):
    types = dict(zip("fg", case["types"], strict=True)) if "types" in case else None
    program = compile(f"any where {case['condition']}", field_types=types)
    assert [pair for pair in case["holds"] if not program.matches(dict(zip("fg", pair, strict=True)))] == []
    assert [pair for pair in case["fails"] if program.matches(dict(zip("fg", pair, strict=True)))] == []


def test_every_function_and_operator_has_a_case():
    from runner.query.functions import FUNCTIONS

    text = " ".join(case["condition"] for case in CONDITIONS["case"])
    forms = {f"{function.name}(" for function in FUNCTIONS.values()}
    forms |= {f"{function.name}~(" for function in FUNCTIONS.values() if function.has_insensitive}
    forms |= {" in (", " in~ (", " : ", " like ", " like~ ", " regex ", " regex~ "}
    assert {form for form in forms if form not in text} == set()
