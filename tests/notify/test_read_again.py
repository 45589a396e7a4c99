"""The notifications file, read again while the service runs: all of it, or nothing."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.app.notifying import read_again
from runner.notify.config import Notifications, Route
from runner.notify.marks import MARK, MarkingSink
from runner.offline.memory import MemorySink
from runner.settings import Settings
from runner.telemetry import logs
from tests.made import rule
from tests.notify.made import alert

FILE = """\
[channels.soc]
kind = "webhook"
url_env = "SOC_URL"

[[routes]]
channels = ["soc"]
"""
PAGER = FILE.replace("soc", "pager")
Lines = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def lines() -> Lines:
    """What is logged: level and message of each line."""
    stream = io.StringIO()
    logs.configure("ecs", "info", (), stream)
    return lambda: [(one["log.level"], one["message"]) for one in map(json.loads, stream.getvalue().splitlines())]


class Delivering:
    """Stands in for the dispatch: it keeps what it is to deliver to."""

    def __init__(self) -> None:
        self.told: list[Notifications] = []

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.told[-1].channels) if self.told else ("soc",)

    def replace(self, told: Notifications) -> None:
        self.told.append(told)


CASES = {
    "another channel": (PAGER, True, []),
    "a route of a rule that there is not is taken, and warned of": (
        f'{PAGER}rules = ["Evil Proces"]\n',
        True,
        [("warning", "notifications.toml:7:1: no rule has the id or name `evil proces` (did you mean")],
    ),
    "an unknown key, though the rest is right": (
        f'{PAGER}severty = ["high"]\n',
        False,
        [
            ("error", "not taken, for"),
            ("warning", "not taken: notifications.toml:7:1: unknown key `severty` (did you mean `severity`?)"),
        ],
    ),
    "a variable that is not set": (
        PAGER.replace("SOC_URL", "NO_URL"),
        False,
        [("error", "not taken, for"), ("warning", "the environment variable NO_URL is not set")],
    ),
    "no TOML": ("[", False, [("error", "not taken, for"), ("warning", "notifications.toml:1:")]),
    "nothing in it": (
        "",
        False,
        [("error", "not taken, for"), ("warning", "no channel"), ("warning", "no route")],
    ),
    "no file": (None, False, [("error", "they go on to soc as before"), ("warning", "cannot be read")]),
}


@pytest.mark.parametrize(("text", "taken", "logged"), CASES.values(), ids=CASES)
def test_the_file_is_taken_whole_or_not_at_all(
    text: str | None,
    taken: bool,
    logged: list[tuple[str, str]],
    lines: Lines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOC_URL", "http://127.0.0.1:1/hook")
    path = Path("notifications.toml")
    path.write_text(FILE, encoding="utf-8")
    settings = Settings(notifications_path=path)
    delivering, sink = Delivering(), MemorySink()
    marking = MarkingSink(sink, (Route(("soc",)),), lambda _entries: None)
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")
    read_again(settings, delivering, marking, [rule()])  # type: ignore[arg-type]  # it stands in
    assert bool(delivering.told) is taken
    routed = "rules" not in (text or "")
    marking.write([alert("a")])
    expected = None if taken and not routed else ["pager"] if taken else ["soc"]
    assert sink.alerts[0].document.get(MARK) == expected
    assert [level for level, _ in lines()] == [level for level, _ in logged]
    for (_, message), (_, part) in zip(lines(), logged, strict=True):
        assert part in message
