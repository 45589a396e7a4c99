"""What to send now: the entries that wait, what was sent lately, and the channel's bounds → batches, a message each.

few alerts of a rule          one message each
more than `digest.above`      one message for all of them; then none of this rule until `digest.within` has passed
one more of a noisy rule      waits for others to come, or for the earlier ones to be long past
more messages than the rate   the oldest first; what has waited for `digest.within` goes into one last message together
tried before, in one message  the same message again
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from runner.notify.config import Channel
from runner.notify.model import Entry, Kind, Sent

MOST_RULES = 3
"""So many rules that begin to fail, or recover, at the same time are told one by one; more of them together."""

Batch: TypeAlias = tuple[Entry, ...]


def plan(waiting: Sequence[Entry], sent: Sequence[Sent], channel: Channel, now: datetime) -> tuple[Batch, ...]:
    """Return the batches to send now, in order. Each entry is in one of them, or in none and waits on.

    `sent` must go back as far as `reach` says.
    """
    batches = sorted(_batches(waiting, sent, channel, now), key=lambda batch: (batch[0].created, batch[0].id))
    free = channel.rate.messages - sum(one.at > now - channel.rate.per for one in sent)
    if free <= 0:
        return ()
    left = batches[free - 1 :]
    if len(left) > 1 and channel.digest and now - left[0][0].created > channel.digest.within:
        return (*batches[: free - 1], tuple(entry for batch in left for entry in batch))
    return tuple(batches[:free])


def reach(channel: Channel) -> timedelta:
    """Return how far back a channel's rate and digest look."""
    return max(channel.rate.per, channel.digest.within if channel.digest else timedelta(0))


def held(sent: Sequence[Sent], channel: Channel, now: datetime) -> frozenset[str]:
    """Return the rules of which nothing is told now, because a digest of theirs was sent lately."""
    if channel.digest is None:
        return frozenset()
    return frozenset(one.rule_id for one in sent if one.is_digest and one.at > now - channel.digest.within)


def _batches(waiting: Sequence[Entry], sent: Sequence[Sent], channel: Channel, now: datetime) -> Iterator[Batch]:
    quiet = held(sent, channel, now)
    tried, fresh = _grouped(waiting)
    yield from tried
    for entries in fresh:
        if entries[0].kind is not Kind.ALERT:
            yield from [entries] if len(entries) > MOST_RULES else _single(entries)
        elif channel.digest is None:
            yield from _single(entries)
        elif entries[0].rule_id not in quiet:
            lately = [one for one in sent if _is_of(one, entries) and one.at > now - channel.digest.within]
            if len(lately) + len(entries) <= channel.digest.above:
                yield from _single(entries)
            elif len(entries) > 1:  # one more of a noisy rule waits for others, or for the earlier ones to be long past
                yield entries


def _grouped(waiting: Sequence[Entry]) -> tuple[list[Batch], list[Batch]]:
    """Return what was tried as one message, and of the rest what may become one: alerts by rule, others by kind."""
    tried: dict[str, list[Entry]] = {}
    fresh: dict[tuple[str, str], list[Entry]] = {}
    for entry in sorted(waiting, key=lambda entry: (entry.created, entry.id)):
        if entry.message and entry.message != entry.id:
            tried.setdefault(entry.message, []).append(entry)
        else:
            fresh.setdefault((entry.kind, entry.rule_id if entry.kind is Kind.ALERT else ""), []).append(entry)
    return [tuple(entries) for entries in tried.values()], [tuple(entries) for entries in fresh.values()]


def _single(entries: Batch) -> list[Batch]:
    return [(entry,) for entry in entries]


def _is_of(one: Sent, entries: Batch) -> bool:
    return one.rule_id == entries[0].rule_id
