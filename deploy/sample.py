"""Index sample events of the last minutes into the cluster of the settings: most are ordinary, some the shipped rule finds.

Run in the runner's image by `docker compose --profile sample run --rm sample`, or by hand against a cluster to try out:

    python deploy/sample.py

They go to indices of their own, whose names end in `-sample` and match the rule's patterns. Running it again adds more.
"""

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runner.elastic.client import Client
from runner.elastic.failures import Action
from runner.errors import RunnerError
from runner.offline.events import INTEGRATIONS, Arrival, as_bulk_lines, process_events
from runner.settings import load_settings

EVENTS, MATCHES, NEAR_MISSES = 2000, 12, 60
SPAN = timedelta(minutes=8)  # a rule that starts now looks nine minutes back
AT_ONCE = 500
TEMPLATE = "eql-runner-sample"
STRINGS = {"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}}

_TEMPLATE = Action("write the template", "`manage_index_templates` on the cluster")
_EVENTS = Action("index sample events into", "`create_index` and `create_doc` on the sample indices")


def sample_name(index: str) -> str:
    """Return the sample's own name for an index: `auditbeat-8.19.8` → `auditbeat-sample`."""
    return f"{index.rpartition('-')[0]}-sample"


def index_sample(client: Client, now: datetime, naming: Callable[[str], str] = sample_name) -> int:
    """Index the sample and return how many events the shipped rule finds in it. Raises RunnerError."""
    names = sorted({naming(integration.index) for integration in INTEGRATIONS})
    template = {
        # Above Elastic's own `logs` template, which would make data streams of them.
        "priority": 1000,
        "index_patterns": names,
        "template": {"mappings": {"dynamic_templates": [STRINGS], "properties": {"@timestamp": {"type": "date"}}}},
    }
    client.ask(_TEMPLATE, TEMPLATE, lambda es: es.indices.put_index_template(name=TEMPLATE, **template))
    events = process_events(
        EVENTS, now - SPAN, now, matches=MATCHES, near_misses=NEAR_MISSES, seed=int(now.timestamp())
    )
    arrivals = [_renamed(arrival, naming) for arrival in events]
    for start in range(0, len(arrivals), AT_ONCE):
        lines = list(as_bulk_lines(iter(arrivals[start : start + AT_ONCE])))
        answer = client.ask(_EVENTS, "-sample", lambda es, lines=lines: es.bulk(operations=lines, refresh=True))
        if answer["errors"]:
            reasons = {item["create"]["error"]["reason"] for item in answer["items"] if "error" in item["create"]}
            raise RunnerError(f"some sample events were not taken: {'; '.join(sorted(reasons)[:3])}")
    return MATCHES


def _renamed(arrival: Arrival, naming: Callable[[str], str]) -> Arrival:
    return replace(arrival, event=replace(arrival.event, index=naming(arrival.event.index)))


def main() -> int:
    """Index the sample, and return the exit code."""
    try:
        with closing(Client.connect(load_settings())) as client:
            found = index_sample(client, datetime.now(UTC))
    except RunnerError as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 2
    sys.stdout.write(f"{EVENTS} events indexed; the shipped rule finds {found} of them within five minutes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
