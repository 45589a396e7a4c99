"""Events by Query DSL: the prefilter finds candidates, oldest first, and the rule's program decides.

    one search                       when all candidates fit on a page, which is the usual case
    a point in time, then pages      when they do not: begun anew, so that no event shifts between pages

The cheap clauses of the prefilter go first. Where they keep more than `dear_above` candidates the dear ones go too, and
for the next executions at once.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic import answers, excepting, hits
from runner.elastic.capabilities import Capabilities, Landscape
from runner.elastic.client import GRACE, Client, Count, mapping, shown
from runner.elastic.costs import Costs
from runner.elastic.documents import documents
from runner.elastic.failures import Action
from runner.elastic.question import INSIDE, Question
from runner.errors import QueryError, QueryRejected, RunnerError
from runner.execution.model import Document, Hit, Match, Page
from runner.query import Program
from runner.rules.model import Rule
from runner.schedule.windows import Window

DEAR_ABOVE = 5000  # also the size of a page: what the cheap clauses may keep takes no second one
LEAST_PAGE = 20  # what a page shrinks to when the cluster is short of memory
KEEP_ALIVE = "5m"

_SEARCH = Action("search", "`read` on the indices that the rules search", QueryRejected)
_CLOSE = Action("close the point in time of", "`read` on the indices that the rules search")


class DslSearch:
    """An EventSource over `_search`. Shared by threads."""

    def __init__(
        self,
        client: Client,
        capabilities: Capabilities,
        *,
        page_size: int = DEAR_ABOVE,
        search_timeout: timedelta = timedelta(minutes=4),
        dear_above: int = DEAR_ABOVE,
    ) -> None:
        self._client = client
        self._capabilities = capabilities
        self._page_size = page_size
        self._timeout = search_timeout
        self._dear_above = dear_above
        self._costs = Costs()

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        """Yield the window's candidates (or matches, where the search decides), oldest first. See `EventSource`."""
        count = Count()
        landscape = self._capabilities.landscape(rule, count)
        if not landscape.indices:
            yield Page(notes=landscape.notes, requests=count.take())
            return
        if landscape.faults:
            yield Page(faults=landscape.faults)
        pushed = rule.program.prefilter(landscape.types)
        dear, thorough = self._costs.dear(rule), self._costs.thorough(rule)
        program, unfit = _adapted(rule, landscape, pushed.undecided)
        excepted = excepting.compiled(rule, landscape)
        notes = (*landscape.notes, *unfit, *excepting.notes(excepted))
        question = Question(rule, window, after, landscape, pushed, excepted, dear, program, thorough)
        asking = _Asking(self._client, question, self._costs, self._timeout, self._page_size, count)
        answer = asking.first(self._dear_above)
        left_out, uncounted = excepting.left_out(
            self._client, rule, asking.question.unexcepted(), excepted, timeout=self._timeout, count=count
        )
        if left_out or uncounted:
            yield Page(excepted=left_out, notes=uncounted)
        if asking.is_last(answer):
            yield replace(_page(asking.question, answer), notes=notes, requests=count.take())
            return
        try:
            for answer in asking.through():
                yield replace(_page(asking.question, answer), notes=notes, requests=count.take())
        finally:
            asking.close()

    def documents(self, rule: Rule, hits: Sequence[Hit]) -> Page:
        """Return the same hits, each with its whole source. See `EventSource`."""
        return documents(self._client, rule, hits, self._timeout)


def _adapted(
    rule: Rule, landscape: Landscape, conjuncts: tuple[int, ...] | None
) -> tuple[Program | None, tuple[str, ...]]:
    """Return the rule's program for the types of the fields, or why there is none: then values compare as they are."""
    try:
        return rule.program.adapted(landscape.types, conjuncts), ()
    except QueryError as error:
        return None, (f"the query does not fit the types of the fields, and the EQL API would refuse it: {error}",)


