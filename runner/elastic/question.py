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
from runner.query.indexed import DATES, WHOLE
from runner.query.kinds import Fields
from runner.query.prefilter import Prefilter
from runner.rules.model import LINEAGE, Rule
from runner.schedule.windows import Window

MOST_COLUMNS = 100  # Elasticsearch's index.max_docvalue_fields_search
COLUMNS = (
    frozenset({"keyword", "constant_keyword"}),
    frozenset(WHOLE),
    frozenset({"double"}),
    frozenset({"boolean"}),
    frozenset({"ip"}),
    DATES,
)
"""Types whose columns hold all that the matcher asks for; others round (`float`), or hold words."""

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
    thorough: frozenset[str] = frozenset()
    """Fields to read from the source and the index, since either alone does not tell all."""
    coarse: bool = False
    """Whether the order is by milliseconds, since some of the events are of times that no date_nanos can hold."""

    @property
    def nanos(self) -> bool:
        """Whether the order is by nanoseconds, in which alone dates of both resolutions are told apart."""
        return self.landscape.nanos and not self.coarse

    @cached_property
    def decides(self) -> bool:
        """Whether all that is found matches; pipes need every match in hand, and only the program has them."""
        query = self.rule.program.query
        pushed = self.pushed.decides(dear=self.dear) and self.excepted.exact
        return isinstance(query, EventQuery) and not query.pipes and pushed

    @cached_property
    def read(self) -> Window:
        """The window to read, which is more than the window to alert for."""
        return filters.reach(self.rule, self.window)

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
            must.append(filters.from_on(self.rule, self.after, nanos=self.landscape.nanos))
        if self.rule.program.kind is not Kind.EVENT:
            must.append(filters.dated(self.rule))
        query: dict[str, Any] = {"filter": must, "must_not": must_not}
        if self.read != self.window:
            inside = filters.within(self.rule, self.window)
            query["should"] = [{"bool": {"filter": [inside], "_name": INSIDE}}]
        return {"bool": query}

    def body(self) -> dict[str, Any]:
        """Return the search's body without page and size: candidates come with the fields that are left to decide on.

        The cheapest way first, and a dearer one only for the fields of which it does not tell all (`thorough`): columns
        (doc values) spare the cluster the parsing of sources; `fields` has it parse them a second time.
        """
        body: dict[str, Any] = {
            "query": self.query(),
            "sort": self.sort(),
            "_source": {"includes": self.sourced} if self.sourced else False,
        }
        if self.columns:
            body["docvalue_fields"] = [self._asked(path) for path in sorted(self.columns)]
        if self.thorough:
            clock = self.rule.range_field
            body["fields"] = [self._asked(path) for path in (*self.filled, *({clock} & self.thorough))]
        return body

    def untold(self, answer: Mapping[str, Any]) -> frozenset[str]:
        """Return the fields of which the document, or the index, may hold more than the answer tells.

        A column lacks what the index ignored. Of what a source lacks the index may know: runtime fields, constants,
        aliases; and of a document without the field that orders it, when it came.
        """
        found: set[str] = set()
        left = [(path, reader(path)) for path in self._mapped if path not in self.thorough]
        for raw in answer["hits"]["hits"]:
            found.update(path for path in raw.get("_ignored", ()) if path in self.columns)
            if left:
                source = raw.get("_source", {})
                lacking = [(path, read) for path, read in left if read(source) is None]
                if lacking:
                    found.update(path for path, _ in lacking)
                    left = [one for one in left if one not in lacking]
        return frozenset(found | self._clock_untold(answer))

    def _clock_untold(self, answer: Mapping[str, Any]) -> set[str]:
        clock, found = self.rule.range_field, answer["hits"]["hits"]
        if not found or clock in self.thorough | self.columns or clock not in self.landscape.types:
            return set()
        # Those without a timestamp come before all others.
        return set() if hits.of_sort(found[0]["sort"][0], nanos=self.nanos) else {clock}

    @cached_property
    def _wanted(self) -> frozenset[str]:
        """What is asked of an event: all that deciding takes, or no more than grouping where the search decides.

        Among alerts also whose they are, before one of the rule's own is given the room of another.
        """
        rule, lineage = self.rule, self.landscape.types.keys() & set(LINEAGE)
        if self.decides:
            return rule.grouping_fields | lineage
        return (rule.fields_for(self.program) if self.program else rule.fields) | lineage

    @cached_property
    def columns(self) -> frozenset[str]:
        """What is read as the index has it, and so as Elasticsearch's own EQL sees it."""
        if not self.program:
            return frozenset()
        fit = [path for path in sorted(self._wanted - self.thorough) if self._is_column(path)]
        return frozenset(fit[:MOST_COLUMNS])

    def _is_column(self, path: str) -> bool:
        """Tell whether all values of a field, as the matcher reads them, are in its column."""
        field = self.landscape.types.get(path)
        if field is None or not field.aggregatable or self._known.nested_in(path):
            return False
        return any(field.types <= alike for alike in COLUMNS)

    @cached_property
    def multi_fields(self) -> frozenset[str]:
        """The columns that a source has by another name."""
        return frozenset(path for path in self.columns if self._known.source(path) != path)

    @cached_property
    def sourced(self) -> list[str]:
        """What is read from the source; of a multi-field, the field that it belongs to."""
        left = self._wanted - self.columns
        by_own_name = left & self.rule.grouping_fields if self.program else left
        return sorted(by_own_name.union(map(self._known.source, left)))

    def _asked(self, path: str) -> dict[str, str]:
        """Return how to ask the index for a field: dates come spelled in one way, whatever their mapping says."""
        field = self.landscape.types.get(path)
        dated = field is not None and field.types <= DATES
        return {"field": path, "format": hits.CLOCK_FORMAT} if dated else {"field": path}

    @cached_property
    def filled(self) -> list[str]:
        """What is taken from the index where the source lacks it."""
        return [path for path in self._mapped if path in self.thorough]

    @cached_property
    def _mapped(self) -> list[str]:
        """What the index may know of an event that its source does not hold."""
        return [path for path in self.sourced if path in self.landscape.types and path != self.rule.range_field]

    @cached_property
    def _known(self) -> Fields:
        return Fields(self.landscape.types, timestamp_field=self.rule.timestamp_field, complete=False)

    def sort(self) -> list[dict[str, Any]]:
        """Return the order: oldest first, those without a timestamp before all others."""
        clock = {
            "order": "asc",
            "missing": "_first",
            "unmapped_type": "date",
            # Dates of both resolutions are only comparable in one of them.
            "numeric_type": "date_nanos" if self.nanos else "date",
        }
        order: list[dict[str, Any]] = [{self.rule.timestamp_field: clock}]
        tie = self.rule.tiebreaker_field
        if tie:
            # An index without the field sorts as the others do, or the cluster refuses to bring them into one order.
            known = self.landscape.types.get(tie)
            kind = min(known.types) if known else "long"
            order.append({tie: {"order": "asc", "missing": "_last", "unmapped_type": kind}})
        return order
