"""The outbox on a real node when things go wrong on the way, and how its index comes to be."""

from dataclasses import replace

import pytest

from runner.elastic.client import Client
from runner.elastic.outbox import OutboxIndex, StreakIndex
from runner.elastic.outbox_records import claim_document, claim_of, entry_document, entry_of
from runner.elastic.setup import Names, install
from runner.errors import ClusterAnswerError, SetupError, StateConflict
from runner.notify.model import Claim, Entry, EntryState, Kind, Streak
from tests.elastic.forwarding import Answered, Cut, Forwarding, once
from tests.made import minute
from tests.notify.made import entry

BUSY = Answered(429, {"error": {"type": "es_rejected_execution_exception", "reason": "full"}})


@pytest.fixture
def outbox_index(client: Client, names: Names) -> str:
    """The name of an outbox, made."""
    wanted = replace(names, outbox=f"{names.state}-outbox")
    install(client, wanted)
    return wanted.outbox


@pytest.mark.live
def test_the_index_is_made_only_where_it_has_a_name_and_brought_up_to_date(client: Client, names: Names) -> None:
    es = client._elasticsearch
    wanted = replace(names, outbox=f"{names.state}-outbox")
    assert not es.indices.exists(index=wanted.outbox)
    assert install(client, wanted) == (f"created the index {wanted.outbox}",)
    assert install(client, wanted) == ()
    es.indices.put_mapping(index=wanted.outbox, meta={"owner": "eql-runner", "version": 1})
    assert install(client, wanted) == (f"brought the mapping of {wanted.outbox} up to date",)


@pytest.mark.live
@pytest.mark.parametrize("happening", [Cut(after=True), Cut(), BUSY, Answered(503, "")], ids=str)
def test_what_fails_in_passing_is_done_once(
    client: Client, proxied: Client, proxy: Forwarding, outbox_index: str, happening: object
) -> None:
    there, through = OutboxIndex(client, outbox_index), OutboxIndex(proxied, outbox_index)
    proxy.faults.append(once("/_bulk", happening))  # type: ignore[arg-type]
    through.put([entry("a"), entry("b", 1)])
    first, second = there.entries("soc", EntryState.WAITING, minute(9), 10)
    proxy.faults[:] = [once("/_bulk", happening)]  # type: ignore[arg-type]
    through.settle([replace(first, state=EntryState.SENT, settled=minute(1), message=first.id)])
    assert there.entries("soc", EntryState.WAITING, minute(9), 10) == (second,)
    proxy.faults[:] = [once("/_doc/claim", happening)]  # type: ignore[arg-type]
    claim = through.claim("soc", "one", minute(0))
    assert claim is not None
    proxy.faults[:] = [once("/_doc/claim", happening)]  # type: ignore[arg-type]
    kept = through.keep(replace(claim, sent=minute(1)))
    assert there.claim("soc", "one", minute(0)) == kept
    with pytest.raises(StateConflict):
        through.keep(claim)


@pytest.mark.live
def test_an_outbox_that_is_missing_is_said_with_what_to_do(client: Client, names: Names) -> None:
    lacking = f"{names.state}-none"
    for call in (
        lambda: OutboxIndex(client, lacking).put([entry()]),
        lambda: OutboxIndex(client, lacking).claim("soc", "one", minute(0)),
        lambda: OutboxIndex(client, lacking).standing(),
        lambda: StreakIndex(client, lacking).write(Streak("r", "R", 1, minute(0))),
    ):
        with pytest.raises(SetupError) as caught:
            call()
        assert "eql-runner setup" in caught.value.hint
    assert not client._elasticsearch.indices.exists(index=lacking)


def test_values_come_back_from_their_documents() -> None:
    whole = replace(entry(), kind=Kind.FAILING, state=EntryState.FAILED, attempts=3, tried=minute(1), settled=minute(2))
    claim = Claim("soc", "", minute(1), 3, minute(2), minute(3), "no", minute(4))
    assert entry_of(entry_document(whole), None) == whole
    assert claim_of(claim_document(claim), (1, 1)) == claim


@pytest.mark.parametrize("change", [{"kind": "other"}, {"created": "x"}, {"created": None}], ids=str)
def test_a_document_of_another_version_is_an_error_that_says_so(change: dict[str, object]) -> None:
    with pytest.raises(ClusterAnswerError, match="cannot be read"):
        entry_of({**entry_document(entry()), **change}, None)


def test_fields_that_a_newer_version_added_are_left_alone() -> None:
    assert isinstance(entry_of({**entry_document(entry()), "new": 1}, None), Entry)
