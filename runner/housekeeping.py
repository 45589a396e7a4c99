"""What is looked after beside the rules, now and then, on a thread of its own.

    roll-over        alerts and history go on in a new index; what is kept long enough is deleted       one runner for all
    the clock        the cluster's compared with ours
    ingest lag       how late events come in, and which rules look back too little for it
    future events    events that are ahead of the time
    privileges       indices that the account may not read: asked before rules run, too

None of it is needed for an execution, and an error in it, foreseen or not, ends nothing: it is logged once, and tried again.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from runner.errors import RunnerError
from runner.rules.model import Rule
from runner.telemetry.housekeeping_metrics import HousekeepingMetrics
from runner.telemetry.logs import Logger
from runner.wording import plural

Patterns = tuple[str, ...]

TEND_EVERY = timedelta(minutes=5)
COMPARE_EVERY = timedelta(minutes=1)
MEASURE_EVERY = timedelta(hours=1)  # each set of patterns
ASK_EVERY = timedelta(hours=1)  # for all rules at once, and whenever they search other indices
MEASURED_AT_ONCE = 3  # sets of patterns, so that a start with hundreds of rules asks little at a time
NAMED = 5  # rules named in one line

_TICK = 1.0  # seconds


@dataclass(frozen=True)
class Instruments:
    """What is asked of the cluster. Each raises RunnerError.

    `tend` rolls over and deletes, a line for each; `measure` returns quantiles by index; `warning` says that a rule looks
    back too little, `count_ahead` counts events ahead of the time; `drift` is the cluster's clock less ours, None where it
    does not tell.
    """

    tend: Callable[[datetime], Iterable[str]]
    drift: Callable[[], timedelta | None]
    measure: Callable[[Patterns, datetime], Mapping[str, Mapping[str, timedelta]]]
    warning: Callable[[Rule, datetime], str]
    count_ahead: Callable[[Patterns, datetime], int]
    unreadable: Callable[[Iterable[str]], tuple[str, ...]]
    max_drift: timedelta


@dataclass
class Housekeeping:
    """`rules` are those that run; `leads` tells whether this runner does what one does for all. One thread."""

    instruments: Instruments
    log: Logger
    metrics: HousekeepingMetrics
    clock: Callable[[], datetime]
    rules: Callable[[], Iterable[Rule]]
    leads: Callable[[], bool] = lambda: True
    _told: dict[tuple[str, str], str] = field(default_factory=dict)
    """What is wrong, and with which, as it was last told; what is well is not in it."""
    _tended: datetime | None = None
    _compared: datetime | None = None
    _asked: datetime | None = None
    _asked_about: frozenset[str] = frozenset()
    _measured: dict[Patterns, datetime] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Say what is to be known before rules run, then begin, on a thread that ends with the process."""
        self._ask_if_due(self.clock())
        threading.Thread(target=self._run, name="housekeeping", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()

    def do(self, now: datetime) -> None:
        """Do what is due."""
        if is_due(self._tended, TEND_EVERY, now):
            self._tended = now
            self._tried("roll-over", self._tend, now)
        if is_due(self._compared, COMPARE_EVERY, now):
            self._compared = now
            self._tried("the comparison of clocks", self._compare, now)
        self._ask_if_due(now)
        by_patterns = self._by_patterns()
        self._forget(self._measured.keys() - by_patterns.keys())
        due = (item for item in by_patterns.items() if is_due(self._measured.get(item[0]), MEASURE_EVERY, now))
        for patterns, rules in islice(due, MEASURED_AT_ONCE):
            self._measured[patterns] = now
            self._tried(_looking_at(patterns), self._look_at, now, patterns, rules)

    def _run(self) -> None:
        while not self._stop.wait(_TICK):
            self.do(self.clock())

    def _tried(self, what: str, do: Callable[..., None], *arguments: object) -> None:
        try:
            do(*arguments)
        except RunnerError as error:
            self._tell(("error", what), f"{what} did not succeed and is tried again: {error} {error.hint}".strip())
        except Exception as error:  # noqa: BLE001  # a surprise in one must not end the others, nor the thread
            text = f"{what} was stopped by an error in eql-runner itself and is tried again: {type(error).__name__}: {error}"
            self._tell(("error", what), f"{text}; please report the stack trace", surprise=error)
        else:
            self._told.pop(("error", what), None)

    def _tend(self, now: datetime) -> None:
        if self.leads():
            for line in self.instruments.tend(now):
                self.log.info(line, **{"event.action": "roll-over"})

    def _compare(self, _now: datetime) -> None:
        drift = self.instruments.drift()
        if drift is None:
            return
        self.metrics.drift(drift)
        apart = abs(drift) > self.instruments.max_drift
        ahead = "ahead of" if drift > timedelta(0) else "behind"
        self._tell(
            ("clock", ""),
            "the cluster's clock is ahead of or behind ours" if apart else "",
            f"the cluster's clock is {abs(drift).total_seconds():.1f} s {ahead} ours, more than RUNNER_MAX_CLOCK_DRIFT: "
            "events may come in later than rules look back; synchronise both",
            "the cluster's clock and ours agree again",
        )

    def _ask_if_due(self, now: datetime) -> None:
        patterns = frozenset(pattern for rule in self.rules() for pattern in rule.index)
        if is_due(self._asked, ASK_EVERY, now) or patterns != self._asked_about:
            self._asked, self._asked_about = now, patterns
            self._tried("looking at the privileges of this account", self._look_at_privileges, patterns)

    def _look_at_privileges(self, patterns: Iterable[str]) -> None:
        hidden = self.instruments.unreadable(patterns)
        well = "this account may read all that the rules search again"
        self._tell(("hidden", ""), str(hidden) if hidden else "", hidden_events(hidden), well)

    def _by_patterns(self) -> Mapping[Patterns, list[Rule]]:
        """Return the sets of patterns that rules search, each with its rules."""
        found: dict[Patterns, list[Rule]] = defaultdict(list)
        for rule in self.rules():
            found[rule.index].append(rule)
        return found

    def _forget(self, gone: Iterable[Patterns]) -> None:
        """Drop what is known of sets of patterns that no rule searches any more."""
        for patterns in gone:
            del self._measured[patterns]
            self.metrics.forget(_shown(patterns))
            for told in (("lag", _shown(patterns)), ("future", _shown(patterns)), ("error", _looking_at(patterns))):
                self._told.pop(told, None)

    def _look_at(self, now: datetime, patterns: Patterns, rules: list[Rule]) -> None:
        self.metrics.lags(_shown(patterns), self.instruments.measure(patterns, now))
        self._warn_of_lag(now, patterns, rules)
        ahead = self.instruments.count_ahead(patterns, now)
        self.metrics.future(_shown(patterns), ahead)
        self._tell(
            ("future", _shown(patterns)),
            "some" if ahead else "",
            f"{plural(ahead, f'event of {_shown(patterns)} is', f'events of {_shown(patterns)} are')} ahead of the time, "
            "by up to a day: some clock is wrong. What is ahead is found once its time has come",
            f"no event of {_shown(patterns)} is ahead of the time any more",
        )

    def _warn_of_lag(self, now: datetime, patterns: Patterns, rules: list[Rule]) -> None:
        """Say in one line which rules look back too little; each of their executions says it too."""
        warnings = {rule.name: text for rule in rules if (text := self.instruments.warning(rule, now))}
        names = sorted(warnings)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        self._tell(
            ("lag", _shown(patterns)),
            str(names) if names else "",
            f"{', '.join(names[:NAMED])}{more}: {next(iter(warnings.values()), '')}",
            f"no rule over {_shown(patterns)} looks back less far than its events are late any more",
        )

    def _tell(
        self, about: tuple[str, str], state: str, warning: str = "", well: str = "", surprise: Exception | None = None
    ) -> None:
        """Log the warning when the state (empty where all is well) is another than before; once, not at each look."""
        before = self._told.pop(about, "")
        if state:
            self._told[about] = state
        if state and state != before:
            level = logging.WARNING if surprise is None else logging.ERROR
            self.log.log(level, warning or state, exc_info=surprise, **{"event.action": "housekeeping"})
        elif before and not state:
            self.log.info(well, **{"event.action": "housekeeping"})


def unreadable(instruments: Instruments, rules: Iterable[Rule]) -> str:
    """Say which of the rules' indices the account may not read; nothing where it may read them all."""
    try:
        hidden = instruments.unreadable({pattern for rule in rules for pattern in rule.index})
    except RunnerError as error:
        return f"could not look at the privileges of this account: {error}"
    return hidden_events(hidden) if hidden else ""


def hidden_events(patterns: Iterable[str]) -> str:
    """Return the warning that the account may not wholly read some index patterns."""
    return (
        f"this account may not read all of {', '.join(patterns)}: events there are not found, and no search says so. "
        "Give it `read` and `view_index_metadata` on them"
    )


def is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Tell whether so much time has passed since; as well where the clock was set back, when nobody knows."""
    return last is None or not timedelta(0) <= now - last < every


def _looking_at(patterns: Patterns) -> str:
    return f"looking at {_shown(patterns)}"


def _shown(patterns: Patterns) -> str:
    return ",".join(patterns)
