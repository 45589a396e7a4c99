"""What is asked of the cluster for the candidates of one window, apart from where the paging stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from runner.elastic import filters, hits
from runner.elastic.capabilities import Landscape
from runner.query import Kind, Program
from runner.query.ast import EventQuery
from runner.query.exclusions import Exclusions
from runner.query.fields import reader
from runner.query.prefilter import Prefilter
from runner.rules.model import Rule
from runner.schedule.windows import Window

INSIDE = "inside"
"""The name of the clause that tells the window from what was read before it."""


@dataclass(frozen=True)
class Question:
    """What is asked of the cluster, apart from where the paging stands."""

    rule: Rule
    window: Window
    after: datetime | None
    landscape: Landscape
    pushed: Prefilter
    excepted: Exclusions
    dear: bool
    program: Program | None = None
    asked: frozenset[str] = frozenset()
    """Fields to ask the index for, beside what the source holds."""

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
            query["should"] = [{"bool": {"filter": [inside], "_name": INSIDE}}]
        return {"bool": query}

    def body(self) -> dict[str, Any]:
        """Return the search's body without page and size: candidates come with the fields that the program reads.

        They are read from the source alone as long as it has them: with `fields` too a page of 2,000 takes nearly twice
        as long.
        """
        clock = self.rule.range_field
        body = {
            "query": self.query(),
            "sort": self.sort(),
            "_source": {"includes": self.read_paths} if self.read_paths else False,
        }
        if self.asked:
            mapped = [{"field": path} for path in sorted(self.asked - {clock})]
            body["fields"] = [*mapped, *(hits.clock_fields(clock) if clock in self.asked else ())]
        return body

    def lacking(self, answer: Mapping[str, Any]) -> frozenset[str]:
        """Return the mapped fields that the source of some hit lacks and that the index was not asked for.

        Of such the index may know more: runtime fields, constants, aliases; and of a document without the field that
        orders it, when it came.
        """
        lacking: set[str] = set()
        left = [(path, reader(path)) for path in self.paths if path not in self.asked]
        clock = self.rule.range_field if self.rule.range_field in self.landscape.types else None
        for raw in answer["hits"]["hits"]:
            source = raw.get("_source", {})
            found = [(path, read) for path, read in left if read(source) is None]
            if found:
                lacking.update(path for path, _ in found)
                left = [one for one in left if one not in found]
            if clock and clock not in self.asked and hits.of_sort(raw["sort"][0], nanos=self.landscape.nanos) is None:
                lacking.add(clock)
        return frozenset(lacking)

    @cached_property
    def read_paths(self) -> list[str]:
        """What is read of an event: all that deciding takes, or no more than grouping where the search decides."""
        rule = self.rule
        if self.decides:
            return sorted(rule.grouping_fields)
        clocks = {rule.timestamp_field, rule.range_field, *([rule.tiebreaker_field] if rule.tiebreaker_field else [])}
        narrowed = self.program if self.program and self.program.kind is Kind.EVENT else None
        return sorted(clocks | (rule.fields_for(narrowed) if narrowed else rule.fields))

    @cached_property
    def paths(self) -> list[str]:
        """What the index may know of an event that its source does not hold."""
        return [path for path in self.read_paths if path in self.landscape.types and path != self.rule.range_field]

    @cached_property
    def filled(self) -> list[str]:
        """What is taken from the index where the source lacks it."""
        return [path for path in self.paths if path in self.asked]

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
