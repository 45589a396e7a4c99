"""Rule files to Rules and Issues: a file or folder of Elastic's TOML, or Kibana's NDJSON export."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import orjson

from runner.rules import kibana_export, toml_rules
from runner.rules.checks import read
from runner.rules.draft import Draft
from runner.rules.exception_files import FOLDER as EXCEPTIONS
from runner.rules.exception_files import load_exceptions
from runner.rules.exceptions import ExceptionItem, digest
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.lint import lint
from runner.rules.model import Rule
from runner.rules.texts import read_text, unreadable

FORMATS = {".toml": toml_rules.drafts, ".ndjson": kibana_export.drafts}
TEST_SUFFIX = ".test.toml"


@dataclass(frozen=True)
class RuleSet:
    """What was found: the rules that can run, in the order of their files, and every issue of every file.

    The rules have their exceptions with them; `exceptions` are all that there are.
    """

    rules: tuple[Rule, ...] = ()
    issues: tuple[Issue, ...] = ()
    exceptions: tuple[ExceptionItem, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether every rule of every file can run."""
        return not any(issue.is_error for issue in self.issues)

    @property
    def errors(self) -> tuple[Issue, ...]:
        """What is wrong with rules that could run if they were right."""
        return tuple(issue for issue in self.issues if issue.is_error and issue.code is not Code.UNSUPPORTED)

    @property
    def sound(self) -> bool:
        """Tell whether nothing is wrong, apart from rules of a kind that cannot run yet."""
        return not self.errors

    @cached_property
    def hash(self) -> str:
        """A digest of what the rules say, whatever files they stand in; for logs and metrics."""
        contents = sorted(
            orjson.dumps(
                [rule.rule_id, rule.index, rule.parameters, digest(rule.exceptions)], option=orjson.OPT_SORT_KEYS
            )
            for rule in self.rules
        )
        return hashlib.sha256(b"\n".join(contents)).hexdigest()[:16]


def shipped_rules() -> Path:
    """Return the folder of the rules that come with this program: in the wheel, or in the checkout."""
    packaged = Path(str(files("runner"))) / "_rules"
    return packaged if packaged.is_dir() else packaged.parents[1] / "rules"


def load(
    paths: Iterable[Path], exceptions: Path | None = None, asked: Callable[[Draft, Rule], Iterable[Issue]] | None = None
) -> RuleSet:
    """Read all rules below the paths, with the exceptions beside them or those of another path.

    Nothing is raised for what files hold; it becomes an Issue, and so does what `asked` tells of a rule that can run.
    """
    paths = list(paths)
    rules: dict[str, tuple[Rule, Draft]] = {}
    issues: list[Issue] = []
    excepted = load_exceptions(paths, exceptions)
    for draft in _drafts(paths, issues):
        rule, found = read(draft)
        if rule is not None and rule.rule_id in rules:
            found += (_duplicate(draft, rules[rule.rule_id][1]),)
        elif rule is not None:
            rule = replace(rule, exceptions=excepted.of(rule))
            rules[rule.rule_id] = (rule, draft)
            found += (*lint(draft, rule), *excepted.about(draft, rule), *(asked(draft, rule) if asked else ()))
        issues += sorted(found, key=lambda issue: (issue.line, issue.column))
    ready = tuple(rule for rule, _ in rules.values())
    return RuleSet(ready, (*issues, *excepted.issues, *excepted.strays(ready)), excepted.items)


def with_indices(found: RuleSet, override: Sequence[str], overrides: Mapping[str, Sequence[str]]) -> RuleSet:
    """Return the set with other index patterns: `overrides` for single rules, `override` for all others.

    An override of a rule that is not there leaves a warning.
    """
    rules = tuple(with_index(rule, override, overrides) for rule in found.rules)
    missing = sorted(overrides.keys() - {rule.rule_id for rule in rules})
    message = "RUNNER_INDEX_OVERRIDES names a rule that is not there"
    issues = [
        Issue(IssueSeverity.WARNING, Code.OVERRIDE, f"{message}: {rule_id}", Path("RUNNER_INDEX_OVERRIDES"))
        for rule_id in missing
    ]
    return replace(found, rules=rules, issues=(*found.issues, *issues))


def with_index(rule: Rule, override: Sequence[str], overrides: Mapping[str, Sequence[str]]) -> Rule:
    """Return the rule with the index patterns that are meant for it."""
    patterns = overrides.get(rule.rule_id, override)
    return replace(rule, index=tuple(patterns)) if patterns else rule


def rule_files(path: Path) -> list[Path]:
    """Return the rule files below a folder, sorted; those in hidden folders, tests and exceptions are none.

    Kubernetes mounts a ConfigMap as links into hidden folders: each file would be found three times.
    """
    found = [
        Path(folder) / name
        for folder, folders, names in os.walk(path)
        if _visible(folders)
        for name in names
        if not name.startswith(".") and Path(name).suffix in FORMATS and not name.endswith(TEST_SUFFIX)
    ]
    return sorted(found)


def _visible(folders: list[str]) -> bool:
    folders[:] = [
        name for name in folders if not name.startswith(".") and name != EXCEPTIONS
    ]  # os.walk goes where this list says
    return True


def _drafts(paths: Iterable[Path], issues: list[Issue]) -> Iterator[Draft]:
    seen: set[Path] = set()
    for path in _files(paths, issues):
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        text = read_text(path, issues)
        if text is None:
            continue
        drafts, found = FORMATS[path.suffix](path, text)
        issues += found
        yield from drafts


def _files(paths: Iterable[Path], issues: list[Issue]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = rule_files(path)
            if not found:
                issues.append(unreadable(path, "there are no rule files (.toml or .ndjson) in this folder"))
            yield from found
        elif not path.exists():
            issues.append(unreadable(path, "there is no such file or folder"))
        elif path.name.endswith(TEST_SUFFIX):
            hint = "name the rule instead; its tests lie beside it"
            issues.append(unreadable(path, "this file holds tests of a rule, not a rule", hint))
        elif path.suffix not in FORMATS:
            hint = "rules are .toml files as Elastic writes them, or .ndjson as Kibana exports them"
            issues.append(unreadable(path, "this is no rule file", hint))
        else:
            yield path


def _duplicate(draft: Draft, first: Draft) -> Issue:
    place = first.whereabouts.of((*first.root, "rule_id"))
    return draft.issue(
        IssueSeverity.ERROR,
        Code.DUPLICATE,
        f"another rule has this rule_id: `{first.table.get('name')}` in {first.path}:{place.line}",
        "rule_id",
        hint="the first of them runs; give this one an id of its own, or take it away",
    )
