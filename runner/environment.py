"""The RUNNER_* names of our surroundings: the environment, a `.env` file, files with one value each, /run/secrets."""

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "RUNNER_"
FROM_FILES = ("api_key", "username", "password", "bearer_token", "kibana_api_key")  # may be given as RUNNER_…_FILE

# Names with our prefix that others set: our tests, the runners of GitHub and GitLab, and Kubernetes, which tells each
# pod of the services in its namespace (a service named `runner` or `runner-…`).
_FOREIGN = re.compile(
    r"RUNNER_(TEST_\w+"
    r"|OS|ARCH|NAME|ENVIRONMENT|TEMP|TOOL_CACHE|WORKSPACE|DEBUG|TRACKING_ID|USER|PERFLOG|CONTEXT"
    r"|TEMP_PROJECT_DIR|BUILDS_DIR|SCRIPT_TIMEOUT|AFTER_SCRIPT_TIMEOUT"
    r"|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?))"
)
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://\S+")  # the value of Kubernetes' RUNNER_PORT or RUNNER_…_PORT


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def variables(
    names: Sequence[str],
    environ: Mapping[str, str] | None = None,
    *,
    env_file: Path | None = None,
    secrets: Path | None = None,
) -> tuple[dict[str, str], list[str]]:
    """Return the values given for the settings `names`, and a line on each fault.

    The environment goes before the `.env` file, and that before the folder of secrets. Empty values do not count.
    """
    values: dict[str, str] = {}
    faults: list[str] = []
    for source in (
        _from_folder(names, secrets, faults),
        _from_files(_from_dotenv(env_file, faults), faults),
        _from_files(os.environ if environ is None else environ, faults),
    ):
        values |= source
    known = {variable(name): name for name in names}
    faults += [_unknown(name, known) for name in values if name not in known and not _is_foreign(name, values[name])]
    return {known[name]: value for name, value in values.items() if name in known}, faults


def secret(
    name: str,
    environ: Mapping[str, str] | None = None,
    *,
    env_file: Path | None = Path(".env"),
    secrets: Path | None = Path("/run/secrets"),
) -> str:
    """Return the value of a variable without our prefix, or what the file holds that `…_FILE` names; empty for none.

    Found as settings are: in the environment, the `.env` file, the folder of secrets. Raises ValueError, which names the
    variable and not its value.
    """
    faults: list[str] = []
    sources = (os.environ if environ is None else environ, _from_dotenv(env_file, faults))
    found = next((value for source in sources if (value := _given(source, name, faults))), "")
    if not found and secrets is not None:
        files = [path for path in (secrets / name, secrets / name.lower()) if path.is_file()]
        found = next((_content(path, f"{name} is in `{path}`", faults) for path in files), "")
    if faults:
        raise ValueError(faults[0])
    return found


def _given(source: Mapping[str, str | None], name: str, faults: list[str]) -> str:
    value, path = source.get(name), source.get(f"{name}_FILE")
    return value or (_content(Path(path), f"{name}_FILE is `{path}`", faults) if path else "")


def _from_files(source: Mapping[str, str | None], faults: list[str]) -> dict[str, str]:
    """Return the RUNNER_* values of the source, those given as RUNNER_…_FILE read from their files."""
    ours = {name.upper(): value for name, value in source.items() if name.upper().startswith(PREFIX) and value}
    for name in map(variable, FROM_FILES):
        path = ours.pop(f"{name}_FILE", None)
        if path and name in ours:
            faults.append(f"{name} and {name}_FILE are both set: keep one")
        elif path:
            ours[name] = _content(Path(path), f"{name}_FILE is `{path}`", faults)
    return {name: value for name, value in ours.items() if value}


def _from_dotenv(path: Path | None, faults: list[str]) -> dict[str, str | None]:
    if path is None or not path.is_file():
        return {}
    try:
        return dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError):
        faults.append(f"{path} cannot be read: expected a UTF-8 text file of NAME=value lines")
        return {}


def _from_folder(names: Sequence[str], folder: Path | None, faults: list[str]) -> dict[str, str]:
    if folder is None or not folder.is_dir():
        return {}
    known = {variable(name) for name in names}
    found = {path.name.upper(): path for path in sorted(folder.iterdir()) if path.name.upper() in known}
    return {name: text for name, path in found.items() if (text := _content(path, f"{name} is in `{path}`", faults))}


def _content(path: Path, what: str, faults: list[str]) -> str:
    """Return the file's text without the line end after it; what editors and `echo` add is no part of a secret."""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        faults.append(f"{what}: expected a text file that can be read ({reason})")
        return ""
    if not text:
        faults.append(f"{what}: expected a file that is not empty")
    return text


def _is_foreign(name: str, value: str) -> bool:
    return bool(_FOREIGN.fullmatch(name)) or (name.endswith("_PORT") and bool(_SERVICE_LINK.fullmatch(value)))


def _unknown(name: str, known: Mapping[str, str]) -> str:
    candidates = [*known, *(f"{variable(setting)}_FILE" for setting in FROM_FILES)]
    near = get_close_matches(name, candidates, n=1, cutoff=0.7)
    return f"{name} is no setting" + (f": did you mean {near[0]}?" if near else "")
