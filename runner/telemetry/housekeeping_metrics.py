"""Metrics of what is looked after beside the rules."""

from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge


class HousekeepingMetrics:
    """How late events are, how far clocks are apart, what is from the future."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._named: dict[str, frozenset[str]] = {}
        self._lag = Gauge(
            "runner_ingest_lag_seconds",
            "How late events came in lately: event.ingested less @timestamp.",
            ("index", "quantile"),
            registry=registry,
        )
        self._drift = Gauge(
            "runner_clock_drift_seconds", "How far the cluster's clock is ahead of ours.", registry=registry
        )
        self._future = Gauge(
            "runner_future_events",
            "Events found that are up to a day ahead of the time, up to 10,000.",
            ("indices",),
            registry=registry,
        )

    def lags(self, patterns: str, lags: Mapping[str, Mapping[str, timedelta]]) -> None:
        """The lags of what these patterns name, by index and quantile; what they named before and name no more is gone."""
        before = self._named.get(patterns, frozenset())
        self._named[patterns] = frozenset(lags)
        self._drop(before)
        for index, quantiles in lags.items():
            for quantile, lag in quantiles.items():
                self._lag.labels(index, quantile).set(lag.total_seconds())

    def forget(self, patterns: str) -> None:
        """These patterns are not looked at any more."""
        self._drop(self._named.pop(patterns, frozenset()))
        self._future.remove_by_labels({"indices": patterns})

    def drift(self, drift: timedelta) -> None:
        """How far the cluster's clock is ahead."""
        self._drift.set(drift.total_seconds())

    def future(self, patterns: str, count: int) -> None:
        """How many events of what these patterns name are ahead of the time."""
        self._future.labels(patterns).set(count)

    def _drop(self, indices: frozenset[str]) -> None:
        """Remove the lags of those of the indices that no patterns name."""
        for index in indices.difference(*self._named.values()):
            self._lag.remove_by_labels({"index": index})
