"""A query, from grammar to tree: one method for each rule of `eql.lark` above a condition.

The parser calls them while it reads. A query that reads well but cannot mean anything (a join key that is no field, a
sequence of one stage) ends here with a QueryError. Source of what is refused: Elasticsearch, x-pack/plugin/eql,
LogicalPlanBuilder.
"""

import difflib
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn

from runner.query.ast import (
    EventFilter,
    EventQuery,
    Field,
    Literal,
    Pipe,
    Place,
    Query,
    SampleQuery,
    SequenceQuery,
    Stage,
)
from runner.query.condition_builder import ConditionBuilder, Text, place_of, refuse

LONGEST_MAXSPAN = timedelta(days=146_097)
"""A bound of ours, four hundred years: dates are reckoned by it, and have to stay in the calendar."""

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PIPES = ("head", "tail")
_FOREIGN_PIPES = ("count", "filter", "sort", "unique", "unique_count")
_MOST_RUNS = 100


class Runs(NamedTuple):
    """How often a stage is to occur."""

    times: int


class Keys(NamedTuple):
    """The join keys after one `by`."""

    fields: tuple[Field, ...]
    place: Place


class Maxspan(NamedTuple):
    """How long a sequence may last."""

    length: timedelta


class Until(NamedTuple):
    """The stage that ends open sequences."""

    stage: "OneStage"


class OneStage(NamedTuple):
    """A stage as it is written: before the shared keys are added and before its runs are unrolled."""

    filter: EventFilter
    missing: bool
    place: Place
    keys: tuple[Field, ...]
    runs: int


