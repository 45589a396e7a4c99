"""The kinds of values that settings have: how each is read from its text, and what is expected of it."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from runner.rules.datemath import LONGEST, parse_duration

_INDEX_NAME = re.compile(r"(?![-_+.])[^A-Z\\/*?\"<>| ,#:]{1,200}")
_SPACE = re.compile(r"[a-z0-9_-]+")
_SIZE = re.compile(r"[1-9]\d*(b|kb|mb|gb|tb)")
_LONGEST_WAIT = timedelta(days=1)  # sockets and threads cannot wait for more than some weeks
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def wrong(expected: str) -> PydanticCustomError:
    """Return the error of a value, by what was expected of it."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def _duration(longest: timedelta, words: str) -> Callable[[object], object]:
    def read(value: object) -> object:
        try:
            length = parse_duration(value) if isinstance(value, str) else value
        except ValueError:
            length = None
        if length is None or (isinstance(length, timedelta) and length > longest):
            raise wrong(f"a duration such as 30s, 5m or 24h, of {words} at most")
        return length

    return read


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    for url in urls:
        try:
            parts = urlsplit(url)
            is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if "@" in url:
            raise wrong("URLs without credentials; they belong in RUNNER_USERNAME and RUNNER_PASSWORD")
        if not is_url:
            raise wrong("one or several URLs such as https://host:9200, separated by commas")
    return urls


def _url(url: str) -> str:
    _urls((url,))
    return url


def _overrides(value: object) -> object:
    """Read a JSON object of rule id to index patterns (one text, with commas, or a list)."""
    expected = wrong('a JSON object of rule id to index patterns such as {"c595363f-…": ["logs-*"]}')
    try:
        table = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise expected from None
    if not isinstance(table, Mapping):
        raise expected
    patterns = {rule_id: _listed(listed) for rule_id, listed in table.items()}
    if not all(
        isinstance(listed, list | tuple) and listed and all(isinstance(one, str) for one in listed)
        for listed in patterns.values()
    ):
        raise expected
    return patterns


def _cloud_id(text: str) -> str:
    try:
        decoded = base64.b64decode(text.rpartition(":")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    if decoded.count("$") < 1:
        raise wrong("a Cloud ID as Elastic Cloud shows it, such as name:bG9jYWxob3N0JGFiYw==")
    return text


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text.replace(":", "").lower()):
        raise wrong("a SHA-256 fingerprint of 64 hexadecimal digits, with or without colons")
    return text


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise wrong(f"a file that can be read ({error.strerror})") from None


def _present(path: Path) -> Path:
    if not path.exists():
        raise wrong("a file or folder that exists")
    return path


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value()):
        raise wrong("printable characters without blanks or line ends (is it the right file?)")
    return secret


def _full(pattern: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise wrong(expected)
        return text

    return check


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration(LONGEST, "400 years"))]
Wait = Annotated[timedelta, BeforeValidator(_duration(_LONGEST_WAIT, "a day"))]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Urls = Annotated[Patterns, AfterValidator(_urls)]
Url = Annotated[str, AfterValidator(_url)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
Token = Annotated[SecretStr, AfterValidator(_token)]
IndexName = Annotated[
    str, AfterValidator(_full(_INDEX_NAME, 'a lower-case index name without \\ / * ? " < > | , # : or blanks'))
]
CloudId = Annotated[str, AfterValidator(_cloud_id)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
PresentPath = Annotated[Path, AfterValidator(_present)]
Overrides = Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_overrides)]
Space = Annotated[str, AfterValidator(_full(_SPACE, "a space's id of the characters a-z, 0-9, _ and -"))]
Size = Annotated[str, AfterValidator(_full(_SIZE, "a size such as 500mb or 25gb"))]
AnyCase = BeforeValidator(_lower)
