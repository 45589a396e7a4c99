"""What every AlertSink keeps: each id once, and what it calls written is known at once."""

from runner.execution.model import Alert, AlertSink, Written


def alert(id: str, **fields: object) -> Alert:
    return Alert(id, {"@timestamp": "2026-01-01T00:00:00.000Z", "kibana.alert.uuid": id, **fields})


def test_alerts_are_created_once_and_then_duplicates(sink: AlertSink) -> None:
    first = sink.write([alert("a"), alert("b")])
    assert (first.created, first.duplicates, first.rejected) == (("a", "b"), (), ())
    second = sink.write([alert("b"), alert("c")])
    assert (second.created, second.duplicates) == (("c",), ("b",))


def test_an_id_twice_in_one_write_is_created_once(sink: AlertSink) -> None:
    written = sink.write([alert("a"), alert("a")])
    assert (written.created, written.duplicates) == (("a",), ("a",))


def test_what_is_written_is_known_at_once_and_nothing_else_is(sink: AlertSink) -> None:
    assert sink.known(["a", "b"]) == frozenset()
    sink.write([alert("a")])
    assert sink.known(["a", "b"]) == {"a"}
    assert sink.known([]) == frozenset()


def test_many_ids_are_looked_up_and_many_alerts_written(sink: AlertSink) -> None:
    ids = [f"{number:04}" for number in range(2500)]
    assert set(sink.write([alert(one) for one in ids]).created) == set(ids)
    assert sink.known([*ids, "other"]) == set(ids)


def test_nothing_is_written_of_nothing(sink: AlertSink) -> None:
    assert sink.write([]).created == Written().created
