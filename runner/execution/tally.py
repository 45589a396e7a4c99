"""What an execution has seen and done so far; a frozen value that grows by replacement."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from runner.execution.model import Fault, Hit, Match, Page, Verdict, Written

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)  # the least that every date type of Elasticsearch takes
_WORST_FIRST = (Verdict.FAILED, Verdict.TIMED_OUT, Verdict.PARTIAL, Verdict.TRUNCATED, Verdict.COMPLETE)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts, faults and writes of one execution. `resume` is the earliest order time of the matches left waiting.

    `excepted` counts the events that each exception took away.
    """

    candidates: int = 0
    matched: int = 0
    suppressed: int = 0
    waiting: int = 0
    resume: datetime | None = None
    requests: int = 0
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    written: Written = field(default_factory=Written)
    excepted: Mapping[str, int] = field(default_factory=dict)

    def searched(self, page: Page, matches: Sequence[Match]) -> "Tally":
        """Return the tally with a page of the search and the matches that it completed."""
        return replace(
            self._answered(page),
            candidates=self.candidates + len(page.hits) + len(page.matches),
            matched=self.matched + len(matches),
        )

    def fetched(self, page: Page) -> "Tally":
        """Return the tally with the whole documents of some matches."""
        return self._answered(page)

    def delivered(self, written: Written) -> "Tally":
        """Return the tally with what a write did."""
        return replace(self, written=self.written + written)

    def asked(self, requests: int) -> "Tally":
        """Return the tally with requests that found out something for it."""
        return replace(self, requests=self.requests + requests)

    def absorbed(self, noted: Written) -> "Tally":
        """Return the tally with matches that alerts have absorbed."""
        added = replace(self.written, rejected=self.written.rejected + noted.rejected)
        return replace(
            self.asked(noted.requests),
            suppressed=self.suppressed + len(noted.created),
            written=replace(added, duplicates=added.duplicates + noted.duplicates),
        )

    def left(self, matches: Sequence[Match]) -> "Tally":
        """Return the tally with matches for which there was no room."""
        if not matches:
            return self
        times = [_order_time(match.events[-1]) for match in matches]
        resume = min(times if self.resume is None else (self.resume, *times))
        return replace(self, waiting=self.waiting + len(matches), resume=resume)

    @property
    def verdict(self) -> Verdict:
        """The worst that was met."""
        met = {fault.verdict for fault in self.faults}
        if self.written.rejected:
            met.add(Verdict.PARTIAL)
        if self.waiting:
            met.add(Verdict.TRUNCATED)
        return next((verdict for verdict in _WORST_FIRST if verdict in met), Verdict.COMPLETE)

    @property
    def texts(self) -> tuple[str, ...]:
        """Every fault and rejection in words, each once."""
        rejected = (f"alert {item.id} was not taken: {item.reason}" for item in self.written.rejected)
        return tuple(dict.fromkeys([*(fault.text for fault in self.faults), *rejected]))

    def _answered(self, page: Page) -> "Tally":
        return replace(
            self,
            requests=self.requests + page.requests,
            faults=self.faults + page.faults,
            notes=tuple(dict.fromkeys(self.notes + page.notes)),
            excepted=Counter(self.excepted) + Counter(page.excepted) if page.excepted else self.excepted,
        )


def _order_time(hit: Hit) -> datetime:
    """Return when an event stands in the order: one without a timestamp before all others, whatever its time."""
    return hit.time if hit.dated else _FIRST
