"""What must hold when the world has healed, in memory and on a real node."""

from collections import Counter

from tests.chaos.world import CAP


def sources(outcome):
    """Each alert as its rule and the source events that it stands for."""
    return Counter(
        (
            alert.document["kibana.alert.rule.rule_id"],
            alert.document.get("kibana.alert.group.index"),
            tuple(one["id"] for one in alert.document["kibana.alert.ancestors"] if one["type"] == "event"),
        )
        for alert in outcome.alerts
    )


def assert_nothing_missed_nothing_twice(troubled, undisturbed, *, replay):
    """The alerts are those of the undisturbed run, the ledger has no hole, and no run wrote more than the cap."""
    assert sources(troubled) == sources(undisturbed), replay
    assert max(sources(troubled).values()) == 1, replay
    assert troubled.most_in_a_run <= CAP, replay
    for state in troubled.states:
        coverage = state.coverage
        # A backfill may have covered more, apart from the line of an edited rule, before it begins.
        covered = [window for window in coverage.covered if window.end > coverage.since]
        assert (len(covered), state.backlog, coverage.gaps) == (1, (), ()), replay
        assert covered[0].start <= coverage.since, replay
        assert state.swept is None or state.swept.until == coverage.until, replay


def replay_line(seed, path):
    """How to play the seed again."""
    return f"seed {seed}: CHAOS_FIRST={seed} CHAOS_SEEDS=1 CHAOS_LIVE_SEEDS=1 .venv/bin/pytest {path}"
