"""What an event's join keys are, by the mapped types of their fields."""

import pytest

from runner.query.ast import Field
from runner.query.join_keys import keys_reader
from runner.query.kinds import Fields
from runner.query.samples import SampleMatching
from runner.query.stages import CompiledStage
from runner.query.types import from_names


@pytest.mark.parametrize(
    ("sentence", "kind", "value", "key"),
    [
        ("without a type a value stands as it is", None, "5", "5"),
        ("a number in a keyword field is its text", "keyword", 5, "5"),
        ("so is a boolean", "keyword", True, "true"),
        ("a text in a long field is its number", "long", "5", 5),
        ("a decimal in a long field is cut off", "long", 5.7, 5),
        ("what is no number is no key of a long field", "long", "five", None),
        ("a spelled boolean is a boolean", "boolean", "true", True),
        ("an address has one form", "ip", "2001:DB8:0::1", "2001:db8::1"),
        ("an IPv4 address in IPv6 clothes is itself", "ip", "::ffff:10.0.0.1", "10.0.0.1"),
        ("each of several values is one", "long", ["5", 6], [5, 6]),
        ("nothing is nothing", "long", None, None),
        ("a date is shown with milliseconds", "date", 86_400_000, "1970-01-02T00:00:00.000Z"),
        ("whatever its zone", "date", "2024-05-01T02:00:00+02:00", "2024-05-01T00:00:00.000Z"),
        ("nanoseconds are kept", "date_nanos", "2024-05-01T00:00:00.123456789Z", "2024-05-01T00:00:00.123456789Z"),
        ("a custom format with the day first is read", "date", "17-12-2022", "2022-12-17T00:00:00.000Z"),
        ("another one stays a text", "date", "Dec 17, 2022", "Dec 17, 2022"),
        ("a date beyond what Python counts stays as it is", "date", 10**17, 10**17),
    ],
)
def test_keys_of_a_sequence(sentence, kind, value, key):
    known = Fields(from_names({"k": kind}) if kind else None, timestamp_field="@timestamp")
    assert keys_reader([Field("k")], known)({"k": value}) == (key,), sentence


@pytest.mark.parametrize("value", ["2022-12-17", "17-12-2022", 1671235200000, "1671235200000"])
def test_a_date_key_of_a_sample_is_its_epoch_milliseconds(value):
    known = Fields(from_names({"k": "date"}), timestamp_field="@timestamp")
    assert keys_reader([Field("k")], known, sample=True)({"k": value}) == (1671235200000,)


def test_an_unmapped_field_has_no_key_whatever_the_source_holds():
    known = Fields(from_names({"other": "keyword"}), timestamp_field="@timestamp")
    assert keys_reader([Field("k", optional=True), Field("other")], known)({"k": 1, "other": "a"}) == (None, "a")


@pytest.mark.parametrize(
    ("sentence", "kind", "values"),
    [
        ("addresses by their number", "ip", ["10.0.0.9", "10.0.0.10", "2001:db8::1"]),
        ("versions by their parts", "version", ["1.2.0", "1.10.0-beta", "1.10.0"]),
        ("numbers by their size", "long", ["9", 10]),
        ("texts by their code points", "keyword", ["10", "9", "Z", "a", "é"]),
        ("false before true", "boolean", ["false", True]),
    ],
)
def test_keys_of_a_sample_are_ordered_as_the_index_orders_them(sentence, kind, values):
    read = keys_reader([Field("k")], Fields(from_names({"k": kind}), timestamp_field="@timestamp"), sample=True)
    stage = CompiledStage(lambda _event: True, read, (False,))
    events = [{"k": value} for value in [*reversed(values), *reversed(values)]]
    run = SampleMatching([stage, stage])
    for place, event in enumerate(events):
        run.feed(event, 0, place)
    firsts = [events[one.items[0]]["k"] for one in run.finish()]
    assert firsts == values, sentence
