"""Exceptions: what they let pass, whose they are, until when, and whether they are of any use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from runner.elastic.exception_hits import Hits
from runner.pages import screen
from runner.query.entries import Entry, EntryType, Nested
from runner.rules.exceptions import ExceptionItem
from runner.rules.model import Rule
from runner.wording import plural

_SHOWN = 3  # rules, and values of an entry, that are named; of more there is the number
_VERBS = {
    EntryType.MATCH: ("is not", "is"),
    EntryType.MATCH_ANY: ("is none of", "is one of"),
    EntryType.WILDCARD: ("is not like", "is like"),
    EntryType.LIST: ("is not in the list", "is in the list"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """An item with what there is to know of it at `now`. `hits` None: the cluster did not tell."""

    item: ExceptionItem
    rules: tuple[Rule, ...]
    hits: Hits | None
    now: datetime
    span: timedelta

    @property
    def expired(self) -> bool:
        return not self.item.in_force(self.now)

    @property
    def unused(self) -> bool:
        """Whether it has taken nothing away in all of the span; of one that is younger, that says nothing."""
        young = self.item.created is not None and self.item.created > self.now - self.span
        return self.hits is not None and not self.hits.count and not young

    @property
    def stale(self) -> bool:
        """Whether somebody should look at it."""
        return self.expired or self.unused or not self.rules


def accounts(
    items: Sequence[ExceptionItem],
    rules: Sequence[Rule],
    hits: Mapping[str, Hits] | None,
    now: datetime,
    span: timedelta,
) -> list[Account]:
    """Return an account of each item; hits of items of which nothing is told are none."""
    return [
        Account(
            item,
            tuple(rule for rule in rules if any(one.item_id == item.item_id for one in rule.exceptions)),
            None if hits is None else hits.get(item.item_id, Hits(0, None)),
            now,
            span,
        )
        for item in items
    ]


def page(found: Sequence[Account], *, shown: Sequence[Account], silent: str = "", errors: int = 0) -> RenderableType:
    """Show some of the accounts, then how all of them stand. `silent` says why there are no hits."""
    parts: list[RenderableType] = [_account(one) for one in shown]
    if silent:
        parts.append(Text(f"hits are not known: {screen.safe(silent)}\n", "yellow"))
    if errors:
        told = f"{plural(errors, 'error')} in the files of exceptions: `eql-runner validate` shows each\n"
        parts.append(Text(told, "red"))
    return Group(
        *parts, _sum(found) if found else Text("there are no exceptions; docs/exceptions.md shows how to write one")
    )


def as_json(account: Account) -> dict[str, Any]:
    """Return an account as plain JSON values."""
    item, hits = account.item, account.hits
    return {
        "item_id": item.item_id,
        "name": item.name,
        "list_id": item.list_id,
        "namespace_type": item.namespace_type,
        "owner": item.owner,
        "reason": item.reason,
        "created": item.created.isoformat() if item.created else None,
        "expires": item.expires.isoformat() if item.expires else None,
        "expired": account.expired,
        "unused": account.unused if hits else None,
        "rules": [rule.rule_id for rule in account.rules],
        "os_types": list(item.exclusion.os_types),
        "entries": [_told(entry) for entry in item.exclusion.entries],
        "hits": hits.count if hits else None,
        "last_hit": hits.last.isoformat() if hits and hits.last else None,
        "path": str(item.path) if item.path else None,
        "line": item.line,
    }


def _account(account: Account) -> RenderableType:
    item = account.item
    facts = Text()
    facts.append(f"{screen.safe(item.item_id)}  {screen.safe(str(item.path))}:{item.line}\n", "dim")
    facts.append(screen.safe(" and ".join(map(_told, item.exclusion.entries))))
    facts.append(f", on {' or '.join(item.exclusion.os_types)}\n" if item.exclusion.os_types else "\n")
    owner = item.owner or "nobody answers for it"
    facts.append(f"{screen.safe(owner)}: {screen.safe(item.reason or 'no reason is given')}\n")
    facts.append(_rules(account), "" if account.rules else "yellow")
    facts.append(_use(account), "yellow" if account.unused else "")
    return Group(
        Text.assemble((screen.safe(item.name), "bold"), "  ", _state(account)),
        Padding(facts, (0, 0, 0, 2), expand=False),
        "",
    )


def _state(account: Account) -> Text:
    expires = account.item.expires
    if account.expired:
        return Text(f"expired on {expires:%Y-%m-%d}", "red")
    return Text(f"in force until {expires:%Y-%m-%d}" if expires else "in force", "green")


def _rules(account: Account) -> str:
    names = [screen.safe(rule.name) for rule in account.rules]
    if not names:
        return "applies to no rule"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"for {', '.join(names[:_SHOWN])}{more}"


def _use(account: Account) -> str:
    hits, span = account.hits, screen.length(account.span)
    if hits is None:
        return ""
    if not hits.count:
        return f"\ntook nothing away in {span}"
    return f"\ntook {plural(hits.count, 'event')} away in {span}, last at {screen.instant(hits.last)}"


def _told(entry: Entry | Nested) -> str:
    if isinstance(entry, Nested):
        return f"{entry.field} with {' and '.join(map(_told, entry.entries))}"
    if entry.type is EntryType.EXISTS:
        return f"{entry.field} {'exists' if entry.included else 'does not exist'}"
    values = ", ".join(entry.values[:_SHOWN])
    more = f" and {len(entry.values) - _SHOWN} more" if len(entry.values) > _SHOWN else ""
    return f"{entry.field} {_VERBS[entry.type][entry.included]} {values}{more}"


def _sum(found: Sequence[Account]) -> Text:
    text = Text(plural(len(found), "exception"), "bold")
    for number, word in (
        (sum(one.expired for one in found), "expired"),
        (sum(one.unused for one in found), "unused"),
        (sum(not one.rules for one in found), "for no rule"),
    ):
        if number:
            text.append(f", {number} {word}", "yellow")
    return text
