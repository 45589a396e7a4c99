"""Rule files to Rules and Issues: a file or folder of Elastic's TOML, or Kibana's NDJSON export."""

import hashlib
import os.path
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
from runner.rules.texts import files_below, is_folder, read_text, unreadable

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
    # A folder that cannot be read is met by rules and by exceptions.
    told = dict.fromkeys((*issues, *excepted.issues, *excepted.strays(ready)))
    return RuleSet(ready, tuple(told), excepted.items)


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


def rule_files(folder: Path, issues: list[Issue]) -> list[Path]:
    """Return the rule files below a folder, sorted; tests and exceptions are none. An issue more where none can be seen."""
    found = files_below(folder, issues, without=EXCEPTIONS)
    return [one for one in found if one.suffix in FORMATS and not one.name.endswith(TEST_SUFFIX)]


def watched(paths: Iterable[Path], exceptions: Path | None = None) -> tuple[Path, ...]:
    """Return the files and folders that hold all that `load` reads of these; a value list lies beside its items."""
    found: list[Path] = []
    for path in paths:
        beside = () if exceptions or is_folder(path) else (path.parent / EXCEPTIONS,)
        found += (path, *beside)
    if exceptions:
        found.append(exceptions if is_folder(exceptions) else exceptions.parent)
    return tuple(found)


def _drafts(paths: Iterable[Path], issues: list[Issue]) -> Iterator[Draft]:
    seen: set[str] = set()
    for path in _files(paths, issues):
        real = os.path.realpath(path)  # `Path.resolve` raises at a link that leads to itself
        if real in seen:
            continue
        seen.add(real)
        text = read_text(path, issues)
        if text is None:
            continue
        drafts, found = FORMATS[path.suffix](path, text)
        issues += found
        yield from drafts


def _files(paths: Iterable[Path], issues: list[Issue]) -> Iterator[Path]:
    for path in paths:
        if is_folder(path):
            yield from _in_folder(path, issues)
        elif unfit := _unfit(path):
            issues.append(unfit)
        else:
            yield path


def _in_folder(path: Path, issues: list[Issue]) -> list[Path]:
    unseen: list[Issue] = []
    found = rule_files(path, unseen)
    if not found and not unseen:
        unseen.append(unreadable(path, "there are no rule files (.toml or .ndjson) in this folder"))
    issues += unseen
    return found


def _unfit(path: Path) -> Issue | None:
    """Return what keeps a path, which is no folder, from being a rule file."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return unreadable(path, "there is no such file or folder")
    except OSError as error:
        return unreadable(path, f"this cannot be read: {error.strerror}")
    if path.name.endswith(TEST_SUFFIX):
        hint = "name the rule instead; its tests lie beside it"
        return unreadable(path, "this file holds tests of a rule, not a rule", hint)
    if path.suffix not in FORMATS:
        hint = "rules are .toml files as Elastic writes them, or .ndjson as Kibana exports them"
        return unreadable(path, "this is no rule file", hint)
    return None


def _duplicate(draft: Draft, first: Draft) -> Issue:
    place = first.whereabouts.of((*first.root, "rule_id"))
    return draft.issue(
        IssueSeverity.ERROR,
        Code.DUPLICATE,
        f"another rule has this rule_id: `{first.table.get('name')}` in {first.path}:{place.line}",
        "rule_id",
        hint="the first of them runs; give this one an id of its own, or take it away",
    )
