# make demo            install into .venv and run the main job on the bundled sample
# make demo-generate   the same for a model that writes: a small one, trained from random weights
# make test            lint, types, tests (what the continuous integration runs)
# make test-slow       the tests that take longer than half a minute each
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-generate test test-slow lint format clean

demo: $(VENV)/demo-installed
	@mkdir -p demo
	@test -f demo/tunewright.yaml || $(BIN)/tunewright init --sample support_desk --out demo/tunewright.yaml
	$(BIN)/tunewright run demo/tunewright.yaml

demo-generate: $(VENV)/demo-installed
	@mkdir -p demo-generate
	@test -f demo-generate/tunewright.yaml || $(BIN)/tunewright init --sample support_actions --out demo-generate/tunewright.yaml
	$(BIN)/tunewright run demo-generate/tunewright.yaml

test: lint
	$(BIN)/python -m pytest -m "not slow" -n 2

test-slow: $(VENV)/dev-installed
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf demo demo-generate build dist .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/dev-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[demo,dev]'
	@touch $@
