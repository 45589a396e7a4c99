"""The part of the composition root that puts together what is looked after beside the rules."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

from runner.elastic.client import Client
from runner.elastic.cluster_clock import drift
from runner.elastic.future_events import future_events
from runner.elastic.ingest_lag import IngestLag
from runner.elastic.privileges import unreadable
from runner.elastic.rollover import Conditions, Rollover
from runner.elastic.setup import Names
from runner.housekeeping import Instruments, Patterns
from runner.settings import Settings


def instruments(found: Settings, client: Client, lag: IngestLag, clock: Callable[[], datetime]) -> Instruments:
    """Return what housekeeping asks of the cluster."""

    def measure(patterns: Patterns, now: datetime) -> Mapping[str, Mapping[str, timedelta]]:
        measured = lag.measure(patterns, now)
        return {index: {"0.5": one.p50, "0.95": one.p95, "0.99": one.p99} for index, one in measured.items()}

    return Instruments(
        tend=partial(_tend, _aliases(found, client)),
        drift=partial(drift, client, clock),
        measure=measure,
        warning=lag.warning,
        count_ahead=partial(future_events, client, tolerated=found.max_clock_drift),
        unreadable=partial(unreadable, client),
        max_drift=found.max_clock_drift,
    )


def _aliases(found: Settings, client: Client) -> tuple[Rollover, ...]:
    if not found.rollover:
        return ()
    names = Names.of(found)
    conditions = Conditions(found.rollover_age, found.rollover_size, found.rollover_docs)
    return (
        Rollover(client, names.alerts, conditions, found.alerts_retention),
        Rollover(client, names.executions, conditions, found.executions_retention),
    )


def _tend(aliases: tuple[Rollover, ...], now: datetime) -> Iterator[str]:
    for alias in aliases:
        yield from alias.tend(now)
