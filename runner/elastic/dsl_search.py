"""Events by Query DSL: the prefilter finds candidates, oldest first, and the rule's program decides.

    one search                       when all candidates fit on a page, which is the usual case
    a point in time, then pages      when they do not: begun anew, so that no event shifts between pages

The cheap clauses of the prefilter go first. Where they keep more than `dear_above` candidates the dear ones go too, and
for the next executions at once.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic import answers, excepting, filters, hits
from runner.elastic.capabilities import Capabilities, Landscape
from runner.elastic.client import GRACE, Client, Count, mapping, shown
from runner.elastic.costs import Costs
from runner.elastic.documents import documents
from runner.elastic.failures import Action
from runner.errors import QueryError, QueryRejected, RunnerError
from runner.execution.model import Document, Hit, Match, Page
from runner.query import Kind, Program
from runner.query.ast import EventQuery
from runner.query.exclusions import Exclusions
from runner.query.prefilter import Prefilter, prefilter
from runner.rules.model import Rule
from runner.schedule.windows import Window

DEAR_ABOVE = 5000  # also the size of a page: what the cheap clauses may keep takes no second one
LEAST_PAGE = 20  # what a page shrinks to when the cluster is short of memory
KEEP_ALIVE = "5m"

_SEARCH = Action("search", "`read` on the indices that the rules search", QueryRejected)
_CLOSE = Action("close the point in time of", "`read` on the indices that the rules search")
_INSIDE = "inside"  # the name of the clause that tells the window from what was read before it


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
        pushed = prefilter(rule.program.query, landscape.types, event_category_field=rule.event_category_override)
        program, unfit = _adapted(rule, landscape)
        excepted = excepting.compiled(rule, landscape)
        notes = (*landscape.notes, *unfit, *excepting.notes(excepted))
        question = _Question(rule, window, after, landscape, pushed, excepted, self._costs.dear(rule), program)
        asking = _Asking(self._client, shown(rule.index), self._timeout, self._page_size, count)
        answer = asking.first(question, count_to=self._counted_to(question))
        if self._overrun(question, answer):
            self._costs.overrun(rule)
            question = replace(question, dear=True)
            answer = asking.first(question)
        left_out, uncounted = excepting.left_out(
            self._client, rule, question.unexcepted(), excepted, timeout=self._timeout, count=count
        )
        if left_out or uncounted:
            yield Page(excepted=left_out, notes=uncounted)
        if asking.is_last(answer):
            yield replace(_page(question, answer), notes=notes, requests=count.take())
            return
        try:
            for answer in asking.through(question):
                yield replace(_page(question, answer), notes=notes, requests=count.take())
        finally:
            asking.close()

    def documents(self, hits: Sequence[Hit]) -> Page:
        """Return the same hits, each with its whole source. See `EventSource`."""
        return documents(self._client, hits, self._timeout)

    def _counted_to(self, question: "_Question") -> int | None:
        """Return how far candidates must be counted to see whether the dear clauses pay."""
        return self._dear_above + 1 if question.pushed.dear is not None and not question.dear else None

    def _overrun(self, question: "_Question", answer: Mapping[str, Any]) -> bool:
        counted_to = self._counted_to(question)
        return counted_to is not None and answer["hits"].get("total", {}).get("value", 0) >= counted_to


def _adapted(rule: Rule, landscape: Landscape) -> tuple[Program | None, tuple[str, ...]]:
    """Return the rule's program for the types of the fields, or why there is none: then values compare as they are."""
    try:
        return rule.program.adapted(landscape.types), ()
    except QueryError as error:
        return None, (f"the query does not fit the types of the fields, and the EQL API would refuse it: {error}",)


