"""Files that commands write for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import OperatorError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make a failure to write the file an OperatorError that names it."""
    try:
        yield
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}", "Name another file.") from error
