"""The in-memory twins of the three seams. `demo`, `test` and the tests of the executor run on them.

They keep the contracts of `runner.execution.seams` as strictly as the ones over Elasticsearch do; one suite, in
`tests/contracts`, holds both to them.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from runner.errors import StateConflict
from runner.execution.absorbing import Absorbed, Absorber, Suppressed
from runner.execution.model import BELIEVED, Alert, Coverage, Document, Execution, Hit, Page, State, Written
from runner.query import Kind, instant
from runner.query.exclusions import Exclusions
from runner.query.fields import first_value, reader
from runner.query.searching import tiebreak
from runner.rules.model import Rule
from runner.schedule.windows import Window

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A document as an index holds it."""

    index: str
    id: str
    source: Document


class MemorySource:
    """Events in memory, searched as an index would be. Events may be added while searches run."""

    def __init__(self, events: Iterable[StoredEvent] = (), *, page_size: int = _PAGE) -> None:
        self._page_size = page_size
        self._lock = threading.Lock()
        self._events: dict[tuple[str, str], StoredEvent] = {}
        self.add(events)

    def add(self, events: Iterable[StoredEvent]) -> None:
        """Index the events; one with an index and id that are there already replaces it."""
        with self._lock:
            self._events.update({(event.index, event.id): event for event in events})

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        """Yield the window's events as candidates, oldest first. See `EventSource.search`."""
        lookback = rule.program.maxspan or timedelta(0) if rule.program.kind is Kind.SEQUENCE else timedelta(0)
        hits = [
            hit for hit in self._hits(rule, window, lookback) if after is None or not hit.dated or hit.time >= after
        ]
        hits.sort(key=lambda hit: _place(rule, hit))
        excepted = Exclusions(rule.exclusions, timestamp_field=rule.timestamp_field)
        for start in range(0, max(len(hits), 1), self._page_size):
            kept, taken = excepted.sift(hits[start : start + self._page_size], rule.program)
            yield Page(hits=tuple(kept), excepted=taken, requests=1)

    def documents(self, rule: Rule, hits: Sequence[Hit]) -> Page:  # noqa: ARG002  they are whole
        """Return the hits as they are: in memory they are whole."""
        return Page(hits=tuple(hits))

    def _hits(self, rule: Rule, window: Window, lookback: timedelta) -> Iterator[Hit]:
        with self._lock:
            events = list(self._events.values())
        read = window.extended(lookback)
        for event in events:
            if not selected(event.index, rule.index):
                continue
            order, ranged = _instant_of(event.source, rule.timestamp_field), range_time(rule, event.source)
            if ranged is None or not read.holds(ranged) or (order is None and rule.program.kind is not Kind.EVENT):
                continue
            inside, dated = window.holds(ranged), order is not None
            yield Hit(event.index, event.id, order or ranged, event.source, inside=inside, dated=dated)


class MemorySink:
    """Alerts in memory, by id, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alerts: dict[str, Alert] = {}
        self._absorbed: dict[str, Suppressed] = {}

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Every alert written, oldest first."""
        with self._lock:
            return tuple(self._alerts.values())

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts already, or absorbed."""
        with self._lock:
            return frozenset((self._alerts.keys() | self._absorbed.keys()) & set(ids))

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Create the alerts; one with a known id is a duplicate."""
        created: list[str] = []
        duplicates: list[str] = []
        with self._lock:
            for alert in alerts:
                (duplicates if alert.id in self._alerts else created).append(alert.id)
                self._alerts.setdefault(alert.id, alert)
        return Written(tuple(created), tuple(duplicates), requests=1)

    @property
    def absorbed(self) -> tuple[Suppressed, ...]:
        """Every match that an alert has absorbed, oldest note first."""
        with self._lock:
            return tuple(self._absorbed.values())

    def open_for(self, instance_ids: Sequence[str], span: Window) -> Sequence[Absorber]:
        """Return the open alerts of these groups whose anchor lies in the span."""
        with self._lock:
            alerts = [
                one for one in self._alerts.values() if one.document.get("kibana.alert.workflow_status") != "closed"
            ]
        found = [absorber for one in alerts if (absorber := Absorber.of(one.id, one.document))]
        wanted = set(instance_ids)
        return tuple(one for one in found if one.instance_id in wanted and span.holds(one.time))

    def absorb(self, suppressed: Sequence[Suppressed], again: Sequence[str] = ()) -> Written:
        """Note the matches as absorbed and set the counts of their alerts. See `AlertSink.absorb`."""
        with self._lock:
            new = {one.id: one for one in suppressed if one.id not in self._absorbed and one.id not in self._alerts}
            known = tuple(one.id for one in suppressed if one.id not in new)
            self._absorbed.update(new)
            noted = [self._absorbed[one] for one in (*new, *known, *again) if one in self._absorbed]
            for one in [one.id for one in noted if one.id in self._alerts]:
                self._absorbed.pop(one, None)
            for alert_id in {one.alert_id for one in noted} & self._alerts.keys():
                self._count(alert_id)
        return Written(tuple(new), known, requests=1)

    def _count(self, alert_id: str) -> None:
        own = [one for one in self._absorbed.values() if one.alert_id == alert_id]
        alert = self._alerts[alert_id]
        fields = Absorbed.of(own).fields(alert.document)
        self._alerts[alert_id] = replace(alert, document={**alert.document, **fields})


