"""Metrics of what is looked after beside the rules."""

from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge


class HousekeepingMetrics:
    """How late events are, how far clocks are apart, what is from the future."""

    def __init__(self, registry: CollectorRegistry) -> None:
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

    def lag(self, index: str, quantiles: Mapping[str, timedelta]) -> None:
        """An index's lag, by quantile."""
        for quantile, lag in quantiles.items():
            self._lag.labels(index, quantile).set(lag.total_seconds())

    def drift(self, drift: timedelta) -> None:
        """How far the cluster's clock is ahead."""
        self._drift.set(drift.total_seconds())

    def future(self, indices: str, count: int) -> None:
        """How many events of these indices are ahead of the time."""
        self._future.labels(indices).set(count)
