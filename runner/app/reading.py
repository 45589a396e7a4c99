"""Alerts for people: their workflow, the report, the demo, the tests of rules."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from runner.app.files import writing
from runner.app.process import now, settings
from runner.app.rulesets import rule_paths
from runner.elastic.alert_search import AlertSearch
from runner.elastic.client import Client
from runner.elastic.workflow import Workflow
from runner.execution.model import Document
from runner.offline import demo, rule_tests
from runner.offline.files import write_ndjson
from runner.offline.junit import junit
from runner.report.page import page as html_page
from runner.report.source import read_ndjson, since
from runner.rules.loader import RuleSet, load, shipped_rules
from runner.settings import Settings


@contextmanager
def workflow(found: Settings) -> Iterator[Workflow]:
    """Give access to the alerts and their workflow."""
    client = Client.connect(found)
    try:
        yield Workflow(client, found.alerts_index)
    finally:
        client.close()


def test(paths: Sequence[Path]) -> tuple[RuleSet, rule_tests.Report]:
    """Run the tests that lie beside the rules."""
    ruleset = load(paths or rule_paths(settings()))
    return ruleset, rule_tests.run(ruleset.rules)


def write_junit(path: Path, report: rule_tests.Report) -> None:
    """Write the results of tests as JUnit XML. Raises OperatorError when the file cannot be written."""
    with writing(path):
        path.write_text(junit(report), encoding="utf-8")


def report(files: Sequence[Path], output: Path, past: timedelta | None) -> int:
    """Write one HTML page of alerts; return how many there are. Raises RunnerError.

    They come from the NDJSON files, else from the alerts index; those made within `past` (None: all of the files', and
    a day of the index's).
    """
    at = now()
    if files:
        documents = [document for file in files for document in read_ndjson(file)]
        documents = documents if past is None else list(since(documents, at - past))
        origin = ", ".join(file.name for file in files)
    else:
        found = settings()
        documents = _alerts(found, at - (past or timedelta(days=1)))
        origin = found.alerts_index
    with writing(output):
        output.write_text(html_page(documents, at, origin=origin), encoding="utf-8")
    return len(documents)


def _alerts(found: Settings, start: datetime) -> list[Document]:
    client = Client.connect(found)
    try:
        return list(AlertSearch(client, found.alerts_index).since(start))
    finally:
        client.close()


def play(output: Path) -> demo.Demo:
    """Play the demo with the shipped rules, and write its alerts."""
    played = demo.run(load([shipped_rules()]).rules, now())
    write_ndjson(output, played.alerts)
    return played
