"""The report in a real browser: a page, opened at an address, as the DOM that its script made."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.report.page import page
from scripts.chromium import chromium
from tests.report.alerts import MADE

OFFLINE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)

Opened = Callable[..., str]


@pytest.fixture(scope="session")
def browser() -> str:
    return chromium()


@pytest.fixture
def opened(browser: str, tmp_path: Path) -> Opened:
    """Write the report of the documents and return the DOM at an address such as `#q=shell`."""

    def dom(documents: Iterable[Mapping[str, Any]], address: str = "", *options: str) -> str:
        file = tmp_path / "report.html"
        file.write_text(page(documents, MADE), encoding="utf-8")
        return run(browser, tmp_path, "--dump-dom", *options, f"file://{file}{address}")

    return dom


def run(browser: str, folder: Path, *arguments: str) -> str:
    """Run the browser once, with a profile of its own, and return what it prints."""
    done = subprocess.run(
        [browser, *OFFLINE, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=4000", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