class TreeBuilder(ConditionBuilder):
    """All callbacks of the parser. Stateless."""

    def start(self, children: list[Any]) -> Query:
        query: Query = children[0]
        pipes: list[Pipe] = children[1:]
        if not pipes:
            return query
        if isinstance(query, SampleQuery):
            refuse("a sample takes no pipes", pipes[0].place)
        return replace(query, pipes=tuple(pipes))

    def event_query(self, children: list[Any]) -> EventQuery:
        return EventQuery(children[0])

    def filter(self, children: list[Any]) -> EventFilter:
        category, condition = children
        return EventFilter(
            category.value if category else None, condition, category.place if category else condition.place
        )

    def any_category(self, _children: list[Any]) -> None:
        return None

    def named_category(self, children: list[Any]) -> Text:
        return Text(str(children[0]), place_of(children[0]))

    def quoted_category(self, children: list[Any]) -> Text:
        return children[0]  # type: ignore[no-any-return]  # what `raw_string` and its siblings return

    def pipe(self, children: list[Any]) -> Pipe:
        token, *arguments = children
        name = str(token)
        if name not in _PIPES:
            refuse(f"pipe `{name}` is not supported", token, _pipe_hint(name))
        if len(arguments) != 1:
            refuse(f"pipe `{name}` takes exactly one number, it has {len(arguments)} arguments", token)
        count = arguments[0]
        if not isinstance(count, Literal) or type(count.value) is not int or count.value < 0:
            refuse(f"pipe `{name}` takes a positive whole number", count.place)
        return Pipe(name, count.value, place_of(token))  # type: ignore[arg-type]  # one of _PIPES

    # Sequences and samples

    def sequence(self, children: list[Any]) -> SequenceQuery:
        shared = _of(Keys, children)
        maxspan = _of(Maxspan, children)
        until = _of(Until, children)
        stages = [child for child in children if isinstance(child, OneStage)]
        common = shared.fields if shared else ()
        _check_keys([*stages, *([until.stage] if until else [])], stages[0])
        unrolled = _unrolled(stages, common)
        if len(unrolled) < 2:
            refuse("a sequence needs at least 2 stages", stages[0].place)
        if all(stage.missing for stage in unrolled):
            refuse("a sequence needs at least one stage that is not missing", stages[0].place)
        missing = [stage for stage in unrolled if stage.missing]
        if missing and not maxspan:
            refuse(
                "a sequence with a missing event needs `with maxspan`",
                missing[0].place,
                "write: sequence with maxspan=5m …",
            )
        end = until and _unrolled([until.stage], common)[0]
        if end and end.missing:
            refuse("`until` cannot be a missing event", end.place)
        return SequenceQuery(unrolled, maxspan.length if maxspan else None, end)

    def by_after_maxspan(self, children: list[Any]) -> NoReturn:
        keys = _of(Keys, children)
        assert keys is not None
        refuse("`by` stands before `with maxspan`", keys.place, "write: sequence by … with maxspan=…")

    def sample(self, children: list[Any]) -> SampleQuery:
        shared = _of(Keys, children)
        stages = [child for child in children if isinstance(child, OneStage)]
        _check_keys(stages, stages[0])
        for stage in stages:
            if stage.missing:
                refuse("a sample has no missing events", stage.place)
            if stage.runs > 1:
                refuse("a sample has no `with runs`", stage.place)
        if not shared and not stages[0].keys:
            refuse("a sample needs at least one join key", stages[0].place, "write: sample by host.id …")
        return SampleQuery(_unrolled(stages, shared.fields if shared else ()))

    def join(self, children: list[Any]) -> NoReturn:
        refuse("`join` is not supported", children[0], "use `sample by …` for events in any order")

    def maxspan(self, children: list[Any]) -> Maxspan:
        number, *units = children
        if isinstance(number.value, float):
            refuse("maxspan takes a whole number", number.place, "use a smaller unit, such as 1500ms")
        if number.value <= 0:
            refuse("maxspan must be positive", number.place)
        if not units:
            refuse(
                "maxspan needs a unit",
                number.place,
                f"write {number.value}s for seconds; units are {', '.join(_UNITS)}",
            )
        unit = _UNITS.get(str(units[0]))
        if unit is None:
            refuse(f"`{units[0]}` is not a unit of time", units[0], f"units are {', '.join(_UNITS)}")
        try:
            length = timedelta(**{unit: number.value})
        except OverflowError:
            length = timedelta.max
        if length > LONGEST_MAXSPAN:
            refuse("maxspan is too long", number.place, "400 years at most, so that dates can be reckoned by it")
        return Maxspan(length)

    def until(self, children: list[Any]) -> Until:
        return Until(children[0])

    def stage(self, children: list[Any]) -> OneStage:
        event = children[0]
        keys = _of(Keys, children)
        runs = _of(Runs, children)
        return event._replace(  # type: ignore[no-any-return]  # what `present` and `missing` return
            keys=keys.fields if keys else (), runs=runs.times if runs else 1
        )

    def present(self, children: list[Any]) -> OneStage:
        return OneStage(children[0], False, children[0].place, (), 1)  # noqa: FBT003  the field is named in the class

    def missing(self, children: list[Any]) -> OneStage:
        return OneStage(children[1], True, place_of(children[0]), (), 1)  # noqa: FBT003  as above

    def runs(self, children: list[Any]) -> Runs:
        option, number = children
        if str(option) != "runs":
            refuse(f"`{option}` is not an option of a stage", option, "the only one is `with runs=N`")
        if isinstance(number.value, float):
            refuse("runs takes a whole number", number.place)
        if not 1 <= number.value <= _MOST_RUNS:
            refuse(f"runs must be between 1 and {_MOST_RUNS}", number.place)
        return Runs(number.value)

    def by(self, children: list[Any]) -> Keys:
        for key in children:
            if not isinstance(key, Field):
                refuse("a join key must be a field", key.place)
        return Keys(tuple(children), children[0].place)


def _of(kind: type[Any], children: list[Any]) -> Any:
    """Return the child of the kind, None where there is none."""
    return next((child for child in children if isinstance(child, kind)), None)


def _check_keys(stages: list[OneStage], first: OneStage) -> None:
    for stage in stages:
        if len(stage.keys) != len(first.keys):
            where = stage.keys[0].place if stage.keys else stage.place
            refuse(
                f"this stage has {len(stage.keys)} join keys of its own, the first stage has {len(first.keys)}", where
            )


def _unrolled(stages: list[OneStage], shared: tuple[Field, ...]) -> tuple[Stage, ...]:
    return tuple(
        stage
        for written in stages
        for stage in [Stage(written.filter, shared + written.keys, written.missing, written.place)] * written.runs
    )


def _pipe_hint(name: str) -> str:
    if name in _FOREIGN_PIPES:
        return "pipes are `head` and `tail`"
    near = difflib.get_close_matches(name, _PIPES, 1)
    return f"did you mean `{near[0]}`?" if near else "pipes are `head` and `tail`"
