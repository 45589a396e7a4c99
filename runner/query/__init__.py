"""EQL over Python mappings, with Elasticsearch's semantics; needs no cluster."""

from runner.query.program import Joined, Kind, Matching, Program

__all__ = ["Joined", "Kind", "Matching", "Program"]
