"""The part of the composition root that accounts for exceptions: files beside what the history tells."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from runner.app.rulesets import rule_paths, rules
from runner.elastic.client import Client
from runner.elastic.exception_hits import Hits, exception_hits
from runner.elastic.setup import Names
from runner.errors import RunnerError
from runner.pages.exceptions import Account, accounts
from runner.rules.exception_files import load_exceptions
from runner.rules.issues import Issue
from runner.settings import Settings

_PATIENCE = timedelta(seconds=5)  # nobody waits long for numbers that are only nice to have


def account(
    found: Settings, paths: Sequence[Path], now: datetime, span: timedelta
) -> tuple[list[Account], tuple[Issue, ...], str]:
    """Return an account of each exception, the errors of their files, and why there are no hits (empty: there are)."""
    ruleset = rules(found, paths)
    files = load_exceptions(paths or rule_paths(found), found.exceptions_path)
    errors = tuple(issue for issue in files.issues if issue.is_error)
    hits, silent = _hits(found, now - span) if ruleset.exceptions else ({}, "")
    return accounts(ruleset.exceptions, ruleset.rules, hits, now, span), errors, silent


def _hits(found: Settings, since: datetime) -> tuple[Mapping[str, Hits] | None, str]:
    patience = min(_PATIENCE, found.request_timeout)
    client = Client.connect(
        found.model_copy(update={"request_timeout": patience, "retry_deadline": timedelta(seconds=1)})
    )
    try:
        return exception_hits(client, Names.of(found).executions, since), ""
    except RunnerError as error:
        return None, str(error)
    finally:
        client.close()
