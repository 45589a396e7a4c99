"""No answer that is not whole passes for one."""

import pytest

from runner.elastic import answers
from runner.execution.model import Verdict


def failed(*reasons):
    failures = [{"shard": 0, "index": f"i{n}", "reason": reason} for n, reason in enumerate(reasons)]
    return {"_shards": {"total": 5, "failed": len(failures), "failures": failures}}


BREAKER = {"type": "circuit_breaking_exception", "reason": "Data too large"}
OTHER = {"type": "query_shard_exception", "reason": "no"}
ANSWERS = {
    "whole": ({"timed_out": False, "_shards": {"total": 5, "failed": 0}, "_clusters": {"skipped": 0}}, []),
    "out of time": ({"timed_out": True}, [(Verdict.TIMED_OUT, "ran out of time")]),
    "shards failed": (failed(OTHER), [(Verdict.PARTIAL, "1 of 5 shards failed: i0: query_shard_exception: no")]),
    "shards failed silently": ({"_shards": {"total": 2, "failed": 1}}, [(Verdict.PARTIAL, "no reason given")]),
    "many reasons": (failed(*[OTHER] * 5), [(Verdict.PARTIAL, "; and 2 more")]),
    "a cluster skipped": ({"_clusters": {"total": 2, "skipped": 1}}, [(Verdict.PARTIAL, "1 of 2")]),
    "a cluster's details": (
        {"_clusters": {"details": {"far": {"status": "partial"}, "near": {"status": "successful"}}}},
        [(Verdict.PARTIAL, "no whole answer: far")],
    ),
    "ended early": ({"terminated_early": True}, [(Verdict.PARTIAL, "early")]),
    "two at once": (
        {"timed_out": True, **failed(OTHER)},
        [(Verdict.TIMED_OUT, "time"), (Verdict.PARTIAL, "shards failed")],
    ),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_each_reason_is_a_fault_with_its_verdict(answer, expected):
    found = answers.faults(answer)
    assert [fault.verdict for fault in found] == [verdict for verdict, _ in expected]
    assert all(part in fault.text for fault, (_, part) in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("answer", "expected"), [(failed(BREAKER), True), (failed(OTHER), False), ({}, False)], ids=str
)
def test_shards_short_of_memory_are_told_from_others(answer, expected):
    assert answers.overloaded(answer) is expected


ARGUMENT = {"type": "illegal_argument_exception", "reason": "cannot be converted"}
FAR = {"details": {"far": {"status": "skipped", "failures": [{"shard": -1, "reason": ARGUMENT}]}}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(failed(OTHER, ARGUMENT), True), ({"_clusters": FAR}, True), (failed(OTHER), False), ({}, False)],
    ids=str,
)
def test_shards_that_refuse_what_is_asked_are_told_from_others_here_and_elsewhere(answer, expected):
    assert answers.refused(answer) is expected
