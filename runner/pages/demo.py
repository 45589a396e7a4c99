"""The demo: the alerts of a simulated hour, the executions that found them, and the proof that none is missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from runner.execution.model import Alert, Coverage, RunType, Verdict
from runner.offline.demo import Demo
from runner.pages import coverage, executions, screen
from runner.schedule.windows import Window

_SHOWN = 10  # alerts; the file holds all


def page(demo: Demo, written_to: Path) -> RenderableType:
    """Show the demo from top to bottom: what was played, the alerts, the executions, the coverage, the proof."""
    return Group(
        _introduction(demo),
        _heading(f"Alerts (the last {_SHOWN} of {len(demo.alerts)})"),
        _alerts(demo.alerts[-_SHOWN:]),
        _heading("Executions"),
        executions.rows(demo.executions, named=len(demo.coverage) > 1),
        _heading("Coverage"),
        _coverage(demo),
        _heading("Proof"),
        Group(*_proof(demo)),
        Text.assemble(
            ("\nEvery alert, as it would be indexed: ", "dim"),
            f"{written_to}\n",
            ("The same as a page for a browser:    ", "dim"),
            f"eql-runner report {written_to}",
        ),
    )


def _introduction(demo: Demo) -> Text:
    rules = ", ".join(rule.name for rule, _ in demo.coverage)
    return Text.assemble(
        "An hour of a small estate, played on a clock that does not wait: the real timetable, planner, matcher and\n"
        "executor; events, alerts and ledger in memory. No cluster is asked.\n\n",
        ("Rule     ", "dim"),
        (rules, "bold"),
        ("\nEvents   ", "dim"),
        f"{demo.events:,}, of which {len(demo.expected)} match, {demo.near_misses} share all clauses but one with a "
        f"match, and {demo.late} come in more than 30 s late",
        ("\nTrouble  ", "dim"),
        f"the runner is down for {screen.length(demo.downtime.length)}; a burst brings more matches than the cap of "
        "100 alerts a run lets through",
    )


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _alerts(alerts: Sequence[Alert]) -> RenderableType:
    table = screen.table("Event time (UTC)", "Severity", "Risk", "Reason", numbers=("Risk",), wrap=("Reason",))
    for alert in alerts:
        document = alert.document
        table.add_row(
            str(document["kibana.alert.original_time"])[11:19],
            screen.severity(str(document["kibana.alert.severity"])),
            str(document["kibana.alert.risk_score"]),
            screen.safe(str(document["kibana.alert.reason"])),
        )
    return table


def _coverage(demo: Demo) -> RenderableType:
    bars = [_bar(known) for _, known in demo.coverage]
    return Group(*bars, coverage.legend())


def _bar(known: Coverage) -> Text:
    if known.since is None or known.until is None:
        return Text("  nothing searched")
    whole = Window(known.since, known.until)
    return Text.assemble(
        "  ", coverage.timeline(known, whole, cells=60), f"  {whole.start:%H:%M} to {whole.end:%H:%M} UTC"
    )


def _proof(demo: Demo) -> Iterator[Text]:
    yield _line(not demo.missed, f"{len(demo.expected)} events match, {len(set(demo.found))} have an alert")
    yield _line(not demo.repeated, "no event has two alerts" if not demo.repeated else f"{demo.repeated} repeated")
    overlap = sum(execution.duplicates for execution in demo.executions)
    yield _line(ok=True, text=f"{overlap} matches were met again in overlapping windows, and alerted only once")
    cut = [execution for execution in demo.executions if execution.verdict is Verdict.TRUNCATED]
    yield _line(ok=True, text=f"the cap cut {screen.plural(len(cut), 'execution')}; the rest followed in the next runs")
    caught_up = sum(execution.run_type is RunType.CATCH_UP for execution in demo.executions)
    yield _line(
        ok=True, text=f"what the downtime missed was searched in {screen.plural(caught_up, 'catch-up execution')}"
    )


def _line(ok: bool, text: str) -> Text:  # noqa: FBT001  # reads well at every call
    return Text.assemble(("  ✓ " if ok else "  ✗ ", "green" if ok else "bold red"), text)
