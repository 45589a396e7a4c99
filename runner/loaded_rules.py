"""The rules in force: which they are, which others may take their place, and what is told of either.

What is told is told in three places: the log, the metrics, and the health.
"""

from collections import Counter

from runner.rules.issues import Code, Issue
from runner.rules.loader import RuleSet
from runner.telemetry.health import Health
from runner.telemetry.logs import Logger
from runner.telemetry.metrics import Metrics
from runner.wording import plural

SHOWN_ISSUES = 20


class LoadedRules:
    """One set of rules after another. `ruleset` is the one in force, at first an empty one."""

    def __init__(self, log: Logger, metrics: Metrics, health: Health) -> None:
        self.ruleset = RuleSet()
        self._log = log
        self._metrics = metrics
        self._health = health

    def take(self, ruleset: RuleSet) -> None:
        """Let this one be in force, and tell what was left out of it."""
        self.ruleset = ruleset
        errors = ruleset.errors
        self._metrics.loaded(ruleset.rules, len(errors), ruleset.hash)
        self._health.rules = len(ruleset.rules)
        self._health.issues = len(errors)
        self._health.ruleset_hash = ruleset.hash
        self._log.info(f"rules loaded: {len(ruleset.rules)}, errors: {len(errors)}", **_fields(ruleset))
        self._tell(ruleset, "left out")

    def failed(self, error: Exception) -> None:
        """Tell that rules could not be read again, for an error of ours."""
        self._log.error(
            f"the rules were read again, but not taken, for an error in eql-runner itself: {type(error).__name__}: {error}. "
            f"{self._going_on()}; please report the stack trace",
            exc_info=error,
            **_fields(self.ruleset),
        )
        self._metrics.load_failed(1)
        self._health.issues = 1

    def refuses(self, ruleset: RuleSet) -> bool:
        """Tell why this one cannot follow, where it cannot: without a rule, or with an error that was not there before."""
        if ruleset.rules and not _kinds(ruleset) - _kinds(self.ruleset):
            return False
        errors = ruleset.errors
        why = "they have new errors" if errors else "none of them can run"
        self._log.error(
            f"the rules were read again, but not taken, for {why}: {self._going_on()} (hash {self.ruleset.hash})",
            **_fields(self.ruleset),
        )
        self._tell(ruleset, "not taken")
        self._metrics.load_failed(len(errors))
        self._health.issues = len(errors)
        return True

    def _going_on(self) -> str:
        return plural(len(self.ruleset.rules), "rule from before goes on", "rules from before go on")

    def _tell(self, ruleset: RuleSet, fate: str) -> None:
        """Log the errors and what became of their rules, and how many rules are of types that cannot run."""
        warn_of_errors(self._log, ruleset, fate)
        unsupported = sum(issue.code is Code.UNSUPPORTED for issue in ruleset.issues)
        if unsupported:
            what = plural(unsupported, "rule of a type that cannot run yet", "rules of types that cannot run yet")
            self._log.warning(f"{fate}: {what}; `eql-runner rules` lists them")


def warn_of_errors(to: Logger, ruleset: RuleSet, fate: str = "left out") -> None:
    """Log what is wrong with rules, and what became of them, up to a bound; `validate` shows it all."""
    for issue in ruleset.errors[:SHOWN_ISSUES]:
        to.warning(f"{fate}: {_line(issue)}", **{"rule.id": issue.rule_id, "rule.name": issue.rule_name})
    if len(ruleset.errors) > SHOWN_ISSUES:
        to.warning(f"… and {len(ruleset.errors) - SHOWN_ISSUES} more; `eql-runner validate` shows all")


def _kinds(ruleset: RuleSet) -> Counter[tuple[str, Code, str]]:
    """Return how many errors there are of each kind, file and rule.

    Neither their places count nor their messages, which name other places and values: both move while the error stays.
    """
    return Counter((str(issue.path), issue.code, issue.rule_id) for issue in ruleset.errors)


def _fields(ruleset: RuleSet) -> dict[str, object]:
    return {"eql_runner.ruleset.hash": ruleset.hash, "eql_runner.ruleset.rules": len(ruleset.rules)}


def _line(issue: Issue) -> str:
    hint = f" ({issue.hint})" if issue.hint else ""
    return f"{issue.path}:{issue.line}:{issue.column}: {issue.message}{hint}"
