"""What every Outbox keeps: each entry once, a channel to one courier at a time, and nothing written over another's write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from runner.elastic.outbox import OutboxIndex, StreakIndex
from runner.elastic.setup import Names, install
from runner.errors import StateConflict
from runner.notify.model import CLAIM, Claim, Entry, EntryState, Outbox, Sent, Streak, Streaks
from runner.offline.outbox import MemoryOutbox, MemoryStreaks
from tests.contracts.conftest import LIVE, live_client
from tests.made import minute
from tests.notify.made import entry

Both = tuple[Outbox, Streaks]


@pytest.fixture(params=["memory", pytest.param("live", marks=LIVE)])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """An empty outbox, and its streaks."""
    if request.param == "memory":
        yield MemoryOutbox(), MemoryStreaks()
        return
    prefix = request.getfixturevalue("index_prefix")
    client = live_client(request.getfixturevalue("elasticsearch_url"))
    names = Names(f"{prefix}-alerts", f"{prefix}-executions", f"{prefix}-state", f"{prefix}-outbox")
    install(client, names)
    yield OutboxIndex(client, names.outbox), StreakIndex(client, names.outbox)
    client.close()


@pytest.fixture
def outbox(both: Both) -> Outbox:
    return both[0]


@pytest.fixture
def streaks(both: Both) -> Streaks:
    return both[1]


def waiting(outbox: Outbox, at: float = 60, channel: str = "soc", most: int = 100) -> tuple[Entry, ...]:
    return outbox.entries(channel, EntryState.WAITING, minute(at), most)


def sent(one: Entry, at: float, message: str = "") -> Entry:
    return replace(one, state=EntryState.SENT, settled=minute(at), message=message or one.id)


def test_an_entry_is_put_once_and_comes_back_whole(outbox: Outbox) -> None:
    whole = entry(detail="why", attempts=2, tried=minute(1), due=minute(3), error="no", message="m")
    bare = entry("b", channel="other", severity="", rule_id="", rule_name="", alert_id="")
    assert outbox.put([whole, bare]) == 2
    assert outbox.put([replace(whole, detail="again")]) == 0
    assert waiting(outbox) == (whole,)
    assert waiting(outbox, channel="other") == (bare,)
    assert outbox.put([]) == 0


def test_entries_due_come_oldest_first_and_at_most_so_many(outbox: Outbox) -> None:
    outbox.put([entry(name, at) for name, at in (("c", 3), ("a", 1), ("b", 2))])
    outbox.put([entry("later", 0, due=minute(9))])
    assert [one.alert_id for one in waiting(outbox, at=5)] == ["a", "b", "c"]
    assert [one.alert_id for one in waiting(outbox, at=5, most=2)] == ["a", "b"]
    assert [one.alert_id for one in waiting(outbox, at=9)] == ["later", "a", "b", "c"]


def test_entries_of_some_rules_are_left_out_when_asked(outbox: Outbox) -> None:
    outbox.put([entry("a"), entry("b", rule_id="rule-2"), entry("c", rule_id="")])
    found = outbox.entries("soc", EntryState.WAITING, minute(1), 10, without={"rule-1", "rule-3"})
    assert sorted(one.alert_id for one in found) == ["b", "c"]


def test_what_is_settled_does_not_wait_and_is_never_put_again(outbox: Outbox) -> None:
    outbox.put([entry("a"), entry("b", 1), entry("c", 2)])
    first, second, third = waiting(outbox)
    failed = replace(second, state=EntryState.FAILED, settled=minute(9), error="gone")
    outbox.settle([sent(first, 8), failed, replace(third, attempts=1, due=minute(99))])
    assert waiting(outbox) == ()
    assert outbox.entries("soc", EntryState.FAILED, minute(0), 10) == (failed,)
    assert outbox.put([entry("a"), entry("b"), entry("c")]) == 0
    assert [one.attempts for one in waiting(outbox, at=99)] == [1]


def test_of_two_who_settle_an_entry_the_second_changes_nothing(outbox: Outbox) -> None:
    outbox.put([entry("a"), entry("b", 1)])
    read = waiting(outbox)
    outbox.settle([sent(read[0], 1)])
    outbox.settle([replace(one, error="late") for one in read])
    assert [(one.alert_id, one.error) for one in waiting(outbox)] == [("b", "late")]


def test_messages_sent_are_told_once_each_oldest_first(outbox: Outbox) -> None:
    outbox.put([entry(name, number) for number, name in enumerate("abcd")])
    a, b, c, d = waiting(outbox)
    outbox.settle([sent(a, 9), sent(b, 5, "digest:1:soc"), sent(c, 5, "digest:1:soc"), sent(d, 1)])
    assert outbox.sent("soc", minute(2)) == (
        Sent("digest:1:soc", minute(5), "rule-1", is_digest=True),
        Sent("a:soc", minute(9), "rule-1", is_digest=False),
    )
    assert outbox.sent("other", minute(0)) == ()


def test_a_channel_belongs_to_one_until_its_time_is_over(outbox: Outbox) -> None:
    first = outbox.claim("soc", "one", minute(0))
    assert first is not None
    assert first.until == minute(0) + CLAIM
    assert outbox.claim("soc", "two", minute(1)) is None
    assert outbox.claim("other", "two", minute(1)) is not None
    kept = outbox.claim("soc", "one", minute(1.5))
    assert kept is not None
    assert kept.until - minute(1.5) >= CLAIM / 2
    taken = outbox.claim("soc", "two", kept.until)
    assert taken is not None
    assert taken.owner == "two"
    assert outbox.claim("soc", "one", kept.until) is None


def test_how_a_channel_goes_is_kept_and_handed_over(outbox: Outbox) -> None:
    claim = outbox.claim("soc", "one", minute(0))
    assert claim is not None
    claim = replace(claim, failures=3, failing_since=minute(1), paused_until=minute(9), error="no", sent=minute(0))
    kept = outbox.keep(replace(claim, until=minute(2)))
    taken = outbox.claim("soc", "two", minute(2))
    assert taken == replace(kept, owner="two", until=minute(2) + CLAIM)


def test_who_has_lost_a_channel_is_told_when_he_writes(outbox: Outbox) -> None:
    claim = outbox.claim("soc", "one", minute(0))
    assert claim is not None
    assert outbox.claim("soc", "two", claim.until) is not None
    with pytest.raises(StateConflict):
        outbox.keep(replace(claim, sent=minute(3)))


def test_the_standing_counts_each_channel(outbox: Outbox) -> None:
    outbox.put([entry("a", 2), entry("b", 1), entry("c"), entry("d"), entry("x", channel="idle")])
    _, _, old, _ = sorted(waiting(outbox), key=lambda one: one.alert_id)
    gone = next(one for one in waiting(outbox) if one.alert_id == "d")
    outbox.settle([sent(old, 3), replace(gone, state=EntryState.FAILED, settled=minute(3))])
    claim = outbox.claim("only claimed", "one", minute(0))
    standing = {one.channel: one for one in outbox.standing()}
    assert list(standing) == ["idle", "only claimed", "soc"]
    soc = standing["soc"]
    assert (soc.waiting, soc.failed, soc.oldest, soc.claim) == (2, 1, minute(1), None)
    assert (standing["only claimed"].waiting, standing["only claimed"].claim) == (0, claim)


def test_old_settled_entries_are_forgotten_and_waiting_ones_never(outbox: Outbox) -> None:
    outbox.put([entry(name, number) for number, name in enumerate("abc")])
    a, b, _ = waiting(outbox)
    outbox.settle([sent(a, 1), sent(b, 50)])
    assert outbox.prune(minute(50)) == 1
    assert outbox.put([entry("a"), entry("b"), entry("c")]) == 1


def test_more_entries_than_fit_one_request(outbox: Outbox) -> None:
    outbox.put([entry(f"{number:04}") for number in range(1200)])
    found = waiting(outbox, most=2000)
    assert len(found) == 1200
    outbox.settle([sent(one, 1) for one in found])
    assert waiting(outbox) == ()


def test_streaks_are_kept_until_they_end(streaks: Streaks) -> None:
    one = Streak("rule-1", "Evil Process", 2, minute(0), "no shards")
    streaks.write(one)
    streaks.write(replace(one, rule_id="rule-2", rule_name=""))
    streaks.write(replace(one, failures=3, told=True))
    assert streaks.all() == {
        "rule-1": replace(one, failures=3, told=True),
        "rule-2": replace(one, rule_id="rule-2", rule_name=""),
    }
    streaks.write(replace(one, failures=0))
    streaks.write(replace(one, failures=0))
    assert list(streaks.all()) == ["rule-2"]


def test_a_claim_never_taken_is_no_reason_to_wait(outbox: Outbox) -> None:
    claim = outbox.claim("soc", "one", minute(0))
    assert claim == Claim("soc", "one", minute(0) + timedelta(minutes=2))
