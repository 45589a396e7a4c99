"""Old alerts and old history: an alias goes on in a new index, and what is kept long enough is deleted.

Roll-over is the cluster's own: it compares the conditions with the write index and moves the alias, in one step of the
master. Two that ask at once do no harm: the second finds a new index that meets no condition. It is asked first what it
would do: where a template of someone else's would shape the next index, the alias stays where it is.
Source: the Elasticsearch reference, "Rollover index API".
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from runner.elastic import precedence, templates
from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.errors import AccessDenied, SetupError

_ALTERNATIVE = "or leave it to a lifecycle policy of your own and set RUNNER_ROLLOVER=false"
_ROLL = Action("roll over", f"`manage` on the indices of this service; {_ALTERNATIVE}", refused=SetupError)
_LOOK = Action("look at the indices of", "`view_index_metadata` on the indices of this service")
_DELETE = Action("delete the old index", "`manage` on the indices of this service", refused=SetupError)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Conditions:
    """When an alias goes on in a new index: any of them suffices, and an empty index never rolls over."""

    age: timedelta = timedelta(days=30)
    size: str = "25gb"  # of the primary shard, as Elasticsearch spells sizes
    docs: int = 50_000_000

    def body(self) -> dict[str, Any]:
        """Return them as the API takes them."""
        seconds = max(1, self.age // timedelta(seconds=1))
        return {"max_age": f"{seconds}s", "max_primary_shard_size": self.size, "max_docs": self.docs, "min_docs": 1}


@dataclass(frozen=True, slots=True)
class Rollover:
    """One alias of ours. `retention` None keeps everything."""

    client: Client
    alias: str
    conditions: Conditions
    retention: timedelta | None = None

    def tend(self, now: datetime) -> Iterator[str]:
        """Roll over what is due and delete what is past its time; yield a line for each. Raises RunnerError."""
        planned = self._rolled(dry_run=True)
        if _met(planned):
            self._must_go_on_as_ours(planned["new_index"])
            answer = self._rolled(dry_run=False)
            if answer.get("rolled_over"):
                yield f"{self.alias} goes on in {answer['new_index']}: {answer['old_index']} has reached {_met(answer)}"
        if self.retention is not None:
            for name in self._expired(now - self.retention):
                self.client.ask(_DELETE, name, lambda es, name=name: es.indices.delete(index=name))  # type: ignore[misc]  # a loop's own lambda
                yield f"deleted {name}: it took nothing more since {now - self.retention:%Y-%m-%d %H:%M}"

    def _rolled(self, *, dry_run: bool) -> Mapping[str, Any]:
        answer = self.client.ask(
            _ROLL,
            self.alias,
            lambda es: es.indices.rollover(alias=self.alias, conditions=self.conditions.body(), dry_run=dry_run),
            idempotent=dry_run,
        )
        return mapping(answer, self.alias)

    def _must_go_on_as_ours(self, index: str) -> None:
        """Raise SetupError where a template of someone else's would shape the next index.

        An account that may not look at templates goes on: looking is a privilege of the setup's.
        """
        with suppress(AccessDenied):
            precedence.must_be_ours(self.client, precedence.index_templates(self.client), self.alias, index)

    def _expired(self, limit: datetime) -> list[str]:
        """Return the indices that were followed by another before the limit; never the write index, nor what is not ours."""
        answer = self.client.ask(
            _LOOK,
            self.alias,
            lambda es: es.indices.get(index=self.alias, features=["aliases", "mappings", "settings"]),
        )
        counted = re.compile(re.escape(self.alias) + r"-\d{6}")
        ours = sorted(
            (_created(about), name, about)
            for name, about in mapping(answer, self.alias).items()
            if counted.fullmatch(name) and about["mappings"].get("_meta", {}).get("owner") == templates.OWNER
        )
        return [
            name
            for (_, name, about), (followed, _, _) in pairwise(ours)
            if followed < limit and not about["aliases"].get(self.alias, {}).get("is_write_index")
        ]


def _met(answer: Mapping[str, Any]) -> str:
    """Return the conditions that the write index has reached; an empty one stays all the same, whatever its age."""
    reached = (name.strip("[]") for name, holds in answer.get("conditions", {}).items() if holds and "max_" in name)
    return ", ".join(reached)


def _created(about: Mapping[str, Any]) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(about["settings"]["index"]["creation_date"]))
