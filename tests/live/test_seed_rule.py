"""The seed rule over 100,000 events on a real node: all matches, a hundred a run, none twice, also through kill -9."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from elasticsearch.helpers import parallel_bulk

from runner.offline.events import INTEGRATIONS, process_events
from tests.conftest import own_names

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

EVENTS = 100_000
MATCHES = 260
ABSENT = "endgame"  # one of the rule's six patterns has no index at all


class Estate:
    """The events of one test in indices of its own, and the runner as a process beside them."""

    def __init__(self, node, url, prefix):
        self.node, self.prefix = node, prefix
        patterns = ",".join(f"{prefix}-{integration.index.split('-')[0]}-*" for integration in INTEGRATIONS)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")},
            "RUNNER_ELASTICSEARCH_URL": url,
            "RUNNER_INDEX_OVERRIDE": patterns,
            "RUNNER_ALERTS_INDEX": f"{prefix}-alerts",
            "RUNNER_EXECUTIONS_INDEX": f"{prefix}-executions",
            "RUNNER_STATE_INDEX": f"{prefix}-state",
            "RUNNER_SUPPRESSED_INDEX": f"{prefix}-suppressed",
            "RUNNER_HTTP_PORT": "0",
            "RUNNER_LOG_FORMAT": "ecs",
        }
        self.expected = set()

    def fill(self):
        """Index the events of the last eight minutes."""
        now = datetime.now(UTC)
        # The runner asks for what is from nine minutes ago; the test may take some of them.
        arrivals = list(
            process_events(
                EVENTS, now - timedelta(minutes=6), now - timedelta(seconds=5), matches=MATCHES, near_misses=500
            )
        )
        kept = [arrival for arrival in arrivals if not arrival.event.index.startswith(ABSENT)]
        self.expected = {arrival.event.id for arrival in kept if arrival.kind == "match"}
        for index in {arrival.event.index for arrival in kept}:
            self._create(f"{self.prefix}-{index}")
        actions = (
            {"_index": f"{self.prefix}-{one.event.index}", "_id": one.event.id, "_source": one.event.source}
            for one in kept
        )
        assert all(taken for taken, _ in parallel_bulk(self.node, actions, chunk_size=2000))
        self.node.indices.refresh(index=f"{self.prefix}-*")

    def _create(self, index):
        strings = {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 8191}}
        dates = {"@timestamp": {"type": "date"}, "event": {"properties": {"ingested": {"type": "date"}}}}
        self.node.indices.create(
            index=index,
            settings={"number_of_replicas": 0},
            mappings={"properties": dates, "dynamic_templates": [{"strings": strings}]},
        )

    def command(self, *words):
        return [sys.executable, "-m", "runner", *words]

    def once(self):
        return subprocess.run(
            self.command("once"), env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )

    def alerted(self):
        """The ids of the events that have an alert, one an alert; none before the first run has made the index."""
        if not self.node.indices.exists_alias(name=f"{self.prefix}-alerts"):
            return []
        self.node.indices.refresh(index=f"{self.prefix}-alerts")
        hits = self.node.search(index=f"{self.prefix}-alerts", size=10_000, source=["kibana.alert.ancestors"])["hits"][
            "hits"
        ]
        return [hit["_source"]["kibana.alert.ancestors"][0]["id"] for hit in hits]


@pytest.fixture(scope="module")
def filled(node, elasticsearch_url):
    """Events indexed once for all tests of this file, which only read them."""
    with own_names(node) as prefix:
        estate = Estate(node, elasticsearch_url, prefix)
        estate.fill()
        yield estate


@pytest.fixture
def estate(filled, node):
    """The estate with no alert and no state."""
    for name in ("alerts", "executions", "state", "suppressed"):
        for index in node.indices.get(index=f"{filled.prefix}-{name}*", features="aliases").body:
            node.indices.delete(index=index)
    return filled


def test_all_matches_are_found_a_hundred_a_run_and_none_twice(estate):
    counts = []
    for _ in range(4):
        done = estate.once()
        counts.append(len(estate.alerted()))
        assert done.returncode in {0, 1}, done.stderr

    total = len(estate.expected)
    assert counts == [100, 200, total, total]
    assert set(estate.alerted()) == estate.expected
    assert done.returncode == 0


def test_a_runner_killed_in_between_loses_and_repeats_nothing(estate):
    deadline = time.monotonic() + 180
    killed = 0
    while set(estate.alerted()) != estate.expected:
        assert time.monotonic() < deadline, f"{len(estate.alerted())} of {len(estate.expected)} alerts"
        before = len(estate.alerted())
        with subprocess.Popen(estate.command("once"), env=estate.environ, stderr=subprocess.PIPE) as process:
            while process.poll() is None and time.monotonic() < deadline:
                # The first two are killed as soon as their alerts can be seen, before or while they record them.
                if killed < 2 and len(estate.alerted()) > before:
                    process.kill()
                    killed += 1
            process.stderr.read()

    assert killed == 2
    assert sorted(estate.alerted()) == sorted(estate.expected)
