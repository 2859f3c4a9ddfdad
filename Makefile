# Everything sets itself up: a clean clone on a machine with Python needs only `make demo` or `make test`.
VENV := .venv
BIN := $(VENV)/bin
# One BLAS thread: more change the bits of a result.
export OPENBLAS_NUM_THREADS := 1
PYTEST := $(BIN)/python -m pytest -q

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test lint test-fast test-slow test-all stress bench real clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@scripts/setup

setup-dev:
	@scripts/setup dev

demo: setup ## run the whole campaign in miniature, offline, and end with its verdict
	$(BIN)/lorarun apply specs/demo.yaml

test: lint test-fast ## all checks but the slow ones

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-fast: setup-dev
	$(PYTEST) -m "not slow and not stress"

test-slow: setup-dev ## the slow checks alone: whole campaigns, the wheel, controls
	$(PYTEST) -m "slow and not stress"

test-all: test test-slow ## all checks, the slow ones too

stress: setup-dev ## long random campaigns and kills; not part of test-all
	$(PYTEST) -m stress

bench: setup-dev ## the measured figures, printed and compared with their budgets
	@for program in benchmarks/*.py; do echo "== $$program"; $(BIN)/python $$program || exit 1; done

bench-%: setup-dev
	$(BIN)/python benchmarks/$*.py

real: setup ## the text half on a real pretrained model (about 30 minutes on 2 cores)
	$(BIN)/python -m data.build_smollm2
	$(BIN)/lorarun apply specs/smollm2.yaml

clean: ## remove the environment and tool caches; artifacts/ and ssot/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
