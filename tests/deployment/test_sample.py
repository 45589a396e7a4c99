"""The sample events: in indices of their own that the shipped rule searches, and accepted by a real node."""

from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from runner.elastic.client import Client
from runner.offline.events import INTEGRATIONS
from runner.rules.loader import load, shipped_rules
from runner.settings import Settings

SPEC = spec_from_file_location("sample", Path(__file__).parents[2] / "deploy" / "sample.py")
sample = module_from_spec(SPEC)
SPEC.loader.exec_module(sample)


def test_the_samples_indices_are_their_own_and_searched_by_the_shipped_rule():
    names = {sample.sample_name(integration.index) for integration in INTEGRATIONS}
    patterns = [pattern for rule in load([shipped_rules()]).rules for pattern in rule.index]
    assert len(names) == len(INTEGRATIONS)
    assert all(name.endswith("-sample") for name in names)
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in names)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"RUNNER_WORKERS": "many"}, "RUNNER_WORKERS is `many`"),
        ({"RUNNER_ELASTICSEARCH_URL": "http://127.0.0.1:9", "RUNNER_RETRY_DEADLINE": "1s"}, "no connection"),
    ],
    ids=["a wrong setting", "no cluster"],
)
def test_what_cannot_run_ends_with_2_and_one_message_with_a_next_step(tmp_path, monkeypatch, capsys, environ, told):
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert sample.main() == 2
    message, hint, *rest = capsys.readouterr().err.splitlines()
    assert (told in message, bool(hint), rest) == (True, True, [])


@pytest.mark.live
def test_a_node_takes_the_sample(node, elasticsearch_url, index_prefix):
    client = Client.connect(Settings(elasticsearch_url=elasticsearch_url))
    try:
        matches = sample.index_sample(client, datetime.now(UTC), lambda name: f"{index_prefix}-{name}")
    finally:
        client.close()
        node.indices.delete_index_template(name=sample.TEMPLATE)
    assert node.count(index=f"{index_prefix}-*")["count"] == sample.EVENTS
    assert matches == sample.MATCHES
    types = node.indices.get_field_mapping(index=f"{index_prefix}-*", fields="process.name")
    assert {mapped["mappings"]["process.name"]["mapping"]["name"]["type"] for mapped in types.body.values()} == {
        "keyword"
    }
