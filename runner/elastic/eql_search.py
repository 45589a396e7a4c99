"""Events by the EQL search API: the cluster itself decides what matches.

    event queries                      page by page: the API has no pages, so the search moves on to the last event's time
    sequences, samples, and pipes      at once; when the answer is full, again with more room

The API is asked for the first matches (`result_position: head`); by default it returns the last, and older ones are
lost. Searches run asynchronously, so that no proxy cuts a long one, and are deleted when they are given up.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from runner.elastic import answers, excepting, hits
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import GRACE, Client, Count, mapping, shown
from runner.elastic.eql_question import KEEP_ALIVE, EqlQuestion
from runner.elastic.failures import Action
from runner.errors import QueryRejected, RunnerError
from runner.execution.model import Fault, Hit, Match, Page, Verdict
from runner.rules.model import Rule
from runner.schedule.windows import Window
from runner.wording import plural

PAGE = 500  # events come whole, so that a page is kept smaller than one of candidates
MOST = 10_000  # what Elasticsearch returns at once, unless index.max_result_window is set otherwise
WAIT = timedelta(seconds=20)  # for one answer; a search that takes longer is asked for again

_SEARCH = Action("search", "`read` on the indices that the rules search", QueryRejected)
_DELETE = Action("delete the search over", "`read` on the indices that the rules search")


class EqlSearch:
    """An EventSource over `_eql/search`. Shared by threads."""

    def __init__(
        self,
        client: Client,
        capabilities: Capabilities,
        *,
        page_size: int = 1000,
        search_timeout: timedelta = timedelta(minutes=4),
        wait: timedelta = WAIT,
        most: int = MOST,
    ) -> None:
        self._client = client
        self._capabilities = capabilities
        self._page_size = min(page_size, PAGE)
        self._timeout = search_timeout
        self._wait = min(wait, search_timeout)
        self._most = most

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        """Yield the window's matches, oldest first. See `EventSource`.

        Raises QueryRejected, before the first page, for a query that the API does not take.
        """
        count = Count()
        landscape = self._capabilities.landscape(rule, count)
        if not landscape.indices:
            yield Page(notes=landscape.notes, requests=count.take())
            return
        if landscape.faults:
            yield Page(faults=landscape.faults)
        excepted = excepting.compiled(rule, landscape)
        question = EqlQuestion(rule, window, landscape, self._capabilities.eql_api(count), excepted)
        if not question.moves and not excepted.complete:
            # They take single events, before these are joined or counted, and only the search itself could do that.
            hint = "Set RUNNER_BACKEND to auto or dsl: the rule then runs by Query DSL."
            raise QueryRejected("some of the rule's exceptions cannot be told to the EQL search API", hint)
        asking = _Asking(self._client, question, self._timeout, self._wait, count)
        pages = _moving if question.moves else _growing
        notes = (*landscape.notes, *excepting.notes(excepted))
        left_out, uncounted = excepting.left_out(
            self._client, rule, question.candidates(after), excepted, timeout=self._timeout, count=count
        )
        for page in pages(asking, after, self._page_size, self._most):
            kept = _sifted(question, page) if question.moves else page
            yield replace(
                kept,
                notes=(*notes, *uncounted),
                requests=count.take(),
                excepted=excepting.summed(kept.excepted, left_out),
            )
            left_out = {}

    def documents(self, rule: Rule, hits: Sequence[Hit]) -> Page:  # noqa: ARG002  they are whole
        """Return the hits as they are: the API returns whole documents. See `EventSource`."""
        return Page(hits=tuple(hits))


@dataclass(frozen=True)
class _Found:
    """One answer. `last` is the newest timestamp of its single events; events without one have no place in the order."""

    matches: tuple[Match, ...]
    faults: tuple[Fault, ...]
    last: datetime | None = None
    more: bool = False  # the cluster says that there is more than it has returned

    @property
    def given_up(self) -> bool:
        return any(fault.verdict is Verdict.TIMED_OUT for fault in self.faults)


class _Asking:
    """One rule's questions over one window."""

    def __init__(
        self, client: Client, question: EqlQuestion, timeout: timedelta, wait: timedelta, count: Count
    ) -> None:
        self.question = question
        self._client = client
        self._target = shown(question.rule.index)
        self._timeout = timeout
        self._wait = wait
        self._count = count

    def ask(self, size: int, cut: datetime | None) -> _Found:
        """Return the first matches at or after the cut, and why they may not be all."""
        answer = self._answer(size, cut)
        found = answer.get("hits", {})
        events: Sequence[Mapping[str, Any]] = found.get("events", ())
        matches = [_match(self.question, [event]) for event in events]
        matches += [
            _match(self.question, one["events"], one.get("join_keys", ())) for one in found.get("sequences", ())
        ]
        times = (hits.of_fields(event.get("fields", {}), self.question.rule.timestamp_field) for event in events)
        last = max(filter(None, times), default=None)
        return _Found(tuple(matches), tuple(_faults(answer)), last, _more(found.get("total", {}), len(matches)))

    def _answer(self, size: int, cut: datetime | None) -> Mapping[str, Any]:
        """Start the search and wait for it; when it takes too long, delete it and return what there is."""
        body = self.question.body(size, cut)
        answer = self._send("POST", f"/{_path(self.question.rule.index)}/_eql/search", self.question.parameters(), body)
        left = self._timeout - self._wait
        try:
            while answer.get("is_running") and left > timedelta(0):
                answer = self._send("GET", f"/_eql/search/{answer['id']}", {"keep_alive": KEEP_ALIVE})
                left -= self._wait
        finally:
            if answer.get("is_running"):
                self._delete(answer["id"])
        return answer

    def _send(self, method: str, path: str, parameters: Mapping[str, str], body: Any = None) -> Mapping[str, Any]:
        waiting = {"wait_for_completion_timeout": f"{self._wait // timedelta(milliseconds=1)}ms"}
        headers = {"accept": "application/json"} | ({"content-type": "application/json"} if body else {})
        answer = self._client.ask(
            _SEARCH,
            self._target,
            lambda es: es.perform_request(method, path, params={**parameters, **waiting}, headers=headers, body=body),
            count=self._count,
            timeout=self._wait + GRACE,
        )
        return mapping(answer, self._target)

    def _delete(self, search_id: str) -> None:
        """Free the search in the cluster; it ends by itself after a while, so a failure is no matter."""
        with suppress(RunnerError):
            self._client.ask(_DELETE, self._target, lambda es: es.eql.delete(id=search_id), once=True)


