"""What the alerts' mapping takes, by its shape."""

import pytest

from runner.elastic.fitting import misfits

SHAPES = [
    ({"process": {"name": "sh", "pid": "no number"}}, []),
    ({"process.name": "sh", "process": {"args": ["a", "b"]}}, []),
    ({"process": [{"name": "a"}, {"name": "b"}]}, []),
    ({"process": None, "host": {"name": None}}, []),
    ({"source": {"geo": {"location": {"lat": 1, "lon": 2}}}}, []),
    ({"source": {"geo": {"location": [1, 2]}}}, []),
    ({"labels": {"a": "b"}, "own": {"of": ["nobody", {"else": 1}]}}, []),
    ({"process": "sh", "host": {"name": "h"}}, ["process"]),
    ({"process": {"name": {"first": "a"}}}, ["process"]),
    ({"process.name.first": "a"}, ["process.name.first"]),
    ({"process": [{"name": "a"}, "sh"]}, ["process"]),
    ({"process": {"pid": [1, {"a": 1}]}}, ["process"]),
    ({"container": {"labels": "text"}}, ["container"]),
]


@pytest.mark.parametrize(("document", "unfit"), SHAPES, ids=str)
def test_a_field_fits_or_not(document: dict[str, object], unfit: list[str]) -> None:
    assert list(misfits(document)) == unfit
