"""What a person typed on the command line → rules, instants and lengths of time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from runner.errors import OperatorError
from runner.rules.datemath import DateMath, parse_duration
from runner.rules.loader import RuleSet
from runner.rules.model import Rule
from runner.schedule.windows import Window, whole_milliseconds


def chosen(ruleset: RuleSet, names: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules meant by ids, names or file names (without their endings); all of them where none is named.

    Raises OperatorError for a name that means none, with near ones.
    """
    if not names:
        return ruleset.rules
    known: dict[str, list[Rule]] = {}
    for rule in ruleset.rules:
        for name in dict.fromkeys((rule.name, rule.rule_id, rule.path.stem if rule.path else rule.rule_id)):
            known.setdefault(name.casefold(), []).append(rule)
    found: dict[str, Rule] = {}
    for name in names:
        meant = known.get(name.casefold()) or known.get(Path(name).stem.casefold())
        if not meant:
            raise OperatorError(f"there is no rule `{name}` that can run", _hint(name, known, ruleset))
        found.update({rule.rule_id: rule for rule in meant})
    return tuple(found.values())


def _hint(name: str, known: Mapping[str, Sequence[Rule]], ruleset: RuleSet) -> str:
    """Say why the rule cannot run, or which rules have names like that."""
    for issue in ruleset.issues:
        if issue.is_error and name in {issue.rule_id, issue.rule_name, issue.path.stem}:
            return f"{issue.path}:{issue.line}:{issue.column}: {issue.message}"
    within = [one for one in known if name.casefold() in one]
    near = within or get_close_matches(name.casefold(), known, cutoff=0.5)
    names = list(dict.fromkeys(rule.name for one in near for rule in known[one]))
    meant = " or ".join(f"`{one}`" for one in names[:3])
    return f"Did you mean {meant}?" if meant else "`eql-runner rules` lists them all."


def instant(text: str, at: datetime) -> datetime:
    """Read an instant, in UTC: ISO 8601 (UTC where it names no zone), or date math such as now-2d. Raises OperatorError."""
    try:
        if text.startswith("now"):
            return DateMath.parse(text).resolve(at)
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError: before the year 1 or after 9999
        hint = "Write it as 2025-06-01, 2025-06-01T12:00, 2025-06-01T12:00:00Z or now-2d."
        raise OperatorError(f"`{text}` is no point in time", hint) from None


def since(text: str, at: datetime) -> datetime:
    """Read an instant, or a duration before the present `at` such as 24h. Raises OperatorError."""
    try:
        return at - parse_duration(text)
    except ValueError:
        return instant(text, at)


def past(start: str, end: str, at: datetime) -> Window:
    """Return the range between two instants, cut at the present `at`, in whole milliseconds. Raises OperatorError."""
    first, last = whole_milliseconds(instant(start, at)), whole_milliseconds(min(instant(end, at), at))
    if first >= last:
        message = f"the range from {first:%Y-%m-%dT%H:%M:%SZ} to {last:%Y-%m-%dT%H:%M:%SZ} is empty"
        raise OperatorError(message, "Let it begin before it ends, and before the present.")
    return Window(first, last)


def duration(text: str) -> timedelta:
    """Read a duration such as 24h. Raises OperatorError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise OperatorError(str(error)) from None
