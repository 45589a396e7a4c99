"""What tests share: the real Elasticsearch that `scripts/elasticsearch.py` starts, and names of one's own in it."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, settings

from runner.telemetry import logs

URL_VARIABLE = "RUNNER_TEST_ELASTICSEARCH_URL"

# A law holds however busy the machine is: speed is measured by `make bench`. What fails prints how to have it again.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("laws")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that needs the node and is not marked `live`: `make unit` would run it without one."""
    needy = [one for one in items if "elasticsearch_url" in getattr(one, "fixturenames", ())]
    if left := [one.nodeid for one in needy if one.get_closest_marker("live") is None]:
        raise pytest.UsageError(f"these tests need the real node, and are not marked `live`: {', '.join(left)}")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Logging is the whole process's: what a test sets up ends with it, whichever test comes next.

    `captureWarnings` most of all: pytest puts `warnings` back after each test, and `logging`, which believes itself
    still in charge, would not take them over again.
    """
    loggers = [logging.getLogger(), *map(logging.getLogger, logs.QUIET)]
    levels = [one.level for one in loggers]
    handlers = list(loggers[0].handlers)
    yield
    loggers[0].handlers = handlers
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """The URL of the real node; a live test without one fails and says how to get one."""
    url = os.environ.get(URL_VARIABLE, "")
    if not url:
        pytest.fail(f"{URL_VARIABLE} is not set; run `python scripts/elasticsearch.py run -- pytest`, or `make test`")
    return url


@pytest.fixture(scope="session")
def node(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    """The official client of the real node, to prepare and to look at what the product did."""
    with Elasticsearch(elasticsearch_url, request_timeout=60) as client:
        yield client


@pytest.fixture
def index_prefix(node: Elasticsearch) -> Iterator[str]:
    """A name that is this test's own; every index and template that starts with it is deleted afterwards."""
    with own_names(node) as prefix:
        yield prefix


@contextmanager
def own_names(node: Elasticsearch) -> Iterator[str]:
    """Give a name of one's own, and delete afterwards what starts with it."""
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    try:
        yield prefix
    finally:
        for name in node.indices.get(index=f"{prefix}*", expand_wildcards="all", features="aliases").body:
            node.indices.delete(index=name)
        for template in node.indices.get_index_template()["index_templates"]:
            if template["name"].startswith(prefix):
                node.indices.delete_index_template(name=template["name"])
        for template in node.cluster.get_component_template()["component_templates"]:
            if template["name"].startswith(prefix):
                node.cluster.delete_component_template(name=template["name"])
