"""The standard streams, where one of them is closed (`>&-`) or cannot be written (`>/dev/full`, a reader that has gone)."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


class Unwritten(Exception):
    """A stream cannot be written. `unread`: whoever read it has gone."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"{name} cannot be written: {error.strerror}")
        self.unread = isinstance(error, BrokenPipeError)


def plug() -> None:
    """Let what is closed be empty, or swallow what it is given; Python has None in its place."""
    for name in _MODES:
        if getattr(sys, name) is None:
            _swallow(name)


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Write all that a stream is given in the block, and has been given before. Raises Unwritten, once for a stream."""
    try:
        yield
        getattr(sys, name).flush()
    except OSError as error:
        _swallow(name)  # else the interpreter would try again at its end, and tell of that
        raise Unwritten(name, error) from error


def _swallow(name: str) -> None:
    stream = Path(os.devnull).open(_MODES[name], encoding="utf-8")  # noqa: SIM115  # it stays as long as the process
    setattr(sys, name, stream)
