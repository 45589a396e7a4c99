"""Commands that have commands of their own; `runner.cli` joins them."""
