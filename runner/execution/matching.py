"""From pages of hits to matches: the cluster has decided them, or the rule's program decides them here."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runner.execution.model import Hit, Match, Page
from runner.query import Joined, Matching
from runner.rules.model import Rule
from runner.schedule.windows import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Step = tuple[Page, list[Match]]


@contextmanager
def over(rule: Rule, window: Window, pages: Generator[Page, None, None]) -> Iterator[Iterator[Step]]:
    """Give each page with the matches that it completes; the search is closed when the block is left."""
    with closing(_steps(rule, window, pages)) as steps:
        yield steps


def whole(matches: Sequence[Match], hits: Sequence[Hit]) -> list[Match]:
    """Return the matches with their hits replaced, in order, by those given (the same hits with whole sources)."""
    documents = iter(hits)
    return [
        replace(match, hits=tuple(None if hit is None else next(documents) for hit in match.hits)) for match in matches
    ]


def _steps(rule: Rule, window: Window, pages: Generator[Page, None, None]) -> Generator[Step, None, None]:
    matching: Matching[Hit] | None = None
    with closing(pages):
        for page in pages:
            decided = list(page.matches)
            if page.hits:
                matching = matching or (page.program or rule.program).matching()
                for hit in page.hits:
                    if found := matching.feed(hit.source, nanoseconds(hit.time), hit):
                        decided += _matches(found)
            yield page, _counted(decided, rule, window)
    if matching is not None:
        yield Page(), _counted(_matches(matching.finish()), rule, window)


def _matches(found: Sequence[Joined[Hit]]) -> list[Match]:
    return [Match(joined.items, joined.join_keys) for joined in found]


def _counted(matches: list[Match], rule: Rule, window: Window) -> list[Match]:
    """Keep the matches that are this window's to alert.

    Events read from before the window only serve sequences: one of a match's hits must lie inside. Where the last event
    has to be missing, it is missing for certain only when `maxspan` has passed: the window that holds that instant
    alerts, and an earlier one must not.
    """
    return [match for match in matches if _belongs(match, rule.program.maxspan, window)]


def _belongs(match: Match, maxspan: timedelta | None, window: Window) -> bool:
    inside = any(hit.inside for hit in match.events)
    if match.hits[-1] is not None or maxspan is None:
        return inside
    certain = match.events[0].time + maxspan
    return certain < window.end and (inside or certain >= window.start)


def nanoseconds(instant: datetime) -> int:
    """Return the instant in nanoseconds since the epoch."""
    return (instant - _EPOCH) // _MICROSECOND * 1000
