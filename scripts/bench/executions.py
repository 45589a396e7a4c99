"""Executions on a real node, against the searches that they cannot do without."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from runner.engine import Engine
from runner.rules.model import Rule
from scripts.bench.estate import Estate, filled, requests
from scripts.bench.measuring import Need, Row, milliseconds, side_by_side

MILLION, HUNDRED_THOUSAND = 1_000_000, 100_000
RULES = 200
WORKERS = 4
WARM_UP = 20.0  # seconds of either side: a node that has just started is no measure of one at work


def rows(url: str) -> Iterator[Row]:
    """Measure and yield a row after another."""
    with filled(url, MILLION, matches=20, near_misses=20_000) as estate:
        yield a_million(estate)
    with filled(url, HUNDRED_THOUSAND, matches=100, near_misses=2000) as estate:
        yield a_hundred_alerts(estate)
    with filled(url, HUNDRED_THOUSAND, matches=20, near_misses=2000) as estate:
        yield two_hundred_rules(estate)


def a_million(estate: Estate) -> Row:
    """One execution over a million events, against one search that leaves no wildcard out."""
    body = estate.raw()
    with _Executing(estate, 1) as execution:
        prepare, search = execution.prepare, lambda: estate.search(body)
        timed = side_by_side(execution, search, rounds=9, before=prepare, warm_up=WARM_UP)
    return Row(
        "seed rule, one execution that writes 20 alerts, 1M events, caches cleared",
        "one search with all wildcards, caches cleared",
        milliseconds(timed.ours),
        milliseconds(timed.other),
        (Need(timed.ratio, 0.25),),
    )


def a_hundred_alerts(estate: Estate) -> Row:
    """One execution that writes a hundred alerts, against one search and one bulk of the same documents."""
    body = estate.raw()
    with _Executing(estate, 1) as execution:
        with requests() as sent:
            execution.prepare()
            begun = len(sent)
            execution()
            count = len(sent) - begun
        bulk = _bulk_of_alerts(estate)

        def search_and_write() -> None:
            estate.search(body)
            assert not estate.node.bulk(operations=bulk)["errors"]

        timed = side_by_side(execution, search_and_write, rounds=9, before=execution.prepare, warm_up=WARM_UP)
    return Row(
        "seed rule, one execution that writes 100 alerts, 100k events, caches cleared",
        "one search with all wildcards and one bulk of the 100 documents, caches cleared",
        milliseconds(timed.ours),
        milliseconds(timed.other),
        (Need(timed.ratio, 1.0), Need(count, 12, " requests")),
    )


def two_hundred_rules(estate: Estate) -> Row:
    """One cycle of two hundred rules, against as many searches in one request."""
    one = ({"index": list(estate.patterns)}, estate.raw())
    searches: list[Any] = [part for _ in range(RULES) for part in one]

    def search() -> None:
        for answer in estate.node.msearch(searches=searches)["responses"]:
            assert len(answer["hits"]["hits"]) == estate.matches

    with _Executing(estate, RULES) as cycle:
        timed = side_by_side(cycle, search, rounds=3, before=cycle.prepare)
    return Row(
        f"{RULES} rules, one cycle with {WORKERS} workers, 20 alerts each, 100k events",
        f"{RULES} searches with all wildcards by one _msearch",
        milliseconds(timed.ours),
        milliseconds(timed.other),
        (Need(timed.ratio, 0.6),),
    )


class _Executing:
    """What is measured: rules that were never executed, by an engine that knows nothing of the cluster."""

    def __init__(self, estate: Estate, number: int) -> None:
        self._estate = estate
        self._number = number
        self._pool = ThreadPoolExecutor(WORKERS)
        self._engine: Engine | None = None
        self._rules: list[Rule] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._close()

    def prepare(self) -> None:
        """Take new rules and a new engine, and clear the cluster's caches."""
        self._close()
        self._engine = self._estate.engine()
        self._rules = self._estate.rules(self._number)
        self._estate.clear()

    def __call__(self) -> None:
        engine = self._engine
        assert engine is not None
        for executions in self._pool.map(lambda rule: engine.executor.run(rule, self._estate.now), self._rules):
            self._estate.alerted(executions)

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def _bulk_of_alerts(estate: Estate) -> list[Any]:
    """Return a bulk that writes the alerts of an execution a second time, under ids that the cluster makes."""
    alias = estate.settings.alerts_index
    found = estate.node.search(index=alias, size=estate.matches)["hits"]["hits"]
    return [part for hit in found for part in ({"create": {"_index": alias}}, hit["_source"])]