class MemoryLedger:
    """States and execution records in memory, with the same optimistic concurrency as the one in the cluster."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self._executions: list[Execution] = []

    @property
    def executions(self) -> tuple[Execution, ...]:
        """Every execution recorded, oldest first."""
        with self._lock:
            return tuple(self._executions)

    def read(self, rule: Rule) -> State:
        """Return the rule's state; a rule never seen has an empty coverage."""
        with self._lock:
            return self._states.get(rule.rule_id) or State(rule.rule_id, Coverage(rule.query_hash))

    def record(self, execution: Execution, state: State) -> State:
        """Append the execution, then move the state. Raises StateConflict when another moved it since it was read."""
        with self._lock:
            self._executions.append(execution)
            return self._moved(state)

    def move(self, state: State) -> State:
        """Move the state alone. Raises StateConflict when another moved it since it was read."""
        with self._lock:
            return self._moved(state)

    def _moved(self, state: State) -> State:
        current = self._states.get(state.rule_id)
        if (current.token if current else None) != state.token:
            raise StateConflict(f"the state of rule {state.rule_id} was moved by another runner")
        moved = replace(state, token=(state.token or 0) + 1)
        self._states[state.rule_id] = moved
        return moved


class MemoryPresence:
    """Who is alive, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, datetime] = {}

    def announce(self, runner: str, now: datetime, until: datetime) -> frozenset[str]:
        """Note that the runner is alive; return all that are."""
        with self._lock:
            self._until[runner] = until
            return frozenset(name for name, end in self._until.items() if now < end <= until + BELIEVED)

    def leave(self, runner: str) -> None:
        """Forget the runner."""
        with self._lock:
            self._until.pop(runner, None)


def _place(rule: Rule, hit: Hit) -> tuple[Any, ...]:
    """Return where a hit stands in the order: by time, then by the tiebreaker; without a timestamp before all others."""
    tie = tiebreak(reader(rule.tiebreaker_field)(hit.source)) if rule.tiebreaker_field else ()
    return (1, hit.time, tie) if hit.dated else (0, tie)


def range_time(rule: Rule, source: Document) -> datetime | None:
    """Return the instant by which the event falls into a window: the override, else (if allowed) the timestamp.

    An event that has the override field is judged by it alone. Source: Kibana, `build_events_query.ts`.
    """
    if rule.timestamp_override is None:
        return _instant_of(source, rule.timestamp_field)
    override = _instant_of(source, rule.timestamp_override)
    if override is not None or not rule.timestamp_override_fallback:
        return override
    return _instant_of(source, rule.timestamp_field)


def selected(index: str, patterns: Sequence[str]) -> bool:
    """Tell whether an index is meant by the patterns; a pattern that begins with `-` takes indices out again."""
    chosen = False
    for pattern in patterns:
        name = pattern.removeprefix("-").rpartition(":")[2]
        if fnmatchcase(index, name):
            chosen = not pattern.startswith("-")
    return chosen


def _instant_of(source: Mapping[str, object], path: str) -> datetime | None:
    return instant(first_value(source, path))
