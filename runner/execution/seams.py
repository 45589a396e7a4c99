"""The three seams of an execution to the outside: where events come from, where alerts go, what has been searched.

Their in-memory twins are in `runner.offline.memory`; one contract suite (`tests/contracts`) holds every implementation to
what is said here.
"""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Protocol

from runner.execution.absorbing import Absorber, Suppressed
from runner.execution.model import Alert, Execution, Hit, Page, State, Written
from runner.rules.model import Rule
from runner.schedule.windows import Window


class EventSource(Protocol):
    """Where events come from."""

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        """Yield the window's pages, lazily, oldest hit first; only hits at or after `after` where it is given.

        The window is on the rule's range clock (`timestamp_override`, else its timestamp field); `after` is on the
        order clock (the timestamp field). Everything in the window is yielded, without an upper limit; what could not
        be read is a Fault on a page. For a sequence with `maxspan` the read begins that much earlier (`Hit.inside`). Raises RunnerError when there is no answer at all. Closing the generator early
        frees what the search holds in the cluster.
        """
        ...

    def documents(self, rule: Rule, hits: Sequence[Hit]) -> Page:
        """Return hits that the rule's search has found, the same in the same order, each with its whole source.

        A hit whose document has gone since keeps the source that it had. Raises RunnerError where it is not known
        whether it has gone.
        """
        ...


class AlertSink(Protocol):
    """Where alerts go."""

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts already, in any index that alerts were ever written to.

        What an alert has absorbed is known too.
        """
        ...

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Create the alerts and return what became of each; an id that exists already is a duplicate.

        When it returns, what it calls created or duplicate survives a crash of this process and is found by `known`.
        """
        ...

    def open_for(self, instance_ids: Sequence[str], span: Window) -> Sequence[Absorber]:
        """Return the alerts of these suppression groups that nobody has closed and whose anchor lies in the span."""
        ...

    def absorb(self, suppressed: Sequence[Suppressed], again: Sequence[str] = ()) -> Written:
        """Note the matches as absorbed, once each, and set what their alerts tell of all that they have absorbed.

        What is noted already is a duplicate. `again` are the ids of matches that were found once more: their alerts'
        counts are set too, which heals what a crash has left between the two. An id that is an alert by itself is not
        absorbed: where two runners have decided otherwise at the same moment, the alert stays and the note goes.
        """
        ...


class Ledger(Protocol):
    """What has been searched, rule by rule."""

    def read(self, rule: Rule) -> State:
        """Return the rule's state; a rule never seen has an empty coverage."""
        ...

    def record(self, execution: Execution, state: State) -> State:
        """Append the execution to the history, then move the state; return it with its new token.

        Raises StateConflict when the state was moved by another runner since it was read: the history keeps the
        execution, the state stays as the other left it.
        """
        ...

    def move(self, state: State) -> State:
        """Move the state alone, as `record` does; return it with its new token. Raises StateConflict."""
        ...
