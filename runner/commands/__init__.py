"""Commands too large for `runner.cli`, which joins them, and what commands share."""
