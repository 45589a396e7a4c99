"""From the tree of a sequence or sample to its runs: the stages compiled once, each run a machine of its own."""

from dataclasses import dataclass, field
from typing import Any

from runner.query import ast
from runner.query.fields import Read, reader
from runner.query.join_keys import keys_reader
from runner.query.kinds import Fields
from runner.query.matcher import compile_filter
from runner.query.matching import Matching
from runner.query.pipes import piped
from runner.query.samples import SampleMatching
from runner.query.sequences import SequenceMatching
from runner.query.stages import CompiledStage


@dataclass(frozen=True, slots=True)
class Joins:
    """A compiled sequence or sample query: immutable, shared by threads."""

    query: ast.SequenceQuery | ast.SampleQuery
    stages: tuple[CompiledStage, ...] = field(repr=False)
    until: CompiledStage | None = field(repr=False)
    category: Read = field(repr=False)

    def matching(self, *, max_samples_per_key: int = 1) -> Matching[Any]:
        """Return a fresh run."""
        if isinstance(self.query, ast.SampleQuery):
            return piped(SampleMatching(self.stages, max_samples_per_key=max_samples_per_key), self.query.pipes)
        run: Matching[Any] = SequenceMatching(
            self.stages, maxspan=self.query.maxspan, until=self.until, category=self.category
        )
        return piped(run, self.query.pipes)


def compile_joins(query: ast.SequenceQuery | ast.SampleQuery, known: Fields, *, event_category_field: str) -> Joins:
    """Compile the stages of a query."""
    sample = isinstance(query, ast.SampleQuery)
    compiled: dict[int, CompiledStage] = {}  # by identity: the stages that `with runs` repeats are one

    def stage(written: ast.Stage) -> CompiledStage:
        if id(written) not in compiled:
            compiled[id(written)] = CompiledStage(
                matches=compile_filter(written.filter, known, event_category_field=event_category_field),
                keys=keys_reader(written.by, known, sample=sample),
                optional=tuple(isinstance(key, ast.Field) and key.optional for key in written.by),
                missing=written.missing,
                category=written.filter.category,
            )
        return compiled[id(written)]

    until = query.until if isinstance(query, ast.SequenceQuery) else None
    return Joins(
        query,
        tuple(stage(written) for written in query.stages),
        None if until is None else stage(until),
        reader(known.source(event_category_field)),
    )