@dataclass(frozen=True)
class _Question:
    """What is asked of the cluster, apart from where the paging stands."""

    rule: Rule
    window: Window
    after: datetime | None
    landscape: Landscape
    pushed: Prefilter
    excepted: Exclusions
    dear: bool
    program: Program | None = None

    @cached_property
    def decides(self) -> bool:
        """Whether all that is found matches; pipes need every match in hand, and only the program has them."""
        query = self.rule.program.query
        pushed = self.pushed.decides(dear=self.dear) and self.excepted.exact
        return isinstance(query, EventQuery) and not query.pipes and pushed

    @cached_property
    def read(self) -> Window:
        """The window to read: a sequence may have begun up to `maxspan` before the rule's own."""
        maxspan = self.rule.program.maxspan
        return self.window.extended(maxspan) if maxspan is not None else self.window

    def query(self) -> dict[str, Any]:
        """Return what finds the candidates."""
        query = self.unexcepted()
        query["bool"]["must_not"] = [*query["bool"]["must_not"], *self.excepted.must_not()]
        return query

    def unexcepted(self) -> dict[str, Any]:
        """Return the same without regard to exceptions."""
        must, must_not = filters.of_rule(self.rule)
        must += [filters.within(self.rule, self.read), dict(self.pushed.pushed(dear=self.dear))]
        if self.after is not None:
            must.append(filters.from_on(self.rule, self.after))
        if self.rule.program.kind is not Kind.EVENT:
            must.append(filters.dated(self.rule))
        query: dict[str, Any] = {"filter": must, "must_not": must_not}
        if self.read != self.window:
            inside = filters.within(self.rule, self.window)
            query["should"] = [{"bool": {"filter": [inside], "_name": _INSIDE}}]
        return {"bool": query}

    def body(self) -> dict[str, Any]:
        """Return the search's body without page and size: candidates come with the fields that the program reads."""
        mapped = [{"field": path} for path in self.paths]
        return {
            "query": self.query(),
            "sort": self.sort(),
            "_source": {"includes": self.read_paths} if self.read_paths else False,
            "fields": [*mapped, *hits.clock_fields(self.rule.range_field)],
        }

    @cached_property
    def read_paths(self) -> list[str]:
        """What is read of an event: all that deciding takes, or no more than grouping where the search decides."""
        rule = self.rule
        clocks = {rule.timestamp_field, rule.range_field, *([rule.tiebreaker_field] if rule.tiebreaker_field else [])}
        if not self.decides:
            return sorted(rule.fields | clocks)
        return sorted(rule.grouping_fields)

    @cached_property
    def paths(self) -> list[str]:
        """What the index may know of an event that its source does not hold."""
        return [path for path in self.read_paths if path in self.landscape.types and path != self.rule.range_field]

    def sort(self) -> list[dict[str, Any]]:
        """Return the order: oldest first, those without a timestamp before all others."""
        clock = {
            "order": "asc",
            "missing": "_first",
            "unmapped_type": "date",
            # Dates of both resolutions are only comparable, and only whole, in nanoseconds.
            "numeric_type": "date_nanos" if self.landscape.nanos else "date",
        }
        order: list[dict[str, Any]] = [{self.rule.timestamp_field: clock}]
        if self.rule.tiebreaker_field:
            order.append({self.rule.tiebreaker_field: {"order": "asc", "missing": "_last", "unmapped_type": "long"}})
        return order


class _Asking:
    """One search on its way through its pages. `size` shrinks while the cluster is short of memory."""

    def __init__(self, client: Client, target: str, timeout: timedelta, size: int, count: Count) -> None:
        self.size = size
        self._client = client
        self._target = target
        self._timeout = timeout
        self._count = count
        self._point: str | None = None

    def first(self, question: _Question, count_to: int | None = None) -> Mapping[str, Any]:
        """Return the first page, without a point in time; candidates are counted up to `count_to`."""
        total = count_to if count_to is not None else False
        index = {"index": list(question.rule.index), "ignore_unavailable": True, "allow_no_indices": True}
        return self._ask({**question.body(), "track_total_hits": total}, index)

    def through(self, question: _Question) -> Generator[Mapping[str, Any], None, None]:
        """Yield all pages, over a point in time. `close` must be called afterwards."""
        self._open(question.rule)
        body = {**question.body(), "track_total_hits": False}
        body["sort"] = [*body["sort"], {"_shard_doc": "asc"}]
        while True:
            answer = self._ask({**body, "pit": {"id": self._point, "keep_alive": KEEP_ALIVE}}, {})
            self._point = answer.get("pit_id", self._point)
            yield answer
            if self.is_last(answer):
                return
            body["search_after"] = answer["hits"]["hits"][-1]["sort"]

    def is_last(self, answer: Mapping[str, Any]) -> bool:
        """Tell whether no page follows: it is not full, or the cluster had no more time for it."""
        return len(answer["hits"]["hits"]) < self.size or bool(answer.get("timed_out"))

    def close(self) -> None:
        """Free the point in time; the cluster does so by itself after a while, so a failure is no matter."""
        point, self._point = self._point, None
        if point is not None:
            with suppress(RunnerError):
                self._client.ask(_CLOSE, self._target, lambda es: es.close_point_in_time(id=point), once=True)

    def _open(self, rule: Rule) -> None:
        answer = self._client.ask(
            _SEARCH,
            self._target,
            lambda es: es.open_point_in_time(index=list(rule.index), keep_alive=KEEP_ALIVE, ignore_unavailable=True),
            count=self._count,
            timeout=self._timeout + GRACE,
        )
        self._point = answer["id"]

    def _ask(self, body: Mapping[str, Any], index: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the page, asked for in a smaller size while shards fail for want of memory."""

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


def _page(question: _Question, answer: Mapping[str, Any]) -> Page:
    found = tuple(_hit(question, raw) for raw in answer["hits"]["hits"])
    faults = answers.faults(answer)
    if question.decides:
        return Page(matches=tuple(Match((hit,)) for hit in found), faults=faults)
    kept, taken = question.excepted.sift(found, question.program or question.rule.program)
    return Page(hits=tuple(kept), faults=faults, excepted=taken, program=question.program)


def _hit(question: _Question, raw: Mapping[str, Any]) -> Hit:
    rule, fields, sort = question.rule, raw.get("fields", {}), raw["sort"]
    source: Document = hits.completed(raw.get("_source", {}), fields, question.paths)
    time = hits.of_sort(sort[0], nanos=question.landscape.nanos) or hits.of_fields(fields, rule.range_field)
    return Hit(
        index=raw["_index"],
        id=raw["_id"],
        time=time or question.window.start,
        source=source,
        sort=tuple(sort),
        inside=question.read == question.window or _INSIDE in raw.get("matched_queries", ()),
    )
