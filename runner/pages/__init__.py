"""What a person sees of results: one module a page. Each page is built from values, and printed by `runner.cli`."""
