"""Files as text: what cannot be read becomes an Issue."""

from pathlib import Path

from runner.rules.issues import Code, Issue, IssueSeverity


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
