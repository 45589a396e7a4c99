"""The state index and the history of executions as a Ledger.

A rule's state is one document, `_id` its rule_id. It is moved under optimistic concurrency (`if_seq_no` and
`if_primary_term`; `create` the first time), so that of two runners one wins and the other is told. The execution goes
into the history first: it happened, whoever wins.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.elastic.records import execution_document, state_document, state_of
from runner.errors import ClusterAnswerError, ClusterBusy, SetupError, StateConflict
from runner.execution.model import Coverage, Execution, State
from runner.rules.model import Rule
from runner.wording import plural

_READ = Action("read the state of rule", "`read` on the state index")
_RECORD = Action("record the execution of rule", "`create_doc` on the executions index and `index` on the state index")

_AGAIN = frozenset({429, 502, 503, 504})

Token = tuple[int, int]
"""The `_seq_no` and `_primary_term` of the document that was read."""


class StateIndex:
    """Reads and moves states. Shared by threads."""

    def __init__(self, client: Client, state_index: str, executions_alias: str) -> None:
        self._client = client
        self._state_index = state_index
        self._executions_alias = executions_alias

    def read(self, rule: Rule) -> State:
        """Return the rule's state; a rule never seen has an empty coverage. Raises RunnerError."""
        found = self._found(rule.rule_id)
        return found or State(rule.rule_id, Coverage(rule.query_hash))

    def record(self, execution: Execution, state: State) -> State:
        """Append the execution, then move the state; return it with its new token.

        Raises StateConflict when another runner moved the state since it was read, RunnerError when the cluster did not
        take both.
        """
        return self._moved(state, execution)

    def move(self, state: State) -> State:
        """Move the state alone; return it with its new token. Raises StateConflict, RunnerError."""
        return self._moved(state, None)

    def _moved(self, state: State, execution: Execution | None) -> State:
        attempt = _Moving(self._state_index, self._executions_alias, execution, state)
        self._client.ask(_RECORD, state.rule_id, attempt.send)
        if attempt.token is None:
            return self._ours_after_all(state)
        return replace(state, token=attempt.token)

    def _ours_after_all(self, state: State) -> State:
        """Return the state if it was we who moved it, and only the answer was lost. Raises StateConflict if not."""
        found = self._found(state.rule_id)
        if found is None or (found.last, found.lease, found.swept) != (state.last, state.lease, state.swept):
            raise StateConflict(
                f"the state of rule {state.rule_id} was moved by another runner since it was read",
                "Two runners execute this rule at the same time; what this one searched is searched again.",
            )
        return replace(state, token=found.token)

    def _found(self, rule_id: str) -> State | None:
        answer = mapping(
            self._client.ask(
                _READ, rule_id, lambda es: es.options(ignore_status=404).get(index=self._state_index, id=rule_id)
            ),
            self._state_index,
        )
        if "error" in answer:
            raise SetupError(f"the state index {self._state_index} is missing", "`eql-runner setup` makes it.")
        if not answer.get("found"):
            return None
        try:
            return state_of(answer["_source"], (answer["_seq_no"], answer["_primary_term"]))
        except (KeyError, ValueError, TypeError) as error:
            raise ClusterAnswerError(
                f"the state of rule {rule_id} in {self._state_index} cannot be read ({type(error).__name__}: {error})",
                "A newer version has written it, or a person; delete the document to begin anew.",
            ) from error


class _Moving:
    """One bulk: the execution's document, if there is one, and the rule's new state. What is taken is not sent again."""

    def __init__(self, state_index: str, executions_alias: str, execution: Execution | None, state: State) -> None:
        self._waiting: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        if execution is not None:
            history = {"create": {"_index": executions_alias, "_id": execution.id, "require_alias": True}}
            self._waiting["history"] = (history, execution_document(execution))
        self._waiting["state"] = (_from_the_version_read(state_index, state), state_document(state))
        self.token: Token | None = None

    def send(self, es: Elasticsearch) -> ApiResponse[Any]:
        """Send what is not taken yet. Raises ClusterBusy where it is worth sending again, else what went wrong."""
        sent = list(self._waiting)
        answer = es.bulk(operations=[part for name in sent for part in self._waiting[name]])
        items = [next(iter(item.values())) for item in mapping(answer.body, "the bulk").get("items", ())]
        if len(items) != len(sent):
            raise ClusterAnswerError(f"the cluster answered for {len(items)} of {plural(len(sent), 'document')}")
        refused = []
        for name, item in zip(sent, items, strict=True):
            if item["status"] in {200, 201} and name == "state":
                self.token = (item["_seq_no"], item["_primary_term"])
            # A conflict of the history is our own document: it was taken before, and the answer lost.
            if item["status"] in {200, 201, 409}:
                del self._waiting[name]
            else:
                refused.append(_refusal(item))
        if refused:
            raise refused[0]
        return answer


def _from_the_version_read(state_index: str, state: State) -> dict[str, Any]:
    """Return the bulk action that moves the state from the version that was read, and from no other."""
    if state.token is None:
        return {"create": {"_index": state_index, "_id": state.rule_id}}
    seq_no, primary_term = state.token
    condition = {"if_seq_no": seq_no, "if_primary_term": primary_term}
    return {"index": {"_index": state_index, "_id": state.rule_id, **condition}}


def _refusal(item: Mapping[str, Any]) -> Exception:
    error = item.get("error") or {}
    text = f"{item.get('_index')} did not take {item.get('_id')}: {item.get('status')} {error.get('reason')}"
    if item.get("status") in _AGAIN:
        return ClusterBusy(text)
    if error.get("type") == "index_not_found_exception":
        return SetupError(text, "`eql-runner setup` makes the indices of this service.")
    return ClusterAnswerError(text)
