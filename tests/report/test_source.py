"""Alert documents read from NDJSON."""

from pathlib import Path

import pytest

from runner.errors import SettingsError
from runner.execution.model import Alert
from runner.offline.files import write_ndjson
from runner.report.source import read_ndjson, since
from tests.made import minute
from tests.report.alerts import alert


def test_what_the_project_writes_is_read_again(tmp_path: Path) -> None:
    document = alert(1)
    del document["_id"]
    write_ndjson(tmp_path / "a.ndjson", [Alert("alert-1", document)])
    assert list(read_ndjson(tmp_path / "a.ndjson")) == [alert(1)]


def test_what_no_text_can_hold_is_read_again_and_hides_no_alert(tmp_path: Path) -> None:
    odd = {"kibana.alert.uuid": "1", "process": {"name": "bad\ud800"}, "size": 2**70}
    write_ndjson(tmp_path / "a.ndjson", [Alert("1", odd), Alert("2", {"kibana.alert.uuid": "2"})])
    assert list(read_ndjson(tmp_path / "a.ndjson")) == [{"_id": "1", **odd}, {"_id": "2", "kibana.alert.uuid": "2"}]


def test_a_search_hit_is_read_by_its_source_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "hits.ndjson"
    file.write_text('\n{"_index":"i","_id":"7","_source":{"kibana.alert.uuid":"7"}}\n\n')
    assert list(read_ndjson(file)) == [{"_id": "7", "kibana.alert.uuid": "7"}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ('{"kibana.alert.risk_score": NaN}', "line 2: not JSON"),
        ("[1]", "line 2: not an alert"),
        ('{"process": {}}', "line 2: not an alert"),
    ],
)
def test_what_is_no_alert_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text('{"kibana.alert.uuid":"1"}\n' + line)
    with pytest.raises(SettingsError, match=message) as caught:
        list(read_ndjson(file))
    assert caught.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*gone\.ndjson"):
        list(read_ndjson(tmp_path / "gone.ndjson"))


def test_since_keeps_what_was_detected_from_then_on() -> None:
    documents = [alert(1, at=0), alert(2, at=10), alert(3, **{"@timestamp": None})]
    assert [one["_id"] for one in since(documents, minute(11))] == ["alert-2"]
