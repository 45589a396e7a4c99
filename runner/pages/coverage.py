"""Coverage: what is proven searched of each rule's past, and what is not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.execution.model import Backlog, Coverage, State
from runner.pages import screen
from runner.rules.model import Rule
from runner.schedule.windows import Window

_MARKS = {"covered": ("█", "green"), "waiting": ("▒", "yellow"), "gap": ("×", "bold red"), "open": ("·", "dim")}  # noqa: RUF001  # a mark, no letter


def page(states: Sequence[tuple[Rule, State]], now: datetime, over: timedelta) -> RenderableType:
    """Show a line for each rule: covered until, lag, gaps, waiting, last verdict, and a timeline of the last `over`."""
    heading = screen.columns(*_WIDTHS)
    heading.add_row(f"Last {screen.length(over)}", "Covered until", "Lag", "Gaps", "Waiting", "Last", style="dim")
    parts: list[RenderableType] = [heading]
    for rule, state in states:
        parts += [Text(screen.safe(rule.name), "bold"), _row(state, now, over)]
        if changed(rule, state):
            parts.append(Text("what the rule finds has changed: its next execution begins a new line", "yellow"))
        if state.swept is not None and (lag := state.sweep_lag):
            told = f"swept for late events until {state.swept.until:%Y-%m-%d %H:%M}, {screen.length(lag)} behind"
            parts.append(Text(told, "yellow"))
    return Group(*parts, "", legend())


_CELLS = 24
_WIDTHS = (_CELLS, 17, -7, -7, -8, 11)


def _row(state: State, now: datetime, over: timedelta) -> RenderableType:
    coverage = state.coverage
    row = screen.columns(*_WIDTHS)
    row.add_row(
        timeline(coverage, Window(now - over, now)),
        f"{coverage.until:%Y-%m-%d %H:%M}" if coverage.until else "never",
        screen.length(now - coverage.until) if coverage.until else "",
        Text(screen.length(gap_length(coverage)), "red") if coverage.gaps else "",
        screen.count(pending(state), "yellow"),
        screen.verdict(state.last.verdict) if state.last else Text("not run yet", "dim"),
    )
    return row


def timeline(coverage: Coverage, window: Window, cells: int = _CELLS) -> Text:
    """Draw the window as a bar, a mark a cell: a cell is as bad as the worst in it."""
    bar = Text()
    step = window.length / cells
    for number in range(cells):
        cell = Window(window.start + number * step, window.start + (number + 1) * step)
        mark, style = _MARKS[_worst(coverage, cell)]
        bar.append(mark, style)
    return bar


def legend() -> Text:
    """Explain the timeline's marks."""
    text = Text()
    for name, meaning in (
        ("covered", "searched"),
        ("waiting", "waits behind the cap"),
        ("gap", "given up"),
        ("open", "not searched"),
    ):
        mark, style = _MARKS[name]
        text.append(mark, style).append(f" {meaning}   ", "dim")
    return text


def as_json(rule: Rule, state: State, now: datetime) -> dict[str, Any]:
    """Return a rule's coverage as plain JSON values."""
    coverage, last = state.coverage, state.last
    return {
        "rule_id": rule.rule_id,
        "rule_name": rule.name,
        "query_hash": coverage.query_hash,
        "query_changed": changed(rule, state),
        "since": coverage.since and coverage.since.isoformat(),
        "covered_until": coverage.until and coverage.until.isoformat(),
        "lag_seconds": (now - coverage.until).total_seconds() if coverage.until else None,
        "covered": [_range(window) for window in coverage.covered],
        "gaps": [_range(window) for window in coverage.gaps],
        "gap_seconds": gap_length(coverage).total_seconds(),
        "backlog": [_waiting(cut) for cut in state.backlog],
        "backlog_pending": pending(state),
        "swept_until": state.swept and state.swept.until.isoformat(),
        "sweep_lag_seconds": state.sweep_lag.total_seconds() if state.swept else None,
        "last_verdict": str(last.verdict) if last else None,
        "last_started": last.started.isoformat() if last else None,
    }


def changed(rule: Rule, state: State) -> bool:
    """Tell whether what is known is of another query than the rule has now."""
    return state.coverage.since is not None and state.coverage.query_hash != rule.query_hash


def gap_length(coverage: Coverage) -> timedelta:
    """Return the length of all ranges given up."""
    return sum((gap.length for gap in coverage.gaps), timedelta(0))


def pending(state: State) -> int:
    """Return how many matches were seen beyond the cap and wait."""
    return sum(cut.pending for cut in state.backlog)


def _worst(coverage: Coverage, cell: Window) -> str:
    if any(gap.overlaps(cell) for gap in coverage.gaps):
        return "gap"
    if any(cut.window.overlaps(cell) for cut in coverage.backlog):
        return "waiting"
    return "covered" if any(window.overlaps(cell) for window in coverage.covered) else "open"


def _waiting(cut: Backlog) -> dict[str, Any]:
    told = {**_range(cut.window), "after": cut.after.isoformat(), "pending": cut.pending}
    return told if cut.ingested is None else {**told, "ingested": _range(cut.ingested)}


def _range(window: Window) -> dict[str, str]:
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}
