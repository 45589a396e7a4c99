"""The node that the live tests run against."""

import pytest
from elasticsearch import Elasticsearch

pytestmark = pytest.mark.live


def test_the_node_takes_a_document_and_finds_it_again(node: Elasticsearch, index_prefix: str) -> None:
    node.index(index=index_prefix, id="1", document={"message": "hello"}, refresh=True)
    assert node.search(index=index_prefix)["hits"]["hits"][0]["_source"] == {"message": "hello"}
