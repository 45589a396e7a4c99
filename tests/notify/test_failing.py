"""Rules that keep failing: told once, and once when they recover, whoever counts."""

from dataclasses import dataclass, field

from runner.errors import ClusterUnavailable
from runner.execution.model import Execution, Failure, RunType, Verdict
from runner.notify.config import Route
from runner.notify.failing import AFTER, Failing
from runner.notify.model import Entry, Kind, Streak
from runner.offline.outbox import MemoryOutbox, MemoryStreaks
from runner.schedule.windows import Window
from tests.made import minute, rule
from tests.notify.made import Clock


def execution(at: float, verdict: Verdict = Verdict.FAILED, **fields: object) -> Execution:
    failure = Failure("ClusterUnavailable", "cluster", "no shards.", "Look at its health.")
    made = {
        "id": f"x{at}",
        "rule_id": "rule-1",
        "rule_name": "Evil Process",
        "rule_version": 1,
        "query_hash": "h",
        "run_type": RunType.STANDARD,
        "window": Window(minute(at - 9), minute(at)),
        "started": minute(at),
        "duration": 0.1,
        "verdict": verdict,
        "failure": failure if verdict is Verdict.FAILED else None,
        **fields,
    }
    return Execution(**made)  # type: ignore[arg-type]


class Unreliable(MemoryStreaks):
    """Streaks of a cluster that is away now and then."""

    away = False

    def write(self, streak: Streak) -> None:
        if self.away:
            raise ClusterUnavailable("no connection")
        super().write(streak)


@dataclass
class Made:
    streaks: Unreliable = field(default_factory=Unreliable)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    taken: list[Entry] = field(default_factory=list)
    routes: tuple[Route, ...] = (Route(("soc",), executions=True), Route(("alerts only",)))

    def put(self, entries) -> None:
        if self.streaks.away:
            raise ClusterUnavailable("no connection")
        new = [one for one in entries if self.outbox.put([one])]
        self.taken += new

    def counting(self) -> Failing:
        made = Failing(self.streaks, self.routes, self.put, Clock(60))
        made.loaded([rule(tags=("OS: Linux",))])
        made.refresh()
        return made

    def told(self) -> list[Kind]:
        return [one.kind for one in self.taken]


def test_a_rule_that_fails_three_times_in_a_row_is_told_once_and_once_when_it_recovers() -> None:
    made = Made()
    failing = made.counting()
    for at in range(AFTER - 1):
        failing.executed(execution(at))
    assert made.told() == []
    for at in range(AFTER - 1, 9):
        failing.executed(execution(at))
    assert made.told() == [Kind.FAILING]
    (entry,) = made.taken
    assert (entry.channel, entry.rule_name, entry.severity) == ("soc", "Evil Process", "medium")
    assert "3 executions in a row" in entry.detail
    assert "no shards. Look at its health." in entry.detail
    failing.executed(execution(9, Verdict.COMPLETE))
    failing.executed(execution(10, Verdict.COMPLETE))
    assert made.told() == [Kind.FAILING, Kind.RECOVERED]
    assert "9 times" in made.taken[1].detail
    for at in range(20, 23):
        failing.executed(execution(at))
    assert made.told() == [Kind.FAILING, Kind.RECOVERED, Kind.FAILING]


def test_what_is_no_failure_in_a_row_is_not_told() -> None:
    made = Made()
    failing = made.counting()
    for at in range(9):
        failing.executed(execution(at))
        failing.executed(execution(at, Verdict.TRUNCATED))
    for at in range(9):
        failing.executed(execution(at, rule_id=f"rule-{at}"))
        failing.executed(execution(at, run_type=RunType.CATCH_UP, rule_id="rule-9"))
    assert made.told() == []


def test_partial_and_timed_out_executions_are_failures_with_their_faults() -> None:
    made = Made()
    failing = made.counting()
    for at, verdict in enumerate((Verdict.PARTIAL, Verdict.TIMED_OUT, Verdict.PARTIAL)):
        failing.executed(execution(at, verdict, faults=("1 of 2 shards failed",)))
    assert "1 of 2 shards failed" in made.taken[0].detail


def test_a_rule_whose_runs_crash_is_told_too() -> None:
    made = Made()
    failing = made.counting()
    for _ in range(AFTER):
        failing.crashed(rule(), ZeroDivisionError())
        failing.skipped(rule())
    assert "ZeroDivisionError" in made.taken[0].detail


def test_the_count_goes_on_in_another_process() -> None:
    made = Made()
    for at in range(AFTER):
        made.counting().executed(execution(at))
    assert made.told() == [Kind.FAILING]
    made.counting().executed(execution(9, Verdict.COMPLETE))
    assert made.told() == [Kind.FAILING, Kind.RECOVERED]
    made.counting().executed(execution(10, Verdict.COMPLETE))
    assert made.streaks.all() == {}


def test_a_cluster_that_is_away_is_told_of_when_it_is_back() -> None:
    made = Made()
    failing = made.counting()
    made.streaks.away = True
    for at in range(9):
        failing.executed(execution(at))
    assert made.told() == []
    made.streaks.away = False
    failing.refresh()
    failing.executed(execution(9))
    failing.executed(execution(10, Verdict.COMPLETE))
    assert made.told() == [Kind.FAILING, Kind.RECOVERED]
    assert "10 executions" in made.taken[0].detail


def test_a_recovery_that_cannot_be_put_is_told_by_the_next_execution() -> None:
    made = Made()
    failing = made.counting()
    for at in range(AFTER):
        failing.executed(execution(at))
    made.streaks.away = True
    failing.executed(execution(5, Verdict.COMPLETE))
    made.streaks.away = False
    failing.executed(execution(6, Verdict.COMPLETE))
    assert made.told() == [Kind.FAILING, Kind.RECOVERED]


def test_routes_choose_by_the_rules_severity_and_tags() -> None:
    chosen = Route(("soc",), executions=True, tags=frozenset({"OS: Linux"}), severities=frozenset({"medium"}))
    other = Route(("mac",), executions=True, tags=frozenset({"OS: macOS"}))
    made = Made(routes=(chosen, other))
    failing = made.counting()
    for at in range(AFTER):
        failing.executed(execution(at))
    assert [one.channel for one in made.taken] == ["soc"]


def test_ids_of_entries_fit_the_index_whatever_the_rule_is_called() -> None:
    made = Made()
    failing = made.counting()
    for at in range(AFTER):
        failing.executed(execution(at, rule_id="\N{SNOWMAN}" * 256))
    assert len(made.taken[0].id.encode()) < 400
