"""What is worth knowing of a rule that can run: a table of questions, each of which may leave an Issue."""

from collections.abc import Callable, Iterator

from runner.rules.checks import length
from runner.rules.datemath import format_duration
from runner.rules.draft import Draft
from runner.rules.fields import WITHOUT_EFFECT
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.model import Rule

_WARNING, _INFO = IssueSeverity.WARNING, IssueSeverity.INFO


def lint(draft: Draft, rule: Rule) -> tuple[Issue, ...]:
    """Return what is worth knowing of the rule."""
    return tuple(issue for question in QUESTIONS for issue in question(draft, rule))


def gap(draft: Draft, rule: Rule) -> Iterator[Issue]:
    """Does the window reach back to where the last one ended?"""
    window, interval = length(rule.schedule), rule.schedule.interval
    if window < interval:
        yield draft.issue(
            _WARNING,
            Code.GAP,
            f"the window of {format_duration(window)} is shorter than the interval of {format_duration(interval)}",
            "interval" if "interval" in draft.table else "from",
            hint="events between the windows are found late, by catch-up only: let `from` reach back at least an interval",
        )


def maturity(draft: Draft, _rule: Rule) -> Iterator[Issue]:
    """Does its author call the rule finished, and still current?"""
    told = draft.metadata.get("maturity", "production")
    place = draft.whereabouts.of(("metadata", "maturity"))
    if told == "deprecated":
        yield draft.issue(
            _WARNING, Code.MATURITY, "the rule is deprecated", place=place, hint="its author no longer keeps it"
        )
    elif told != "production":
        yield draft.issue(_INFO, Code.MATURITY, f"the rule's maturity is {told}", place=place)


def disabled(draft: Draft, rule: Rule) -> Iterator[Issue]:
    """Is the rule switched on?"""
    if not rule.enabled:
        yield draft.issue(_INFO, Code.DISABLED, "the rule is disabled: it does not run by itself", "enabled")


def filters(draft: Draft, rule: Rule) -> Iterator[Issue]:
    """Does Query DSL decide beside the query?"""
    if rule.filters:
        yield draft.issue(
            _WARNING,
            Code.NO_EFFECT,
            "`filters` are applied by Elasticsearch only: tests and the demo, which run without it, do not apply them",
            "filters",
        )


def without_effect(draft: Draft, _rule: Rule) -> Iterator[Issue]:
    """Does it say things that only Kibana does?"""
    for name, told in WITHOUT_EFFECT.items():
        if draft.table.get(name):
            yield draft.issue(_INFO, Code.NO_EFFECT, f"`{name}` has no effect: {told}", name)


QUESTIONS: tuple[Callable[[Draft, Rule], Iterator[Issue]], ...] = (
    gap,
    maturity,
    disabled,
    filters,
    without_effect,
)
