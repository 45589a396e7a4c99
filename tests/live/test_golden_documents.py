"""The golden alert documents, under our own templates, on a real node."""

import json
from pathlib import Path

import pytest

from runner.elastic.alert_index import AlertIndex
from runner.elastic.setup import Names, install
from runner.execution.model import Alert
from tests.contracts.conftest import live_client

pytestmark = pytest.mark.live

GOLDEN = sorted((Path(__file__).parents[1] / "execution" / "golden").glob("*.json"))


@pytest.fixture
def alerts_index(elasticsearch_url, index_prefix):
    client = live_client(elasticsearch_url)
    install(client, Names(f"{index_prefix}-alerts", f"{index_prefix}-executions", f"{index_prefix}-state"))
    yield f"{index_prefix}-alerts"
    client.close()


def golden(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    for document in found if isinstance(found, list) else [found]:
        yield Alert(document["_id"], {key: value for key, value in document.items() if key != "_id"})


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_node_takes_it_as_it_is_and_can_search_it(path, elasticsearch_url, node, alerts_index):
    alerts = list(golden(path))
    client = live_client(elasticsearch_url)

    written = AlertIndex(client, alerts_index).write(alerts)
    client.close()

    assert sorted(written.created) == sorted(alert.id for alert in alerts)
    for alert in alerts:
        stored = node.get(index=f"{alerts_index}-000001", id=alert.id)
        assert stored["_source"] == alert.document, "it was stored in a form that sets the event aside"
        assert "_ignored" not in stored, f"fields of the wrong type: {stored.get('_ignored')}"
    by_rule = {
        "terms": {"kibana.alert.rule.name": sorted({alert.document["kibana.alert.rule.name"] for alert in alerts})}
    }
    assert node.count(index=alerts_index, query=by_rule)["count"] == len(alerts)
