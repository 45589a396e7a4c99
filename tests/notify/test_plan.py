"""What is sent now: single messages, digests, the rate; and the laws that hold whatever comes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.notify.config import Channel, Digest, Rate
from runner.notify.model import DIGEST, SUMMARY, Entry, EntryState, Kind, Sent, message_id
from runner.notify.plan import plan
from tests.made import minute
from tests.notify.made import channel, entry

QUIET = channel(rate=Rate(100, timedelta(minutes=1)), digest=Digest(3, timedelta(minutes=10)))


def entries(number: int, rule: str = "rule-1", at: float = 0, **fields: object) -> list[Entry]:
    names = (f"{rule}-{position:03}" for position in range(number))
    return [entry(name, at + index / 60, rule_id=rule, **fields) for index, name in enumerate(names)]


def planned(waiting: Sequence[Entry], sent: Sequence[Sent] = (), to: Channel = QUIET, at: float = 5) -> list[list[str]]:
    return [[one.alert_id for one in batch] for batch in plan(waiting, sent, to, minute(at))]


def single(at: float, rule: str = "rule-1") -> Sent:
    return Sent(f"x{at}:soc", minute(at), rule, is_digest=False)


def digest(at: float, rule: str = "rule-1") -> Sent:
    return Sent(f"digest:{at}:soc", minute(at), rule, is_digest=True)


def test_few_alerts_are_told_one_by_one_oldest_first() -> None:
    waiting = [entry("b", 2), entry("a", 1), entry("c", 3)]
    assert planned(waiting) == [["a"], ["b"], ["c"]]
    assert planned([]) == []


def test_more_than_the_bound_are_told_together() -> None:
    assert [len(batch) for batch in planned(entries(4))] == [4]
    assert [len(batch) for batch in planned(entries(4), to=channel(digest=None))] == [1] * 4


def test_alerts_told_lately_count_and_older_ones_do_not() -> None:
    waiting = entries(2)
    assert [len(batch) for batch in planned(waiting, [single(4), single(4.5)])] == [2]
    assert [len(batch) for batch in planned(waiting, [single(4), single(-6)])] == [1, 1]
    assert [len(batch) for batch in planned(waiting, [single(4, "other"), single(4.5, "other")])] == [1, 1]


def test_after_a_digest_the_rule_is_quiet_until_its_time_is_over() -> None:
    assert planned(entries(1), [digest(4)], at=5) == []
    assert planned(entries(1), [digest(4)], at=13.9) == []
    assert planned(entries(1), [digest(4)], at=14) == [["rule-1-000"]]
    assert planned(entries(1, "other"), [digest(4)], at=5) == [["other-000"]]


def test_one_more_of_a_noisy_rule_waits() -> None:
    assert planned(entries(1), [single(4), single(4.1), single(4.2)]) == []
    assert planned(entries(1), [single(4), single(4.1), single(4.2)], at=14) == [["rule-1-000"]]
    assert [len(batch) for batch in planned(entries(2), [single(4), single(4.1), single(4.2)])] == [2]


def test_each_rule_has_a_digest_of_its_own() -> None:
    assert [len(batch) for batch in planned(entries(5) + entries(2, "calm") + entries(6, "loud"))] == [1, 6, 5, 1]


def test_the_rate_bounds_messages_and_the_oldest_go_first() -> None:
    slow = channel(rate=Rate(2, timedelta(minutes=1)), digest=None)
    assert planned([entry("c", 3), entry("a", 1), entry("b", 2)], to=slow) == [["a"], ["b"]]
    assert planned([entry("a", 1)], [single(4.1), single(4.2)], to=slow) == []
    assert planned([entry("a", 1)], [single(4), single(4.2)], to=slow) == [["a"]]


def test_what_the_rate_has_kept_waiting_for_long_goes_together() -> None:
    slow = channel(rate=Rate(2, timedelta(minutes=1)), digest=Digest(3, timedelta(minutes=10)))
    waiting = [entry(rule, number, rule_id=rule) for number, rule in enumerate("abcd")]
    assert planned(waiting, to=slow, at=5) == [["a"], ["b"]]
    assert planned(waiting, to=slow, at=20) == [["a"], ["b", "c", "d"]]
    assert message_id(waiting).startswith(SUMMARY)


def test_a_message_that_was_refused_is_the_same_message_the_next_time() -> None:
    first = entries(4)
    identity = message_id(first)
    tried = [replace(one, message=identity, attempts=1) for one in first]
    batches = plan([*tried, *entries(2, at=1, kind=Kind.ALERT, alert_id="later")], (), QUIET, minute(5))
    assert message_id(batches[0]) == identity
    assert identity.startswith(DIGEST)
    assert [len(batch) for batch in batches] == [4, 1, 1]


def test_rules_that_fail_at_the_same_time_are_told_together() -> None:
    def failing(number: int) -> list[Entry]:
        return [entry(f"f{one}", rule_id=f"r{one}", kind=Kind.FAILING, alert_id="") for one in range(number)]

    assert [len(batch) for batch in planned(failing(3))] == [1, 1, 1]
    assert [len(batch) for batch in planned(failing(4))] == [4]


arrivals = st.lists(st.tuples(st.integers(0, 3600), st.sampled_from("abc")), max_size=60)
bounds = st.builds(
    lambda messages, seconds, above, within: channel(
        rate=Rate(messages, timedelta(seconds=seconds)), digest=Digest(above, timedelta(seconds=within))
    ),
    st.integers(1, 5),
    st.integers(10, 600),
    st.integers(1, 5),
    st.integers(10, 900),
)


@given(arrivals, bounds)
def test_whatever_comes_everything_is_told_once_and_within_the_bounds(
    coming: list[tuple[int, str]], to: Channel
) -> None:
    """A courier's rounds every ten seconds, until nothing waits."""
    all_entries = {
        f"{number}:soc": entry(str(number), second / 60, rule_id=rule, id=f"{number}:soc")
        for number, (second, rule) in enumerate(coming)
    }
    told: list[Entry] = []
    sent: list[Sent] = []
    now = minute(0)
    while len(told) < len(all_entries):
        done = {one.id for one in told}
        waiting = [one for one in all_entries.values() if one.id not in done and one.created <= now]
        for batch in plan(waiting, sent, to, now):
            settled = [replace(one, state=EntryState.SENT, settled=now, message=message_id(batch)) for one in batch]
            told += settled
            sent.append(Sent.of(settled[0]))
        now += timedelta(seconds=10)
        assert now < minute(600), "something waits for ever"
    assert sorted(one.id for one in told) == sorted(all_entries)
    assert to.digest is not None
    for one in sent:
        lately = [other for other in sent if one.at - to.rate.per < other.at <= one.at]
        assert len(lately) <= to.rate.messages
    for rule in "abc":
        singles = sorted(one.at for one in sent if one.rule_id == rule and not one.is_digest)
        digests = sorted(one.at for one in sent if one.rule_id == rule and one.is_digest)
        for moment in singles:
            assert sum(moment - to.digest.within < other <= moment for other in singles) <= to.digest.above
        assert all(later - earlier >= to.digest.within for earlier, later in pairwise(digests))


@pytest.mark.parametrize("number", [1, 2, 40])
def test_the_id_of_a_message_depends_on_its_entries_alone(number: int) -> None:
    some = entries(number)
    assert message_id(some) == message_id(list(reversed(some)))
    assert message_id(some) != message_id(entries(number + 1))
    assert len(message_id(some).encode()) < 512
