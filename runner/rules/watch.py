"""Notice that rule files have changed.

The system tells of changes at once where it can; besides, the files are looked at every few seconds. Looking sees what
the system does not tell: a link on the way to the folder that now leads elsewhere, a file system over the network.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from watchfiles import watch as changes

from runner.rules.texts import is_folder

LOOK_EVERY = 5.0  # seconds

_LULL = 300  # milliseconds without a change until a copy counts as ended
_LONGEST_COPY = 5000  # milliseconds after which it counts as ended all the same

Stamp = tuple[str, int, int, int]
"""A file's path, inode, size and time of change (nanoseconds)."""


def watch(
    path: Path, seen: frozenset[Stamp], stop: Event, changed: Callable[[], None], *, look_every: float = LOOK_EVERY
) -> None:
    """Call `changed` after each change of a file at or below the path, until `stop` is set.

    `seen` are the stamps from before the files were read, so that what changes in between is a change too.
    """
    while not stop.is_set():
        for _ in _moments(path, stop, look_every):
            now = stamps(path)
            if now != seen:
                seen = now
                changed()
                break  # and watch anew: the path may lead elsewhere now


def stamps(path: Path) -> frozenset[Stamp]:
    """Return what tells one state of the files from another; links are followed, so that new targets are changes."""
    return frozenset(_stamps(path))


def _stamps(path: Path) -> Iterator[Stamp]:
    for file in _files(path):
        try:
            about = os.stat(file)  # noqa: PTH116  # thousands of files, every few seconds
        except OSError:  # it has just gone, or may not be looked at: the loader says so
            continue
        yield file, about.st_ino, about.st_size, about.st_mtime_ns


def _files(path: Path) -> Iterator[str]:
    if not is_folder(path):
        yield str(path)
    for folder, folders, names in os.walk(path):
        # Kubernetes keeps the files of a ConfigMap in hidden folders, and links to them.
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(folder, name) for name in names)  # noqa: PTH118  # as above


def _moments(path: Path, stop: Event, look_every: float) -> Iterator[None]:
    """Yield whenever it is time to look: the system tells of a change, or some seconds have passed."""
    try:
        for _ in changes(
            path,
            watch_filter=None,
            debounce=_LONGEST_COPY,
            step=_LULL,
            stop_event=stop,
            rust_timeout=round(look_every * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        ):
            yield
    except (OSError, RuntimeError):  # nothing there, or no more watches to be had: looking is enough
        stop.wait(look_every)
        yield
