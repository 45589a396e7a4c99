"""Reading tables of the notifications file: what is wrong leaves an Issue with its place, and reads as its default."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from runner.rules.datemath import parse_duration
from runner.rules.draft import KeyPath
from runner.rules.fields import Shape
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.reading import either, shown
from runner.rules.toml_places import TomlPlaces

LONGEST_SPAN = timedelta(hours=24)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Secret = Callable[[str], str]
"""The name of an environment variable → its value, empty where it is not set. Raises ValueError."""


class Reading:
    """One pass over a file; `issues` are those found so far."""

    def __init__(self, path: Path, places: TomlPlaces, secret: Secret) -> None:
        self.path = path
        self.places = places
        self.secret = secret
        self.issues: list[Issue] = []

    def fault(self, message: str, *at: str | int, hint: str = "", code: Code = Code.VALUE) -> None:
        """Leave an error at a key."""
        self.issues.append(Issue(IssueSeverity.ERROR, code, message, self.path, self.places.of(at), hint))

    def warn(self, message: str, *at: str | int, hint: str = "") -> None:
        """Leave a warning at a key."""
        self.issues.append(Issue(IssueSeverity.WARNING, Code.VALUE, message, self.path, self.places.of(at), hint))

    def at_offset(self, message: str, text: str, offset: int, at: KeyPath, hint: str = "") -> None:
        """Leave an error at an offset of the text that a key holds."""
        line = text.count("\n", 0, offset) + 1
        column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        place = self.places.inside(at, line, column)
        self.issues.append(Issue(IssueSeverity.ERROR, Code.VALUE, message, self.path, place, hint))

    def keys(self, table: Mapping[str, Any], known: Mapping[str, Shape], at: KeyPath) -> Mapping[str, Any]:
        """Return the table's keys that are known and have their shape, and leave an error for each other."""
        kept = {}
        for name, value in table.items():
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
                self.fault(f"unknown key `{name}`", *at, name, hint=hint, code=Code.UNKNOWN_KEY)
            elif not known[name].fits(value):
                self.fault(f"`{name}` is not {known[name]}", *at, name, code=Code.SHAPE)
            else:
                kept[name] = value
        return kept

    def tables(self, table: Mapping[str, Any], name: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Yield the tables below a table that are well named, and leave an error for each other."""
        for key, one in table.items():
            if not isinstance(one, Mapping):
                self.fault(f"`{key}` is not a table", name, key, hint=f"write [{name}.{key}]", code=Code.SHAPE)
            elif not _NAME.fullmatch(key):
                self.fault(f"`{key}` is no name: small letters, digits, - and _", name, key)
            else:
                yield key, one

    def choice(self, table: Mapping[str, Any], name: str, kinds: Any, default: Any, at: KeyPath) -> Any:
        """Return what a key chooses of some kinds, else the default."""
        value = table.get(name, default)
        if value not in list(kinds):
            self.fault(f"`{name}` is {shown(value)}: expected {either(tuple(map(str, kinds)))}", *at, name)
            return default
        return kinds(value)

    def env(self, table: Mapping[str, Any], name: str, at: KeyPath) -> SecretStr | None:
        """Return the value of the variable that a key names."""
        variable = table.get(name)
        if variable is None:
            return None
        if not _VARIABLE.fullmatch(variable):
            self.fault(f"`{name}` is no name of an environment variable", *at, name, hint="such as SLACK_URL")
        elif variable.upper().startswith("RUNNER_"):
            self.fault(f"`{name}` is {variable}: names that begin with RUNNER_ are settings", *at, name)
        else:
            try:
                value = self.secret(variable)
            except ValueError as error:
                self.fault(str(error), *at, name)
                return None
            if value:
                return SecretStr(value)
            hint = f"set it, or {variable}_FILE to the file that holds it"
            self.fault(f"the environment variable {variable} is not set", *at, name, hint=hint, code=Code.MISSING)
        return None

    def span(self, text: str) -> timedelta | None:
        """Return a time between a second and a day; None where the text is none."""
        try:
            span = parse_duration(text)
        except (ValueError, OverflowError):
            return None
        return span if timedelta(seconds=1) <= span <= LONGEST_SPAN else None
