"""The cluster's clock compared with ours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action

_LOOK = Action("ask for the time of", "`monitor` on the cluster")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SOON = timedelta(seconds=5)


def drift(client: Client, clock: Callable[[], datetime]) -> timedelta | None:
    """Return how far the cluster's clock is ahead of ours (negative: behind), that of the node that is furthest off.

    Each node says at which millisecond it answered. That is somewhere between our question and our receipt, and what
    lies between them is no drift. None where the cluster does not tell (a serverless one). Raises RunnerError.
    """
    asked = clock()
    answer = client.ask(
        _LOOK,
        "the cluster",
        lambda es: es.options(ignore_status=(400, 404, 410)).nodes.stats(metric="os", filter_path="nodes.*.timestamp"),
        timeout=_SOON,
        once=True,
    )
    received = clock()
    times = [
        _EPOCH + timedelta(milliseconds=node["timestamp"])
        for node in mapping(answer, "the cluster").get("nodes", {}).values()
    ]
    drifts = [_outside(time, asked, received) for time in times]
    return max(drifts, key=abs, default=None)


def _outside(time: datetime, asked: datetime, received: datetime) -> timedelta:
    """Return how far the time lies outside the span; a millisecond is what the node's own rounding takes away."""
    if time > received:
        return time - received
    earliest = asked - timedelta(milliseconds=1)
    return time - asked if time < earliest else timedelta(0)
