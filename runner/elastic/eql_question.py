"""What is asked of the EQL search API for one window, apart from size and where the search stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner.elastic import filters, hits
from runner.elastic.capabilities import EqlApi, Landscape
from runner.query.ast import EventQuery
from runner.query.exclusions import Exclusions
from runner.rules.model import Rule
from runner.schedule.windows import Window

KEEP_ALIVE = "5m"


@dataclass(frozen=True)
class EqlQuestion:
    """What is asked of the cluster, apart from size and where the search stands."""

    rule: Rule
    window: Window
    landscape: Landscape
    api: EqlApi
    excepted: Exclusions

    @property
    def moves(self) -> bool:
        """Whether later matches can be asked for by themselves: each event of a plain event query stands alone."""
        query = self.rule.program.query
        return isinstance(query, EventQuery) and not query.pipes

    @property
    def read(self) -> Window:
        """The window to read, which is more than the window to alert for."""
        return filters.reach(self.rule, self.window)

    def candidates(self, after: datetime | None) -> dict[str, Any]:
        """Return the Query DSL of all that the query can use, without regard to exceptions."""
        rule = self.rule
        pushed = rule.program.prefilter(self.landscape.types)
        must, must_not = self._limits(after)
        return {"bool": {"filter": [*must, pushed.pushed(dear=False)], "must_not": must_not}}

    def body(self, size: int, cut: datetime | None) -> dict[str, Any]:
        """Return the search's body: the first matches, those from the cut on where there is one."""
        rule = self.rule
        must, must_not = self._limits(cut)
        must_not += [dict(query) for query in self.excepted.must_not()]
        body: dict[str, Any] = {
            "query": rule.query,
            "filter": {"bool": {"filter": must, "must_not": must_not}},
            "size": size,
            "result_position": "head",
            "timestamp_field": rule.timestamp_field,
            "event_category_field": rule.event_category_override,
            "fields": [
                *({"field": path} for path in dict.fromkeys((*self._paths, *hits.TELLING))),
                *hits.clock_fields(rule.timestamp_field, rule.range_field),
            ],
        }
        if rule.tiebreaker_field:
            body["tiebreaker_field"] = rule.tiebreaker_field
        return body

    @property
    def _paths(self) -> list[str]:
        """What the index may know of an event that its source does not hold."""
        clocks = {self.rule.timestamp_field, self.rule.range_field}
        return sorted((self.rule.fields & self.landscape.types.keys()) - clocks)

    def parameters(self) -> dict[str, str]:
        """Return the request's parameters, apart from how long to wait."""
        parameters = {"ignore_unavailable": "true", "allow_no_indices": "true", "keep_alive": KEEP_ALIVE}
        if self.api is EqlApi.PARTIAL:
            parameters["allow_partial_search_results"] = "true"
            # An event that lacks only because its shard failed would complete a `![…]`.
            parameters["allow_partial_sequence_results"] = "false"
        return parameters

    def _limits(self, cut: datetime | None) -> tuple[list[filters.Query], list[filters.Query]]:
        must, must_not = filters.of_rule(self.rule)
        must.append(filters.within(self.rule, self.read))
        if cut is not None:
            must.append(filters.from_on(self.rule, cut, nanos=self.landscape.nanos))
        return must, must_not
