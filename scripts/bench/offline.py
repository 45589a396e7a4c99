"""What needs no cluster: the matcher over NDJSON, and the loading of many rules."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from runner.offline.events import process_events
from runner.rules.loader import load, shipped_rules
from scripts.bench.estate import OWN_COMMAND_LINE, with_own_command_line
from scripts.bench.made_rules import write_rules
from scripts.bench.measuring import Need, Row, side_by_side

EVENTS = 60_000
RULES = 850

LOADING = """
import json, sys, time
begun = time.perf_counter()
from pathlib import Path
from runner.rules.loader import load
found = load([Path(sys.argv[1])])
seconds = time.perf_counter() - begun
# Not the resource usage: it counts what the parent process had before it became this one.
(kibibytes,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
issues = [issue.rendered() for issue in found.issues if issue.is_error]
print(json.dumps({"rules": len(found.rules), "issues": issues, "seconds": seconds, "mebibytes": kibibytes / 1024}))
"""


def rows() -> Iterator[Row]:
    """Measure and yield a row after another."""
    yield matcher()
    yield loading()


def matcher() -> Row:
    """Reading and matching lines of NDJSON, against reading them."""
    (rule,) = load([shipped_rules()]).rules
    end = datetime(2026, 1, 1, tzinfo=UTC)
    arrivals = process_events(EVENTS, end - timedelta(hours=1), end, matches=60, near_misses=1200)
    lines = [orjson.dumps(with_own_command_line(arrival)) for arrival in arrivals]
    matches = rule.program.matches
    read = orjson.loads

    def ours() -> None:
        found = 0
        for line in lines:
            if matches(read(line)):
                found += 1
        assert found == 60

    def parsing() -> None:
        for line in lines:
            read(line)

    timed = side_by_side(ours, parsing, rounds=9, warm_up=1.0)
    return Row(
        f"matcher over NDJSON, seed rule, {EVENTS:,} events, one in {OWN_COMMAND_LINE} with its own command line",
        "orjson parsing alone",
        f"{EVENTS / timed.ours:,.0f} events/s",
        f"{EVENTS / timed.other:,.0f} events/s",
        (Need(timed.other / timed.ours, 0.7, at_least=True),),
    )


def loading() -> Row:
    """A process that loads and compiles rules: its time, imports included, and the most memory that it had."""
    with tempfile.TemporaryDirectory() as folder:
        write_rules(Path(folder), RULES)
        told = [_loaded(folder) for _ in range(3)]
    seconds = sorted(one["seconds"] for one in told)[1]
    mebibytes = max(one["mebibytes"] for one in told)
    return Row(
        f"load and compile {RULES} rules, in a process of its own",
        "-",
        f"{seconds:.2f} s, {mebibytes:.0f} MiB",
        "-",
        (Need(seconds, 5, " s"), Need(mebibytes, 150, " MiB")),
    )


def _loaded(folder: str) -> dict[str, float]:
    command = [sys.executable, "-c", LOADING, folder]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["rules"] == RULES, told["issues"][:3]
    return dict(told)
