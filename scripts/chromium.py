"""Find a Chromium or Chrome for the tests of the report, or install Debian's; print its path.

RUNNER_TEST_CHROMIUM names one; else what the PATH has; else, as root on Debian or Ubuntu, `apt-get install chromium`.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium"


class NoBrowser(Exception):
    """There is none, and none can be installed; the message says what to do."""


def chromium() -> str:
    """Return the path of the browser; installs it where that can be done. Raises NoBrowser."""
    if found := _found():
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser(f"no Chromium found: run `{INSTALL}` as root, or set RUNNER_TEST_CHROMIUM to its path")
    done = subprocess.run(
        ["sh", "-c", INSTALL],
        capture_output=True,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    if found := _found():
        return found
    raise NoBrowser(f"`{INSTALL}` failed ({done.returncode}): {done.stderr.strip()[-400:]}")


def _found() -> str | None:
    if named := os.environ.get("RUNNER_TEST_CHROMIUM"):
        if shutil.which(named):
            return named
        raise NoBrowser(f"RUNNER_TEST_CHROMIUM is `{named}`, which is no program: correct or unset it")
    return next((path for name in NAMES if (path := shutil.which(name))), None)


if __name__ == "__main__":
    try:
        print(chromium())
    except NoBrowser as error:
        sys.exit(str(error))
