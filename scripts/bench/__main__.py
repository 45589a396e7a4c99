"""Measure, print a table, and keep it in docs/benchmarks.md: `make bench`."""

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from elasticsearch import Elasticsearch

from scripts.bench import executions, offline
from scripts.bench.measuring import Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: written by `make bench` -->", "<!-- end -->"
HEADINGS = ("what", "against", "ours", "the other", "measured", "must reach", "")


def main() -> int:
    """Measure all; return 1 where something that must be reached is not."""
    url = os.environ.get("RUNNER_TEST_ELASTICSEARCH_URL", "")
    if not url:
        print("RUNNER_TEST_ELASTICSEARCH_URL is not set; `make bench` starts a node", file=sys.stderr)
        return 2
    rows = []
    for row in measured(url):
        rows.append(row)
        print(as_lines(row), flush=True)
    keep([machine(url), "", *table(rows)])
    print(f"kept in {PAGE}")
    return 0 if all(need.met for row in rows for need in row.needs) else 1


def measured(url: str) -> Iterator[Row]:
    """Yield each row as soon as it is measured."""
    yield from offline.rows()
    yield from executions.rows(url)


def machine(url: str) -> str:
    """Name the machine, in a sentence."""
    with Elasticsearch(url) as node:
        version = node.info()["version"]["number"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    return (
        f"Measured on {cores}, {memory:.0f} GiB of memory, {platform.system()}, Python {platform.python_version()}, "
        f"Elasticsearch {version} on the same machine."
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as a table of Markdown, a line for each thing that must be reached."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    for row in rows:
        first = (row.what, row.against, row.ours, row.other)
        for need in row.needs:
            lines.append(f"| {' | '.join((*first, str(need), need.target, _met(need.met)))} |")
            first = ("", "", "", "")
    return lines


def as_lines(row: Row) -> str:
    """Return a row as text for a terminal."""
    needs = (f"    {need!s:>14}  must be {need.target:12} {_met(need.met)}" for need in row.needs)
    return "\n".join([row.what, f"  {row.ours}  against  {row.other} ({row.against})", *needs, ""])


def keep(lines: Sequence[str]) -> None:
    """Put the lines where the page keeps them."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join([f"{before}{BEGIN}", "", *lines, "", f"{END}{after}"]), encoding="utf-8")


def _met(met: bool) -> str:  # noqa: FBT001  a word for a yes or no
    return "reached" if met else "**missed**"


if __name__ == "__main__":
    sys.exit(main())