class _Asking:
    """One search on its way through its pages.

    `question` is what was asked for the page in hand: it grows with what the pages teach. `size` shrinks while the cluster
    is short of memory.
    """

    def __init__(
        self, client: Client, question: Question, costs: Costs, timeout: timedelta, size: int, count: Count
    ) -> None:
        self.question = question
        self.size = size
        self._client = client
        self._costs = costs
        self._target = shown(question.rule.index)
        self._timeout = timeout
        self._count = count
        self._point: str | None = None

    def first(self, dear_above: int) -> Mapping[str, Any]:
        """Return the first page, without a point in time.

        Where the cheap clauses keep more than `dear_above` candidates, it is the first with the dear clauses too.
        """
        index = {"index": list(self.question.rule.index), "ignore_unavailable": True, "allow_no_indices": True}
        while True:
            counting = self.question.pushed.dear is not None and not self.question.dear
            answer = self._ask({"track_total_hits": dear_above + 1 if counting else False}, index)
            if counting and answer["hits"].get("total", {}).get("value", 0) > dear_above:
                self._costs.overrun(self.question.rule)
                self.question = replace(self.question, dear=True)
            elif not self._untold(answer):
                return answer

    def through(self) -> Generator[Mapping[str, Any], None, None]:
        """Yield all pages, over a point in time. `close` must be called afterwards."""
        self._open()
        paging: dict[str, Any] = {"track_total_hits": False}
        while True:
            answer = self._ask({**paging, "pit": {"id": self._point, "keep_alive": KEEP_ALIVE}}, {})
            self._point = answer.get("pit_id", self._point)
            if self._untold(answer):
                continue
            yield answer
            if self.is_last(answer):
                return
            paging["search_after"] = answer["hits"]["hits"][-1]["sort"]

    def is_last(self, answer: Mapping[str, Any]) -> bool:
        """Tell whether no page follows: it is not full, or the cluster had no more time for it."""
        return len(answer["hits"]["hits"]) < self.size or bool(answer.get("timed_out"))

    def close(self) -> None:
        """Free the point in time; the cluster does so by itself after a while, so a failure is no matter."""
        point, self._point = self._point, None
        if point is not None:
            with suppress(RunnerError):
                self._client.ask(_CLOSE, self._target, lambda es: es.close_point_in_time(id=point), once=True)

    def _untold(self, answer: Mapping[str, Any]) -> bool:
        """Tell whether to ask for the page again, because it does not tell all of some fields."""
        untold = self.question.untold(answer)
        if untold:
            self.question = replace(self.question, thorough=self.question.thorough | untold)
            self._costs.untold(self.question.rule, untold)
        return bool(untold)

    def _open(self) -> None:
        patterns = list(self.question.rule.index)
        answer = self._client.ask(
            _SEARCH,
            self._target,
            lambda es: es.open_point_in_time(index=patterns, keep_alive=KEEP_ALIVE, ignore_unavailable=True),
            count=self._count,
            timeout=self._timeout + GRACE,
        )
        self._point = answer["id"]

    def _ask(self, paging: Mapping[str, Any], index: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the question's page, in the finest order that can be had.

        A time before 1970 or after 2262 is none in nanoseconds, and its shard fails at it (`DateUtils.toNanoSeconds`). All
        that match are put in order for the first page, so no later one brings it up.
        """
        answer = self._answer(paging, index)
        if self.question.nanos and "search_after" not in paging and answers.refused(answer):
            self.question = replace(self.question, coarse=True)
            answer = self._answer(paging, index)
        return answer

    def _answer(self, paging: Mapping[str, Any], index: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the question's page, asked for in a smaller size while shards fail for want of memory."""
        body = {**self.question.body(), **paging}
        if "pit" in paging:
            body["sort"] = [*body["sort"], {"_shard_doc": "asc"}]

        def send(es: Elasticsearch) -> ApiResponse[Any]:
            sized = {**body, "size": self.size, "timeout": f"{self._timeout // timedelta(milliseconds=1)}ms"}
            return es.search(**index, body=sized, allow_partial_search_results=True)

        while True:
            answer = self._client.ask(
                _SEARCH,
                self._target,
                send,
                count=self._count,
                timeout=self._timeout + GRACE,
                when_busy=self._shrink,
            )
            page = mapping(answer, self._target)
            if not answers.overloaded(page) or self.size <= LEAST_PAGE:
                return page
            self._shrink()

    def _shrink(self) -> None:
        self.size = max(min(LEAST_PAGE, self.size), self.size // 4)


def _page(question: Question, answer: Mapping[str, Any]) -> Page:
    found = tuple(_hits(question, answer["hits"]["hits"]))
    faults = answers.faults(answer)
    if question.decides:
        return Page(matches=tuple(Match((hit,)) for hit in found), faults=faults)
    kept, taken = question.excepted.sift(found, question.program or question.rule.program)
    return Page(hits=tuple(kept), faults=faults, excepted=taken, program=question.program)


def _hits(question: Question, found: Sequence[Mapping[str, Any]]) -> Iterator[Hit]:
    clock, nanos, start = question.rule.range_field, question.nanos, question.window.start
    columns, filled, inside = question.columns, question.filled, question.read == question.window
    for raw in found:
        fields, sort = raw.get("fields", {}), raw["sort"]
        source: Document = raw.get("_source", {})
        if columns:
            source = hits.placed(source, fields, columns, question.multi_fields)
        if filled:
            source = hits.completed(source, fields, filled)
        dated = hits.of_sort(sort[0], nanos=nanos)
        yield Hit(
            raw["_index"],
            raw["_id"],
            dated or hits.of_fields(fields, clock) or start,
            source,
            tuple(sort),
            inside or INSIDE in raw.get("matched_queries", ()),
            dated is not None,
        )