def _moving(asking: _Asking, after: datetime | None, size: int, most: int) -> Iterator[Page]:
    """Yield pages of single events; each next page begins at the time of the last event, and skips what was seen.

    Events of one instant that fill a page are asked for again with more room.
    """
    cut, room = after, size
    seen: set[tuple[str, str]] = set()
    while True:
        found = asking.ask(room, cut)
        faults = found.faults
        full = found.more or len(found.matches) >= room
        stuck = full and (found.last is None or found.last == cut)
        if stuck and room >= most:
            faults += (Fault(Verdict.PARTIAL, f"{most} events or more have the time {cut}, too many for the API"),)
            full = False
        yield Page(matches=tuple(match for match in found.matches if _key(match) not in seen), faults=faults)
        if not full or found.given_up:
            return
        seen.update(_key(match) for match in found.matches)
        room = min(room * 4, most) if stuck else size
        cut = found.last or cut


def _growing(asking: _Asking, after: datetime | None, size: int, most: int) -> Iterator[Page]:
    """Yield what a query finds as a whole, in the order of the last events; again with more room while it is full."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    while True:
        found = asking.ask(size, after)
        faults = found.faults
        full = found.more or len(found.matches) >= size
        if full and size >= most:
            faults += (Fault(Verdict.PARTIAL, f"the query finds {most} or more at once, too many for the API"),)
            full = False
        new = [match for match in found.matches if _keys(match) not in seen]
        yield Page(matches=tuple(sorted(new, key=lambda match: match.events[-1].time)), faults=faults)
        if not full or found.given_up:
            return
        seen.update(_keys(match) for match in found.matches)
        size = min(size * 4, most)


def _sifted(question: EqlQuestion, page: Page) -> Page:
    """Return a page of single events without those that exceptions take away here."""
    found = [match.events[0] for match in page.matches]
    kept, taken = question.excepted.sift(found, question.rule.program)
    return replace(page, matches=tuple(Match((hit,)) for hit in kept), excepted=taken)


def _match(question: EqlQuestion, events: Sequence[Mapping[str, Any]], join_keys: Sequence[Any] = ()) -> Match:
    return Match(tuple(None if event.get("missing") else _hit(question, event) for event in events), tuple(join_keys))


def _hit(question: EqlQuestion, event: Mapping[str, Any]) -> Hit:
    rule, fields = question.rule, event.get("fields", {})
    time = hits.of_fields(fields, rule.timestamp_field)
    ranged = hits.of_fields(fields, rule.range_field)
    if ranged is None and rule.timestamp_override_fallback:
        ranged = time
    return Hit(
        index=event["_index"],
        id=event["_id"],
        time=time or ranged or question.window.start,
        source=hits.completed(
            event.get("_source", {}), fields, fields.keys() - {rule.timestamp_field, rule.range_field}
        ),
        inside=question.read == question.window or (ranged is not None and question.window.holds(ranged)),
        dated=time is not None,
    )


def _key(match: Match) -> tuple[str, str]:
    return match.events[0].index, match.events[0].id


def _keys(match: Match) -> tuple[tuple[str, str], ...]:
    return tuple((hit.index, hit.id) for hit in match.events)


def _faults(answer: Mapping[str, Any]) -> Iterator[Fault]:
    if answer.get("is_running"):
        yield Fault(Verdict.TIMED_OUT, "the search was given up at its deadline; RUNNER_SEARCH_TIMEOUT is the limit")
        return
    yield from answers.faults({"timed_out": answer.get("timed_out")})
    failures = answer.get("shard_failures") or ()
    if failures:
        yield Fault(Verdict.PARTIAL, f"{plural(len(failures), 'shard')} failed: {answers.reasons(failures)}")
    elif answer.get("is_partial"):
        yield Fault(Verdict.PARTIAL, "the cluster calls its answer partial and gives no reason")


def _more(total: Mapping[str, Any], returned: int) -> bool:
    return total.get("relation") == "gte" or total.get("value", 0) > returned


def _path(patterns: Sequence[str]) -> str:
    return quote(shown(patterns), safe=",*-")
