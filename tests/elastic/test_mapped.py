"""Rules are checked against the fields of a live cluster."""

import json
import subprocess
import sys

import pytest

from tests.rules.rule_text import RULE, written

pytestmark = pytest.mark.live


@pytest.mark.parametrize("form", ["--json", "--sarif"])
def test_validate_looks_fields_types_and_indices_up_in_the_cluster(
    tmp_path, node, elasticsearch_url, index_prefix, form
):
    names = {"name": {"type": "keyword"}, "pid": {"type": "long"}}
    properties = {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "process": {"properties": names},
    }
    node.indices.create(index=f"{index_prefix}-events", mappings={"properties": properties})
    path = written(tmp_path, RULE.replace('== "evil"', '== "a" and process.pid : "4*" and process.nam == "b"'))
    environ = {
        "RUNNER_ELASTICSEARCH_URL": elasticsearch_url,
        "RUNNER_INDEX_OVERRIDE": f"{index_prefix}-events*,{index_prefix}-none*",
    }
    command = [sys.executable, "-m", "runner", "validate", str(path), "--cluster", form]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    if form == "--json":
        issues = [(one["severity"], one["line"], one["column"], one["message"]) for one in told["issues"]]
    else:
        issues = [one["message"]["text"] for one in told["runs"][0]["results"]]
    said = "\n".join(map(str, issues))
    assert f"no index matches {index_prefix}-none*" in said
    assert "`process.nam` is mapped in none of" in said
    assert "`:` compares strings, this is" in said
