"""The client over the real node, straight and through a proxy in which things go wrong."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.client import Client, Patience
from runner.elastic.setup import Names, install
from tests.elastic.forwarding import Forwarding


def client_of(url: str, deadline: timedelta = timedelta(seconds=10), request_timeout: float = 30) -> Client:
    """A client that waits little between attempts."""
    elasticsearch = Elasticsearch(url, max_retries=0, request_timeout=request_timeout)
    return Client(elasticsearch, url, patience=Patience(deadline, first=0.01, longest=0.05))


@pytest.fixture
def client(elasticsearch_url: str) -> Iterator[Client]:
    made = client_of(elasticsearch_url)
    yield made
    made.close()


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[Forwarding]:
    with Forwarding(elasticsearch_url) as running:
        yield running


@pytest.fixture
def proxied(proxy: Forwarding) -> Iterator[Client]:
    """A client whose requests go through the proxy."""
    made = client_of(proxy.url)
    yield made
    made.close()


@pytest.fixture
def names(client: Client, index_prefix: str) -> Names:
    """Indices of our own, made."""
    made = Names(f"{index_prefix}-alerts", f"{index_prefix}-executions", f"{index_prefix}-state")
    install(client, made)
    return made
