"""One stage of a sequence or sample, compiled: which events it takes, and by which keys they are joined.

The tree's `Stage` becomes two plain callables here, so that `sequences` and `samples` know nothing of expressions.

Join keys, as Elasticsearch has them (EQL syntax reference, "Optional by fields"; x-pack/plugin/eql
`TumblingWindow.wrapValues`, whose `extractJoinKeys` expands lists):

- an event without a value for a key is no event of the stage, unless the key is optional (`?field`): then its key is
  null, and null joins null;
- an event with several values for a key is joined by each of them, over several keys by all combinations;
- keys are equal when their values are: 1 equals 1.0, text never equals a number, a boolean equals neither.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, Self, TypeAlias

from runner.query.matching import Event

JoinKeys: TypeAlias = tuple[Hashable, ...]

NO_KEYS: tuple[JoinKeys, ...] = ((),)


def no_keys(_event: Event) -> tuple[Any, ...]:
    """Read the join keys of a stage that has none."""
    return ()


@dataclass(frozen=True, slots=True)
class CompiledStage:
    """A stage, ready to run.

    `matches` tells whether the condition is definitely true of the event. `keys` reads the join keys, always as many
    as `optional` has flags: for each a value, a list of values, or None where the event has none. `optional` tells
    which keys may be null. `category` is the only event category that the stage can match, None when it may be any; a
    run that knows an event's category need not call `matches` for the others.
    """

    matches: Callable[[Event], bool]
    keys: Callable[[Event], tuple[Any, ...]] = no_keys
    optional: tuple[bool, ...] = ()
    missing: bool = False
    category: str | None = None

    def join(self, event: Event) -> Iterable[JoinKeys]:
        """Return every combination of keys by which the event joins, none when it is not an event of this stage."""
        if not self.matches(event):
            return ()
        if not self.optional:
            return NO_KEYS
        choices = []
        for value, optional in zip(self.keys(event), self.optional, strict=True):
            values = _values(value)
            if not values:
                if not optional:
                    return ()
                values = (None,)
            choices.append(values)
        return product(*choices)


def plain(keys: JoinKeys) -> tuple[Any, ...]:
    """Return the keys as the events have them."""
    return tuple([key.value if isinstance(key, _Flag) else key for key in keys])


def rank(keys: JoinKeys) -> tuple[tuple[int, Any], ...]:
    """Return what orders keys as Elasticsearch does: null first, then ascending; text by its code points,
    unless it has an order of its own.
    """
    return tuple([_rank(key) for key in keys])


def _rank(key: Hashable) -> tuple[int, Any]:
    if key is None:
        return (0, 0)
    if isinstance(key, _Flag):
        return (1, key.value)
    if isinstance(key, OrderedText):
        return (4, key.order)
    return (2, key) if isinstance(key, int | float) else (3, str(key))


class OrderedText(str):
    """A key that is a text, but has an order of its own: an address, a version."""

    __slots__ = ("order",)
    order: Any

    def __new__(cls, text: str, order: Any) -> Self:
        key = super().__new__(cls, text)
        key.order = order
        return key


@dataclass(frozen=True, slots=True)
class _Flag:
    """A boolean key. Python's True equals 1; as a key it must not."""

    value: bool


def _values(value: Any) -> tuple[Hashable, ...]:
    """Return the distinct values of a key, in the event's order, without nulls."""
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(key for item in value for key in _values(item)))
    if value is None:
        return ()
    return (_Flag(value),) if isinstance(value, bool) else (value,)
