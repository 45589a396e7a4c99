"""Which runners are alive: a small document each, beside the states."""

from datetime import datetime, timedelta

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.elastic.records import instant_text
from runner.execution.model import BELIEVED

MOST_RUNNERS = 1000
ANNOUNCING_ENDS_IN = timedelta(seconds=5)
"""Each try: a stop waits for it, and the next one comes long before anybody misses this runner."""

LEAVING_ENDS_IN = timedelta(seconds=3)
"""It comes last, after all that a stop waits for, and who has not said it is missed all the same, a minute later."""

_ANNOUNCE = Action("announce this runner in", "`read` and `index` on the state index")
_LEAVE = Action("take this runner out of", "`delete` on the state index")


class StatePresence:
    """Keeps who is alive in the state index; the documents of the dead are left to be written again or deleted."""

    def __init__(self, client: Client, state_index: str, leaving_ends_in: timedelta = LEAVING_ENDS_IN) -> None:
        self._client = client
        self._index = state_index
        self._leaving_ends_in = leaving_ends_in

    def announce(self, runner: str, now: datetime, until: datetime) -> frozenset[str]:
        """Say that the runner is alive until then, and return all that are alive at `now`. Raises RunnerError.

        See `Presence`.
        """
        document = {"kind": "runner", "runner": runner, "alive_until": instant_text(until)}
        self._client.ask(
            _ANNOUNCE,
            self._index,
            lambda es: es.index(index=self._index, id=_id(runner), document=document, refresh=True),
            timeout=ANNOUNCING_ENDS_IN,
        )
        believed = {"gt": instant_text(now), "lte": instant_text(until + BELIEVED)}
        alive = [{"term": {"kind": "runner"}}, {"range": {"alive_until": believed}}]
        answer = self._client.ask(
            _ANNOUNCE,
            self._index,
            lambda es: es.search(index=self._index, query={"bool": {"filter": alive}}, size=MOST_RUNNERS),
            timeout=ANNOUNCING_ENDS_IN,
        )
        hits = mapping(answer, self._index).get("hits", {}).get("hits", ())
        return frozenset(hit["_source"]["runner"] for hit in hits) | {runner}

    def leave(self, runner: str) -> None:
        """Say that the runner is gone, once, and briefly. Raises RunnerError."""
        self._client.ask(
            _LEAVE,
            self._index,
            lambda es: es.options(ignore_status=404).delete(index=self._index, id=_id(runner), refresh=True),
            timeout=self._leaving_ends_in,
            once=True,
        )


def _id(runner: str) -> str:
    return f"runner:{runner}"
