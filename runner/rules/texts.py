"""Files and their text: what cannot be read becomes an Issue."""

import os
from pathlib import Path

from runner.rules.issues import Code, Issue, IssueSeverity


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; one that may not be looked at counts as none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def files_below(folder: Path, issues: list[Issue], *, without: str = "") -> list[Path]:
    """Return the files below a folder, sorted, but for those in folders `without`; an issue more where none can be seen.

    Hidden ones are left out: Kubernetes mounts a ConfigMap as links into hidden folders, so that each file would be found
    three times.
    """

    def unseen(error: OSError) -> None:
        issues.append(unreadable(Path(error.filename), f"the folder cannot be read: {error.strerror}"))

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=unseen):
        folders[:] = [name for name in folders if not name.startswith(".") and name != without]  # where os.walk goes
        found += [Path(place) / name for name in names if not name.startswith(".")]
    return sorted(found)


def read_text(path: Path, issues: list[Issue]) -> str | None:
    """Return the text of a file; None where there is none, and an issue more."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        issues.append(unreadable(path, f"the file cannot be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        what = f"the file is not UTF-8: byte {error.start + 1}, line {line}"
        issues.append(unreadable(path, what, "save it as UTF-8"))
    else:
        if text.strip():
            return text
        issues.append(unreadable(path, "the file is empty"))
    return None


def unreadable(path: Path, message: str, hint: str = "") -> Issue:
    """Return the issue of a file as such."""
    return Issue(IssueSeverity.ERROR, Code.UNREADABLE, message, path, hint=hint)
