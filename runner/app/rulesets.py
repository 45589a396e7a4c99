"""Rules, from where the settings or the command line say."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from runner.app.process import settings
from runner.elastic.client import Client
from runner.elastic.mapped import MappedFields
from runner.errors import OperatorError
from runner.rules.draft import Draft
from runner.rules.issues import Issue
from runner.rules.loader import RuleSet, load, shipped_rules, with_index, with_indices
from runner.rules.mapping_lint import Mapped, mapping_lint
from runner.rules.model import Rule
from runner.settings import Settings


def rules(found: Settings, paths: Sequence[Path] = ()) -> RuleSet:
    """Load the rules of the paths, else of the settings, with the settings' index patterns."""
    loaded = load(paths or rule_paths(found), found.exceptions_path)
    return with_indices(loaded, found.index_override, found.index_overrides)


def rule_paths(found: Settings) -> list[Path]:
    """Return where rules are read from."""
    return [found.rules_path or shipped_rules()]


def runnable(found: Settings) -> RuleSet:
    """Load the rules to run. Raises OperatorError where there is none, or one is bad and the settings are strict."""
    ruleset = rules(found)
    where = ", ".join(map(str, rule_paths(found)))
    hint = "`eql-runner validate` shows every problem with its place."
    if found.strict and not ruleset.sound:
        raise OperatorError(f"there are errors in the rules of {where}, and RUNNER_STRICT is on", hint)
    if not ruleset.rules:
        raise OperatorError(f"no rule of {where} can run", hint)
    return ruleset


def validate(paths: Sequence[Path], *, cluster: bool = False) -> RuleSet:
    """Read the rules of the paths, which takes no settings; else those of the settings.

    With `cluster` their fields and indices are looked up in it, under the settings' index patterns.
    """
    if cluster:
        return _validated_by_cluster(settings(), paths)
    return load(paths) if paths else rules(settings())


def _validated_by_cluster(found: Settings, paths: Sequence[Path]) -> RuleSet:
    client = Client.connect(found)
    fields = MappedFields(client)

    def asked(draft: Draft, rule: Rule) -> Iterable[Issue]:
        searched = with_index(rule, found.index_override, found.index_overrides)
        mapped = Mapped(fields.types(searched), fields.empty(searched.index), partial(fields.names, searched.index))
        return mapping_lint(draft, searched, mapped)

    try:
        loaded = load(paths or rule_paths(found), found.exceptions_path, asked)
    finally:
        client.close()
    return with_indices(loaded, found.index_override, found.index_overrides)
