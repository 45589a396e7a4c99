"""EQL over Python mappings, with Elasticsearch's semantics; needs no cluster.

compile(text) → Program          checked; raises QueryError with line, column and hint
Program.matches(event)           is the event query's condition definitely true of the event
Program.matching()               one run over a stream of events: sequences, samples, pipes
search(query, events) → Found    all at once, over events in memory
"""

from runner.query.fields import values
from runner.query.matching import Joined, Matching
from runner.query.program import Kind, Program, compile
from runner.query.searching import Found, FoundSequence, search
from runner.query.timestamps import instant, nanoseconds
from runner.query.types import FieldType, FieldTypes

__all__ = [
    "FieldType",
    "FieldTypes",
    "Found",
    "FoundSequence",
    "Joined",
    "Kind",
    "Matching",
    "Program",
    "compile",
    "instant",
    "nanoseconds",
    "search",
    "values",
]
