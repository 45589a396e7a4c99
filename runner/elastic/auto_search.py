"""Events by the EQL search API, and by Query DSL what the API refuses."""

from collections.abc import Generator, Sequence
from datetime import datetime

from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.errors import QueryRejected
from runner.execution.model import Hit, Page
from runner.rules.model import Rule
from runner.schedule.windows import Window


class AutoSearch:
    """An EventSource that asks the API first.

    The API refuses a whole query for one field that is mapped in none of the indices; to our matcher such a field is
    absent.
    """

    def __init__(self, eql: EqlSearch, dsl: DslSearch) -> None:
        self._eql = eql
        self._dsl = dsl

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        """Yield the window's pages, oldest first, from one source or the other. See `EventSource`."""
        try:
            yield from self._eql.search(rule, window, after)
        except QueryRejected as refusal:
            # The API judges the query before it searches: nothing of this window has been yielded yet.
            yield Page(notes=(f"searched by Query DSL instead of the EQL search API: {refusal}",))
            yield from self._dsl.search(rule, window, after)

    def documents(self, rule: Rule, hits: Sequence[Hit]) -> Page:
        """Return the same hits, each with its whole source. See `EventSource`.

        Hits of the API are whole; those of Query DSL are known by the sort values that they carry.
        """
        source = self._dsl if any(hit.sort for hit in hits) else self._eql
        return source.documents(rule, hits)
