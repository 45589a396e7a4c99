"""Alerts are read back whole, oldest first, whatever the size of a page."""

from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.alert_index import AlertIndex
from runner.elastic.alert_reader import read_alerts
from runner.elastic.client import Client
from runner.elastic.setup import Names, install
from runner.execution.model import Alert
from runner.settings import Settings
from tests.made import NOON, iso, minute

pytestmark = pytest.mark.live


@pytest.mark.parametrize("page", [1, 2, 5, 100])
def test_alerts_are_read_page_by_page(
    elasticsearch_url: str, node: Elasticsearch, index_prefix: str, page: int
) -> None:
    settings = Settings(
        elasticsearch_url=(elasticsearch_url,),
        alerts_index=index_prefix,
        executions_index=f"{index_prefix}-executions",
        state_index=f"{index_prefix}-state",
        suppressed_index=f"{index_prefix}-suppressed",
        retry_deadline=timedelta(seconds=5),
    )
    client = Client.connect(settings)
    list(install(client, Names.of(settings)))
    # Three share an instant, so that a page may end among them.
    alerts = [
        Alert(f"a{number}", {"@timestamp": iso(minute(at)), "kibana.alert.uuid": f"a{number}", "host": {"name": "h"}})
        for number, at in enumerate([-1, 0, 2, 2, 2, 4])
    ]
    AlertIndex(client, index_prefix).write(alerts[::-1])
    node.indices.refresh(index=index_prefix)
    found = list(read_alerts(client, index_prefix, NOON, page=page))
    assert found == [{"_id": alert.id, **alert.document} for alert in alerts[1:]]
    client.close()
