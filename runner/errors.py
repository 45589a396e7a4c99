"""Every error that this package raises, by who must act on it.

    RunnerError
    ├── RuleError                 the rule's author
    │   └── QueryError            the query's text; knows its line and column
    ├── OperatorError             whoever runs this service
    │   ├── SettingsError         a setting is missing or wrong
    │   ├── AccessDenied          the cluster knows us not (401), or does not let us (403)
    │   └── SetupError            an index, alias or template is missing, foreign or of a newer version
    └── ClusterError              the cluster, or the way to it
        ├── ClusterUnavailable    no connection, or 502, 503, 504: may pass by itself
        ├── ClusterBusy           429, or a circuit breaker tripped: may pass by itself
        ├── SearchTimeout         the search did not answer before its deadline
        ├── QueryRejected         the cluster refuses the query as it stands (400): the author's or the mapping's
        ├── RequestTooLarge       the request is larger than the cluster, or a proxy before it, takes (413)
        ├── StateConflict         another runner moved the state first
        └── ClusterAnswerError    the cluster answered something that we do not understand

Foreign exceptions become one of these at the seam, in one table (`runner.elastic.client`); below the seam nobody
knows them. Each message is a sentence that names the thing; `hint` says what to do next.
"""


class RunnerError(Exception):
    """The root: `str()` is what is wrong, `hint` is what to do about it (empty when the message says it all)."""

    who: str = "operator"
    retryable: bool = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RuleError(RunnerError):
    """A rule cannot be run as it is written."""

    who = "rule author"


class QueryError(RuleError):
    """An EQL text is wrong at one place.

    `line` and `column` count from 1; `text` is the whole query. `str()` is the message alone; `pointed()` adds the
    place, the line and a caret, which a traceback shows too.
    """

    def __init__(self, message: str, *, text: str = "", line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.text = text
        self.line = line
        self.column = column

    def pointed(self) -> str:
        """Return the message with its place, the line it is on and a caret under the column."""
        return "\n".join((f"{self.line}:{self.column}: {self.message}", *self._line()))

    def noted(self) -> "QueryError":
        """Return the error itself, with its place, line, caret and hint as a note for tracebacks."""
        self.add_note("\n".join((f"line {self.line}, column {self.column}", *self._line(), *filter(None, [self.hint]))))
        return self

    def _line(self) -> tuple[str, ...]:
        lines = self.text.splitlines()
        if not 1 <= self.line <= len(lines):
            return ()
        shown = lines[self.line - 1].replace("\t", " ")
        return (f"  {shown}", f"  {' ' * (self.column - 1)}^")


class OperatorError(RunnerError):
    """The person who runs this service must change something."""


class SettingsError(OperatorError):
    """A setting is missing or wrong; the message names its environment variable."""


class AccessDenied(OperatorError):
    """The cluster refuses our credentials, or they lack a privilege."""


class SetupError(OperatorError):
    """An index, alias or template of ours is missing, not ours, or made by a newer version."""


class ClusterError(RunnerError):
    """The cluster could not do what was asked."""

    who = "cluster"


class ClusterUnavailable(ClusterError):
    """No connection to the cluster, or it answered 502, 503 or 504."""

    retryable = True


class ClusterBusy(ClusterError):
    """The cluster asked us to slow down (429, or a circuit breaker)."""

    retryable = True


class SearchTimeout(ClusterError):
    """A request was given up at its deadline."""

    retryable = True


class QueryRejected(ClusterError):
    """The cluster refuses this query (for example a field that is mapped in none of the indices)."""

    who = "rule author"


class RequestTooLarge(ClusterError):
    """The request is larger than the cluster, or a proxy before it, takes."""


class StateConflict(ClusterError):
    """Another runner has moved this rule's state since we read it."""


class ClusterAnswerError(ClusterError):
    """The cluster's answer is not one that this version understands."""
