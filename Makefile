# The words of this project. `make demo` and `make test` work in a fresh clone with nothing but Python 3.11
# (`make test` also starts an Elasticsearch: see scripts/elasticsearch.py).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test check format unit bench chaos golden lock clean

demo: $(VENV)/ready ## one command that shows the seed rule at work, without a cluster
	$(BIN)/eql-runner demo

test: check ## everything: format, lint, types, unit, properties, contracts, and a real Elasticsearch
	$(BIN)/python scripts/elasticsearch.py run -- $(BIN)/pytest

check: $(VENV)/ready ## format, lint, types, the arrows of the architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: check ## all tests that need no cluster
	$(BIN)/pytest -m "not live"

chaos: $(VENV)/ready ## hundreds of seeds of trouble in memory, some on a real node, which is killed too (CHAOS_SEEDS, CHAOS_LIVE_SEEDS, CHAOS_FIRST)
	CHAOS_SEEDS=$${CHAOS_SEEDS:-300} CHAOS_LIVE_SEEDS=$${CHAOS_LIVE_SEEDS:-30} CHAOS_RESTART=$${CHAOS_RESTART-1} \
	$(BIN)/python scripts/elasticsearch.py run -- $(BIN)/pytest tests/chaos --timeout 3600

bench: $(VENV)/ready ## measure side by side, some five minutes, and keep the table in docs/benchmarks.md
	$(BIN)/python scripts/elasticsearch.py run -- $(BIN)/python -m scripts.bench

golden: $(VENV)/ready ## renew the expected documents; read the diff
	RENEW_GOLDEN=1 $(BIN)/pytest tests/execution

lock: ## renew the pinned requirements from pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe -o requirements.txt pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe --extra dev -o requirements-dev.txt pyproject.toml

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/ready: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
