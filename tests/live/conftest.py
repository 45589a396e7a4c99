"""The events that laws are tried on, indexed once."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from tests.live.indexed_events import Indexed, indexed_events


@pytest.fixture(scope="session")
def indexed(node: Elasticsearch) -> Iterator[Indexed]:
    """The events on the node; nobody changes them."""
    with indexed_events(node) as found:
        yield found
