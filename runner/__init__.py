"""Run Elastic's detection rules beside an Elastic stack, and prove what has been searched."""

__version__ = "0.1.0"
