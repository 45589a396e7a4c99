"""What every AlertSink keeps: each id once, and what it calls written is known at once."""

from runner.elastic.suppressed_index import _LOOK, SuppressingSink
from runner.execution.absorbing import Absorber, Group, Suppressed
from runner.execution.model import Alert, Document, Written
from runner.execution.seams import AlertSink
from runner.offline.memory import MemorySink
from runner.schedule.windows import Window
from tests.made import iso, minute


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


def opened(id: str, at: float, group: str = "g", **fields: object) -> Alert:
    """An alert that absorbs the matches of a group; its own event is so many minutes after noon."""
    return alert(
        id,
        **{
            **Group(group, (("host.name", ("h",)),)).fields(minute(at)),
            "kibana.alert.start": iso(minute(30)),
            "kibana.alert.last_detected": iso(minute(30)),
            "kibana.alert.workflow_status": "open",
            **fields,
        },
    )


def match(id: str, into: str, at: float, *, noted: float = 40) -> Suppressed:
    return Suppressed(id, into, "rule-1", "g", minute(at), (("logs-test", id),), "execution-1", minute(noted))


def told(sink: AlertSink, id: str) -> tuple[int, str, str, str]:
    """What an alert tells of what it has absorbed: count, start, end, last detected."""
    document = alerts_of(sink)[id]
    names = ("suppression.docs_count", "suppression.start", "suppression.end", "last_detected")
    return tuple(document[f"kibana.alert.{name}"] for name in names)  # type: ignore[return-value]  # the four of them


def alerts_of(sink: AlertSink) -> dict[str, Document]:
    if isinstance(sink, MemorySink):
        return {one.id: one.document for one in sink.alerts}
    assert isinstance(sink, SuppressingSink)
    hits = sink._client.ask(_LOOK, "", lambda es: es.search(index=sink._alerts, size=1000))["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def at(number: float) -> str:
    return iso(minute(number))


def test_an_alert_counts_what_it_absorbs_and_when(sink: AlertSink) -> None:
    sink.write([opened("a", 5)])
    assert told(sink, "a") == (0, at(5), at(5), at(30))
    written = sink.absorb([match("m", "a", 7), match("n", "a", 9)])
    assert (set(written.created), written.duplicates, written.rejected) == ({"m", "n"}, (), ())
    assert told(sink, "a") == (2, at(5), at(9), at(40))
    sink.absorb([match("late", "a", 1, noted=50)])
    assert told(sink, "a") == (3, at(1), at(9), at(50))


def test_what_is_absorbed_is_known_and_counts_once(sink: AlertSink) -> None:
    sink.write([opened("a", 5), opened("b", 6)])
    sink.absorb([match("m", "a", 7)])
    assert sink.known(["a", "m", "x"]) == {"a", "m"}
    again = sink.absorb([match("m", "a", 7), match("m", "b", 7, noted=60)], ["m"])
    assert again.created == ()
    assert set(again.duplicates) == {"m"}
    assert (told(sink, "a")[0], told(sink, "b")[0]) == (1, 0)


def test_a_match_that_is_found_again_brings_its_alerts_count_up_to_date(sink: AlertSink) -> None:
    sink.absorb([match("m", "a", 7), match("n", "a", 9)])  # noted, and then the alert's count was never set
    sink.write([opened("a", 5)])
    assert told(sink, "a")[0] == 0
    sink.absorb([], ["m"])
    assert told(sink, "a") == (2, at(5), at(9), at(40))


def test_a_match_that_has_its_own_alert_is_not_absorbed_besides(sink: AlertSink) -> None:
    sink.write([opened("a", 5), opened("m", 7)])
    written = sink.absorb([match("m", "a", 7), match("n", "a", 8)])
    assert (written.created, written.duplicates) == (("n",), ("m",))
    assert told(sink, "a")[0] == 1


def test_where_another_runner_made_an_alert_of_an_absorbed_match_the_alert_stays(sink: AlertSink) -> None:
    sink.write([opened("a", 5)])
    sink.absorb([match("m", "a", 7)])
    sink.write([opened("m", 7)])
    sink.absorb([], ["m"])
    assert told(sink, "a")[0] == 0
    assert "m" in sink.known(["m"])


def test_a_closed_alert_absorbs_no_more(sink: AlertSink) -> None:
    sink.write(
        [opened("open", 5), opened("closed", 6, **{"kibana.alert.workflow_status": "closed"}), opened("other", 5, "h")]
    )
    sink.write([alert("without a group"), opened("before", 1), opened("after", 10)])
    found = sink.open_for(["g", "none"], Window(minute(2), minute(10)))
    assert set(found) == {Absorber("open", "g", minute(5))}
    assert sink.open_for([], Window(minute(2), minute(10))) == ()


def test_much_is_absorbed_at_once(sink: AlertSink) -> None:
    sink.write([opened("a", 5)])
    many = [match(f"{number:04}", "a", 7) for number in range(2500)]
    assert len(sink.absorb(many).created) == 2500
    assert told(sink, "a")[0] == 2500


def test_an_alert_that_is_gone_is_no_matter(sink: AlertSink) -> None:
    assert sink.absorb([match("m", "gone", 7)]).created == ("m",)
