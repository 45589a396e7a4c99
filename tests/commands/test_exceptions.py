"""`eql-runner exceptions`: what is excepted and of what use it is, with a cluster and without."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from runner.app import exceptions as accounting
from runner.cli import main
from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.elastic.exception_hits import exception_hits
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.execution.executor import Executor
from runner.offline.memory import MemorySink
from runner.query.entries import Entry, EntryType, Exclusion
from runner.rules.exceptions import ExceptionItem
from tests.contracts.conftest import index_events
from tests.elastic.conftest import client_of
from tests.made import event, minute, rule
from tests.rules.rule_text import RULE, written
from tests.served import Served

ITEMS = """\
[[exception]]
name = "Backups"
item_id = "backups"
rules = ["evil"]
owner = "ops@example.com"
reason = "OPS-12: the nightly dump"
expires = 2999-12-31
os_types = ["linux"]
entries = [
  { field = "host.name", type = "match_any", value = ["db-01", "db-02"] },
  { field = "user.name", type = "wildcard", operator = "excluded", value = "adm*" },
]

[[exception]]
name = "Scanner"
item_id = "scanner"
all_rules = true
owner = "sec@example.com"
reason = "OPS-13"
expires = 2020-01-01
entries = [{ field = "source.ip", type = "match", value = "10.0.0.5" }]
"""
NOBODY = "http://127.0.0.1:9"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command over one rule and two exceptions, with a cluster that is away unless set otherwise."""
    written(tmp_path, RULE)
    (tmp_path / "exceptions").mkdir()
    written(tmp_path / "exceptions", ITEMS, "site.toml")
    monkeypatch.setenv("RUNNER_RULES_PATH", str(tmp_path))
    monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", NOBODY)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["exceptions", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_exceptions_are_listed_with_what_they_say_even_without_a_cluster(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    for text in (
        "Backups  in force until 2999-12-31",
        "host.name is one of db-01, db-02 and user.name is not like adm*, on linux",
        "ops@example.com: OPS-12: the nightly dump",
        "for Evil",
        "Scanner  expired on 2020-01-01",
        "hits are not known",
        "2 exceptions, 1 expired",
    ):
        assert text in out


def test_a_cluster_that_does_not_answer_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.ended.wait(30)

    monkeypatch.setattr(accounting, "_PATIENCE", timedelta(seconds=0.2))
    begun = time.monotonic()
    with Served(Silent) as server:
        monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", server.url)
        code, out, _ = run()
        assert (code, "hits are not known" in out) == (0, True)
        assert time.monotonic() - begun < 10


def test_what_is_to_be_cleared_away_is_listed_alone(run: Run) -> None:
    code, out, _ = run("--unused")
    assert code == 1
    assert "Scanner" in out
    assert "Backups" not in out


def test_the_list_can_be_had_as_json(run: Run) -> None:
    code, out, _ = run("--json")
    told = json.loads(out)
    assert code == 0
    assert told["issues"] == []
    assert [(one["item_id"], one["rules"], one["expired"], one["hits"]) for one in told["exceptions"]] == [
        ("backups", ["evil"], False, None),
        ("scanner", ["evil"], True, None),
    ]


def test_errors_in_the_files_are_told(run: Run, tmp_path: Path) -> None:
    written(tmp_path / "exceptions", ITEMS.replace("2020-01-01", '"never"'), "site.toml")
    code, out, _ = run()
    assert code == 1
    assert "1 error in the files of exceptions: `eql-runner validate` shows each" in out


def test_without_exceptions_it_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "exceptions" / "site.toml").unlink()
    assert run() == (0, "there are no exceptions; docs/exceptions.md shows how to write one\n", "")


@pytest.mark.live
def test_hits_come_from_the_history_of_executions(
    run: Run, node: Elasticsearch, elasticsearch_url: str, index_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(f"{index_prefix}-alerts", f"{index_prefix}-executions", f"{index_prefix}-state")
    client = client_of(elasticsearch_url)
    install(client, names)
    index_events(node, index_prefix, [event(-n, id=str(n), host={"name": f"db-0{n}"}) for n in range(1, 5)])
    items = tuple(
        ExceptionItem(Exclusion(item_id, (Entry("host.name", kind, values),)), item_id, "site")
        for item_id, kind, values in (
            ("backups", EntryType.MATCH_ANY, ("db-01", "db-02")),
            ("scanner", EntryType.WILDCARD, ("*-02",)),
            ("other", EntryType.MATCH, ("none",)),
        )
    )
    of = rule(index=(f"{index_prefix}-logs-*",), exceptions=items)
    executor = Executor(
        DslSearch(client, Capabilities(client)), MemorySink(), StateIndex(client, names.state, names.executions)
    )
    for at in (0, 1):
        (execution,) = executor.run(of, minute(at))
        assert (execution.matched, dict(execution.excepted)) == (2, {"backups": 2, "scanner": 1})
    node.indices.refresh(index=names.executions)

    hits = exception_hits(client, names.executions, minute(-60))
    client.close()
    monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", elasticsearch_url)
    monkeypatch.setenv("RUNNER_EXECUTIONS_INDEX", names.executions)
    code, out, _ = run("--over", f"{timedelta(days=36500).days}d")

    assert {item: (one.count, one.last) for item, one in hits.items()} == {
        "backups": (4, minute(1)),
        "scanner": (2, minute(1)),
    }
    assert "took 4 events away" in out
    assert "last at 2026-01-01 12:01:00" in out
    assert code == 0
