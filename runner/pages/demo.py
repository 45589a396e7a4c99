"""The demo: the alerts of a simulated hour, the executions that found them, and the proof that none is missing."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.execution.model import Alert, Coverage, Document, RunType, Verdict
from runner.offline.demo import Demo
from runner.pages import coverage, executions, screen
from runner.schedule.windows import Window
from runner.wording import plural

_SHOWN = 12  # alerts; the file holds all


def page(demo: Demo, written_to: Path) -> RenderableType:
    """Show what was played, the alerts, the executions, the coverage, the proof, and what to do next."""
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


def _introduction(demo: Demo) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("Rule", Text(", ".join(rule.name for rule, _ in demo.coverage), "bold"))
    facts.add_row(
        "Events",
        f"{demo.events:,} in an hour: {len(demo.expected)} match, {demo.near_misses} miss by a single clause, "
        f"{demo.late} come in more than 30 seconds late",
    )
    facts.add_row(
        "Trouble",
        f"{screen.length(demo.downtime.length)} of downtime, and a burst of more matches than an execution may alert",
    )
    words = (
        "A simulated hour: the timetable, planner, matcher and executor that run in production, over events, alerts "
        "and a ledger in memory. Nothing is sent anywhere."
    )
    return Group(words, "", facts)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold")


_WIDTHS = (8, 8, 11, 10)  # what is left is the command line's


def _alerts(alerts: Sequence[Alert]) -> RenderableType:
    table = screen.columns(*_WIDTHS)
    table.expand = True
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_row("Time", "Severity", "Host", "User", "Command line", style="dim")
    for alert in alerts:
        document = alert.document
        table.add_row(
            str(document["kibana.alert.original_time"])[11:19],
            screen.severity(str(document["kibana.alert.severity"])),
            _field(document, "host", "name"),
            _field(document, "user", "name"),
            _field(document, "process", "command_line"),
        )
    return table


def _field(document: Document, group: str, name: str) -> str:
    found = document.get(group)
    return screen.safe(str(found.get(name, ""))) if isinstance(found, Mapping) else ""


def _coverage(demo: Demo) -> RenderableType:
    bars = [_bar(known) for _, known in demo.coverage]
    return Group(*bars, Text("  ").append_text(coverage.legend()))


def _bar(known: Coverage) -> Text:
    if known.since is None or known.until is None:
        return Text("  nothing searched")
    whole = Window(known.since, known.until)
    return Text.assemble(
        "  ", coverage.timeline(known, whole, cells=60), f"  {whole.start:%H:%M} to {whole.end:%H:%M} UTC"
    )


def _proof(demo: Demo) -> Iterator[Text]:
    events = plural(len(demo.expected), "event matches", "events match")
    alerted = plural(len(set(demo.found)), "has", "have")
    yield _line(not demo.missed, f"{events}, {alerted} an alert")
    yield _line(not demo.repeated, "no event has two alerts" if not demo.repeated else f"{demo.repeated} repeated")
    overlap = sum(execution.duplicates for execution in demo.executions)
    yield _line(
        ok=True,
        text=f"{plural(overlap, 'match was', 'matches were')} met again in overlapping windows, and alerted only once",
    )
    cut = [execution for execution in demo.executions if execution.verdict is Verdict.TRUNCATED]
    if cut:
        text = f"the cap of alerts cut {plural(len(cut), 'execution')}; the rest came with the next ones"
        yield _line(ok=True, text=text)
    caught_up = sum(execution.run_type is RunType.CATCH_UP for execution in demo.executions)
    yield _line(ok=True, text=f"what the downtime missed was searched in {plural(caught_up, 'catch-up execution')}")


def _line(ok: bool, text: str) -> Text:  # noqa: FBT001  # reads well at every call
    return Text.assemble(("  ✓ " if ok else "  ✗ ", "green" if ok else "bold red"), text)
