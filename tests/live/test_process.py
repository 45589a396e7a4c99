"""`eql-runner run` as a process of its own: it runs rules on their intervals, says how it is, and ends on a signal."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.made import event
from tests.rules.rule_text import with_values, written

pytestmark = pytest.mark.live


def rule_id(number):
    return (
        "-".join(f"{number}" * length for length in (8, 4))
        + f"-4{number}{number}{number}-8{number}{number}{number}-"
        + f"{number}" * 12
    )


@pytest.fixture
def index(node, index_prefix):
    """An index of events."""
    name = f"{index_prefix}-events"
    keyword = {"match_mapping_type": "string", "mapping": {"type": "keyword"}}
    mappings = {"properties": {"@timestamp": {"type": "date"}}, "dynamic_templates": [{"strings": keyword}]}
    node.indices.create(index=name, mappings=mappings)
    return name


@pytest.fixture
def start(tmp_path, index_prefix, index):
    """Start the service on a free port against a URL; it is killed at the end if it still runs."""
    started = []

    def start(url, rules=1, place="one"):
        folder = tmp_path / "rules"
        folder.mkdir(exist_ok=True)
        for number in range(2, 2 + rules):
            name = f"Evil {number} Process"
            text = with_values(rule_id=rule_id(number), name=name, index=[index], interval="1s")
            written(folder, text, f"rule{number}.toml")
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
        environ |= {
            "RUNNER_ELASTICSEARCH_URL": url,
            "RUNNER_RULES_PATH": str(folder),
            "RUNNER_ALERTS_INDEX": f"{index_prefix}-alerts",
            "RUNNER_EXECUTIONS_INDEX": f"{index_prefix}-executions",
            "RUNNER_STATE_INDEX": f"{index_prefix}-state",
            "RUNNER_SUPPRESSED_INDEX": f"{index_prefix}-suppressed",
            "RUNNER_HTTP_PORT": str(port),
            "RUNNER_LOG_FORMAT": "ecs",
        }
        log = (tmp_path / f"{place}.log").open("w+")
        process = subprocess.Popen([sys.executable, "-m", "runner", "run"], env=environ, stderr=log, cwd=tmp_path)
        started.append((process, log))
        return process, port, tmp_path / f"{place}.log"

    yield start
    for process, log in started:
        process.kill()
        process.wait()
        log.close()


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def index_evil(node, index, count):
    for number in range(count):
        instant = datetime.now(UTC) - timedelta(seconds=number)
        node.index(index=index, document={**event(0).source, "@timestamp": instant.isoformat(timespec="milliseconds")})
    node.indices.refresh(index=index)


def executed(log):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        line["eql_runner"]["execution"] for line in lines if line.get("event", {}).get("action") == "rule-execution"
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_runs_every_interval_alerts_once_and_ends_cleanly(
    start, node, elasticsearch_url, index, index_prefix, number
):
    index_evil(node, index, 3)
    process, port, log = start(elasticsearch_url)
    until(lambda: get(port, "/readyz")[0] == 200)
    until(lambda: len(executed(log)) >= 2)
    index_evil(node, index, 2)
    until(lambda: sum(one["created"] for one in executed(log)) == 5)
    seen = len(executed(log))
    until(lambda: len(executed(log)) >= seen + 2)
    assert {one["verdict"] for one in executed(log)} == {"complete"}
    assert 'runner_alerts_created_total{rule_id="22222222-2222-4222-8222-222222222222"} 5.0' in get(port, "/metrics")[1]

    process.send_signal(number)
    assert process.wait(15) == 0
    assert json.loads(log.read_text().splitlines()[-1])["message"] == "stopped"
    node.indices.refresh(index=f"{index_prefix}-alerts")
    assert node.count(index=f"{index_prefix}-alerts")["count"] == 5


def test_without_a_cluster_it_lives_waits_and_says_so(start):
    process, port, log = start("http://127.0.0.1:9")
    until(lambda: "no connection" in get(port, "/readyz")[1])
    assert get(port, "/readyz")[0] == 503
    assert get(port, "/healthz")[0] == 200
    assert "waiting for Elasticsearch" in log.read_text()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_killed_and_started_again_it_repeats_nothing(start, node, elasticsearch_url, index, index_prefix):
    index_evil(node, index, 3)
    process, _, log = start(elasticsearch_url)
    until(lambda: sum(one["created"] for one in executed(log)) == 3)
    process.kill()
    process.wait()
    index_evil(node, index, 1)
    _, _, log = start(elasticsearch_url)
    until(lambda: sum(one["created"] for one in executed(log)) == 1)
    node.indices.refresh(index=f"{index_prefix}-alerts")
    assert node.count(index=f"{index_prefix}-alerts")["count"] == 4


def history(node, index_prefix):
    """Every execution in the executions index: rule, start, end, and its count of alerts."""
    node.indices.refresh(index=f"{index_prefix}-executions")
    found = node.search(index=f"{index_prefix}-executions", size=10_000, sort=["@timestamp"])["hits"]["hits"]
    return [
        (
            hit["_source"]["rule.id"],
            datetime.fromisoformat(hit["_source"]["event.start"]),
            datetime.fromisoformat(hit["_source"]["event.end"]),
        )
        for hit in found
    ]


def test_two_runners_share_the_rules_and_one_that_is_killed_is_replaced(
    start, node, elasticsearch_url, index, index_prefix
):
    every = {rule_id(number) for number in range(2, 8)}
    index_evil(node, index, 2)
    one, _, one_log = start(elasticsearch_url, rules=6, place="one")
    until(lambda: len(executed(one_log)) >= 6)
    _, _, other_log = start(elasticsearch_url, rules=6, place="other")
    until(lambda: executed(other_log) and "runners that share the rules" in one_log.read_text(), 60)
    until(lambda: len(ids_of(other_log)) >= 1 and len(executed(other_log)) >= 6)

    one.kill()
    one.wait()
    index_evil(node, index, 1)
    before = len(executed(other_log))
    until(lambda: ids_of(other_log, before) == every, 20)
    until(lambda: alerts(node, index_prefix) == 3 * 6)

    by_rule = {}
    for rule, begun, ended in history(node, index_prefix):
        by_rule.setdefault(rule, []).append((begun, ended))
    assert by_rule.keys() == every
    overlapping = [
        (rule, earlier, later)
        for rule, spans in by_rule.items()
        for earlier, later in pairwise(sorted(spans))
        if later[0] < earlier[1]
    ]
    assert overlapping == []
    seen = len(executed(other_log))
    until(lambda: len(executed(other_log)) >= seen + 6)
    assert alerts(node, index_prefix) == 3 * 6


def ids_of(log, since=0):
    """The rules whose executions the log tells of."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [line["rule"]["id"] for line in lines if line.get("event", {}).get("action") == "rule-execution"]
    return set(told[since:])


def alerts(node, index_prefix):
    node.indices.refresh(index=f"{index_prefix}-alerts")
    return node.count(index=f"{index_prefix}-alerts")["count"]


def test_an_edited_rule_is_taken_by_itself_and_a_broken_one_is_not(start, node, elasticsearch_url, index, tmp_path):
    _, port, log = start(elasticsearch_url)
    until(lambda: executed(log))
    file = tmp_path / "rules" / "rule2.toml"
    first, text = loaded(port), file.read_text()

    file.write_text(text.replace("process where", "process wher"))
    until(lambda: "not taken" in log.read_text())
    assert loaded(port) == first

    file.write_text(text.replace("evil", "good"))
    until(lambda: loaded(port) != first)
    index_evil(node, index, 1)
    seen = len(executed(log))
    until(lambda: len(executed(log)) >= seen + 2)
    assert sum(one["created"] for one in executed(log)) == 0


def loaded(port):
    """The hash of the rules that run, as the metrics tell it."""
    return re.findall(r'runner_ruleset_info{hash="(\w+)"}', get(port, "/metrics")[1])
