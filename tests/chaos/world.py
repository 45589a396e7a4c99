"""A world of two runners and much trouble, on a clock of its own; everything follows from a seed.

    events     come in with delays, some of them beyond every look-back, in bursts larger than the cap, as single events
               and as sequences
    runners    have clocks that are off, and for one run a day or a month ahead; are killed at any port call and started
               again, pause in the middle of a search
    a person   backfills what is past, beside the runners
    the cluster is away, is too busy, answers with half the hits, takes half a bulk, loses its answers
    the rule   is edited and reloaded

`play` runs the trouble, then lets the world heal and the backlog drain, and returns what is left.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from runner.errors import ClusterBusy, ClusterUnavailable, RunnerError, SearchTimeout
from runner.execution.executor import Executor
from runner.execution.model import Alert, Fault, Rejected, State, Verdict, Written
from runner.execution.replicas import Replicas
from runner.offline.memory import MemoryLedger, MemoryPresence, MemorySink, MemorySource, StoredEvent
from runner.query import compile
from runner.rules.model import Rule
from runner.schedule.plan import Limits
from runner.schedule.scheduler import Timetable
from runner.schedule.windows import Window, sliced
from tests.made import LateSource, event, minute, rule

QUIET = 6.0  # minutes
LATEST = 3.0  # minutes by which an event is late at most; with the clocks' drift below the look-back of four
SWEPT = 50.0  # minutes by which some events are late: all within what sweeps look for
SWEEP = timedelta(hours=1)
DRIFT = 20  # seconds
AHEAD = (timedelta(hours=10), timedelta(days=1), timedelta(days=30))  # all longer than anyone is down
CAP = 8

SINGLE = 'process where process.name == "evil"'
PAIR = 'sequence by process.pid with maxspan=2m [process where process.name == "a"] [process where process.name == "b"]'


@dataclass(frozen=True)
class Size:
    """How long the trouble and the healing take, how often the runners say that they are alive (minutes); what comes in."""

    trouble: float
    healing: float
    tick: float
    singles: int
    burst: int
    pairs: int


LARGE = Size(trouble=120.0, healing=240.0, tick=0.25, singles=120, burst=50, pairs=25)
SMALL = Size(trouble=30.0, healing=60.0, tick=0.9, singles=30, burst=16, pairs=8)


class Killed(BaseException):
    """The process ends here and now, as by kill -9."""


@dataclass
class Trouble:
    """Decides, from one seed, what goes wrong at each port call of the runner that calls."""

    chance: random.Random
    rate: float
    world: "World | None" = None
    seen: dict[str, int] = field(default_factory=dict)

    def strikes(self, kind: str, share: float = 1.0) -> bool:
        """Tell whether this kind of trouble strikes now, and count it."""
        if self.chance.random() >= self.rate * share:
            return False
        self.seen[kind] = self.seen.get(kind, 0) + 1
        return True

    def may_kill(self, where: str) -> None:
        if self.strikes(f"killed {where}", 0.4):
            raise Killed(where)

    def may_fail(self, where: str) -> None:
        for error in (ClusterUnavailable, ClusterBusy, SearchTimeout):
            if self.strikes(f"{error.__name__} {where}", 0.4):
                raise error(where)


class TroubledSource:
    """A source that is away, times out, answers half, or takes so long that the others go on meanwhile."""

    def __init__(self, source: MemorySource, trouble: Trouble, runner: str) -> None:
        self._source, self._trouble, self._runner = source, trouble, runner

    def search(self, rule, window, after=None):
        self._trouble.may_kill("before a search")
        self._trouble.may_fail("at a search")
        for page in self._source.search(rule, window, after):
            if self._trouble.strikes("a pause"):
                self._trouble.world.pass_without(self._runner, self._trouble.chance.uniform(1, 20))
            if self._trouble.strikes("half an answer"):
                fault = Fault(self._trouble.chance.choice([Verdict.PARTIAL, Verdict.TIMED_OUT]), "half an answer")
                yield replace(page, hits=page.hits[::2], matches=page.matches[::2], faults=(*page.faults, fault))
            else:
                yield page
            self._trouble.may_kill("between pages")
            self._trouble.may_fail("between pages")

    def documents(self, rule, hits):
        self._trouble.may_fail("at documents")
        return self._source.documents(rule, hits)


class TroubledSink:
    """A sink that takes half a bulk, or takes it and loses the answer."""

    def __init__(self, sink: MemorySink, trouble: Trouble) -> None:
        self._sink, self._trouble = sink, trouble

    def known(self, ids):
        self._trouble.may_fail("when asked for alerts")
        return self._sink.known(ids)

    def write(self, alerts):
        self._trouble.may_kill("before a write")
        self._trouble.may_fail("before a write")
        if alerts and self._trouble.strikes("half a bulk"):
            taken = self._sink.write(alerts[::2])
            refused = tuple(Rejected(alert.id, "429") for alert in alerts[1::2])
            return taken + Written(rejected=refused)
        written = self._sink.write(alerts)
        self._trouble.may_kill("after a write")
        self._trouble.may_fail("after a write, its answer lost")
        return written


class TroubledLedger:
    """A ledger that cannot be reached, or moves and loses the answer."""

    def __init__(self, ledger: MemoryLedger, trouble: Trouble) -> None:
        self._ledger, self._trouble = ledger, trouble

    def read(self, rule):
        self._trouble.may_fail("at reading a state")
        return self._ledger.read(rule)

    def record(self, execution, state):
        self._trouble.may_kill("before a record")
        self._trouble.may_fail("before a record")
        moved = self._ledger.record(execution, state)
        self._trouble.may_kill("after a record")
        self._trouble.may_fail("after a record, its answer lost")
        return moved

    def move(self, state):
        self._trouble.may_kill("before a lease")
        moved = self._ledger.move(state)
        self._trouble.may_kill("with a lease")
        return moved


@dataclass(frozen=True)
class Outcome:
    """What is left when the world has healed."""

    alerts: tuple[Alert, ...]
    states: tuple[State, ...]
    most_in_a_run: int
    trouble: dict[str, int]


class Runner:
    """One process: a clock that is off, an executor, and the time until which it is down."""

    def __init__(self, world: "World", place: str) -> None:
        self.world, self.place = world, place
        self.drift = timedelta(seconds=world.chance.uniform(-DRIFT, DRIFT))
        self.down_until = 0.0
        self.busy = False
        self.start()

    def start(self) -> None:
        """Start the process anew: a new name, and nothing remembered."""
        self.world.started += 1
        self.name = f"{self.place}{self.world.started}"
        self.replicas = Replicas(self.name, self.world.presence)
        trouble = self.world.trouble
        self.executor = Executor(
            TroubledSource(self.world.source, trouble, self.place),
            TroubledSink(self.world.sink, trouble),
            TroubledLedger(self.world.ledger, trouble),
            limits=Limits(late_sweep=SWEEP),
            replicas=self.replicas,
        )

    def execute(self, rule: Rule, at: datetime) -> None:
        """Execute the rule at the world's time, as this runner's clock shows it."""
        world = self.world
        before = len(world.shells())
        self.busy = True
        ahead = world.trouble.chance.choice(AHEAD) if world.trouble.strikes("a clock ahead", 0.1) else timedelta(0)
        try:
            self.executor.run(rule, at + self.drift + ahead)
        except Killed:
            self.down_until = world.now + world.chance.uniform(0.5, 25)
            self.start()
        finally:
            self.busy = False
        if not world.nested:  # what the others wrote in a pause of this one is theirs
            world.most_in_a_run = max(world.most_in_a_run, len(world.shells()) - before)
        world.nested = False


class World:
    """Events on their way, two runners, and what they share."""

    def __init__(self, seed: int, rate: float, size: Size) -> None:
        self.chance = random.Random(seed)
        self.trouble = Trouble(random.Random(seed + 1), rate)
        self.trouble.world = self
        self.size = size
        self.rules = _rules()
        self.furnish()
        self.now = 0.0
        self.started = 0
        self.most_in_a_run = 0
        self.nested = False
        self.arrivals = sorted(_arrivals(self.chance, size), key=lambda pair: pair[0], reverse=True)
        self.runners = [Runner(self, place) for place in ("a", "b")]

    def furnish(self) -> None:
        """Make what the runners share."""
        self.source, self.sink, self.ledger = LateSource(page_size=20), MemorySink(), MemoryLedger()
        self.presence = MemoryPresence()

    def play(self) -> Outcome:
        """Run the trouble, heal, drain."""
        rate, self.trouble.rate = self.trouble.rate, 0.0
        self.pass_time(QUIET)  # the rules begin: what was before is nobody's promise
        self.trouble.rate = rate
        self.pass_time(self.size.trouble - QUIET)
        self.trouble.rate = 0.0
        for runner in self.runners:
            runner.down_until = 0.0
        self.pass_time(self.size.healing)
        return Outcome(
            alerts=self.sink.alerts,
            states=tuple(self.ledger.read(made) for made in self.rules),
            most_in_a_run=self.most_in_a_run,
            trouble=self.trouble.seen,
        )

    def pass_time(self, minutes: float, *, without: str = "") -> None:
        """Let the time pass: events arrive, runners say that they are alive, and start what is due."""
        until = self.now + minutes
        for at, runner, made in self._starts(until, without):
            self._tick(at, without)
            self.happen()
            if self.now >= runner.down_until and not runner.busy:
                runner.execute(self._current(made), minute(self.now))
        self._tick(until, without)

    def _tick(self, until: float, without: str) -> None:
        """Let the clock go on: events arrive, and every runner says now and then that it is alive."""
        while self.now < until:
            self.now = min(self.now + self.size.tick, until)
            self._arrive(self.now)
            for runner in self.runners:
                if self.now >= runner.down_until and runner.place != without:
                    runner.replicas.announce(minute(self.now) + runner.drift)

    def pass_without(self, place: str, minutes: float) -> None:
        """Let the time pass for all but one runner, which is in the middle of an execution."""
        self.pass_time(minutes, without=place)
        self.nested = True

    def shells(self) -> list[Alert]:
        """The alerts that count against the cap."""
        return [alert for alert in self.sink.alerts if "kibana.alert.group.index" not in alert.document]

    def _starts(self, until: float, without: str) -> Iterator[tuple[float, Runner, Rule]]:
        starts: list[tuple[float, Runner, Rule]] = []
        for runner in self.runners:
            if runner.place == without:
                continue
            since, end = (minute(at) + runner.drift for at in (self.now, until))
            timetable = Timetable(minute(0) + runner.drift)
            starts += [
                ((start.instant - runner.drift - minute(0)).total_seconds() / 60, runner, start.rule)
                for start in timetable.due(self.rules, since, end)
            ]
        return iter(sorted(starts, key=lambda start: (start[0], start[1].place)))

    def _arrive(self, at: float) -> None:
        while self.arrivals and self.arrivals[-1][0] <= at:
            self.source.add([self.arrivals.pop()[1]])

    def happen(self) -> None:
        """Now and then, a rule is edited (it means the same and is another query), or what is past is backfilled."""
        if self.trouble.strikes("a backfill", 0.1):
            self._backfill(self.trouble.chance.choice(self.rules))
        if self.trouble.strikes("an edited rule", 0.1):
            number = self.trouble.seen["an edited rule"]
            self.rules = [_edited(made, f"{made.query.rstrip()} // edit {number}") for made in self.rules]

    def _backfill(self, made: Rule) -> None:
        """Backfill all up to now, as a person does from a place of his own."""
        trouble = self.trouble
        executor = Executor(
            TroubledSource(self.source, trouble, "c"),
            TroubledSink(self.sink, trouble),
            TroubledLedger(self.ledger, trouble),
        )
        windows = sliced([Window(minute(0), minute(self.now))], timedelta(minutes=30))
        # The command ends by itself, or with an error, or is killed.
        with suppress(Killed, RunnerError):
            list(executor.backfill(made, windows, minute(self.now)))

    def _current(self, made: Rule) -> Rule:
        return next(one for one in self.rules if one.rule_id == made.rule_id)


def _rules() -> list[Rule]:
    return [
        rule(SINGLE, rule_id="by timestamp", max_signals=CAP),
        rule(SINGLE, rule_id="by ingestion", max_signals=CAP, timestamp_override="event.ingested"),
        rule(PAIR, rule_id="pairs", max_signals=CAP),
    ]


def _edited(made: Rule, query: str) -> Rule:
    return replace(made, query=query, program=compile(query))


def _arrivals(chance: random.Random, size: Size) -> list[tuple[float, StoredEvent]]:
    """Return events with the minute in which each can first be found."""
    arrivals: list[tuple[float, StoredEvent]] = []

    def come(at: float, name: str, key: Any, latest: float = LATEST, at_once: float | None = None) -> None:
        delay = chance.uniform(0, latest) if chance.random() < 0.3 else 0.01
        if at_once is not None:
            delay = at_once - at
        made = event(at, name, id=f"{name}-{key}")
        made.source["process"]["pid"] = key
        if chance.random() < 0.7 or delay > LATEST:  # who comes in later is only known by the time of ingestion
            made.source["event"]["ingested"] = minute(at + delay).isoformat(timespec="milliseconds")
        arrivals.append((at + delay, made))

    for number in range(size.singles):
        come(chance.uniform(0, size.trouble), "evil", number, chance.choice((LATEST, SWEPT)))
    burst = chance.uniform(10, size.trouble - 10)
    for number in range(size.burst):
        come(burst + chance.uniform(0, 1), "evil", f"burst {number}")
    # What a source that was away brings, all at once: more than the cap, and later than every look-back.
    brought = chance.uniform(10, size.trouble - 10)
    for number in range(size.burst // 2):
        come(brought + chance.uniform(-5, 0), "evil", f"brought {number}", at_once=brought + 15)
    for number in range(size.pairs):
        first = chance.uniform(0, size.trouble - 3)
        come(first, "a", f"pair {number}", chance.choice((LATEST, SWEPT)))
        come(first + chance.uniform(0.1, 1.9), "b", f"pair {number}", chance.choice((LATEST, SWEPT)))
    return arrivals


def play(seed: int, rate: float, size: Size = LARGE) -> Outcome:
    """Play one world. With no trouble (rate 0) it is the measure for all others of its seed."""
    return World(seed, rate, size).play()
