# The verbs, the same for people and CI. `make help` lists them.
# VENV=path uses another virtual environment, PYTHON=name another interpreter, ARGS=… goes to the program.

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# Rustup's own place, for a shell that was open while it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin
# One interpreter for every cargo call, so that the binding is not compiled again for each.
export PYO3_PYTHON := $(abspath $(BIN)/python)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Directories count as well: a deleted file changes its directory.
SOURCES := Cargo.toml $(wildcard Cargo.lock) pyproject.toml README.md LICENSE \
	$(shell find rust python \( -name __pycache__ -o -name fuzz -o -name '*.so' \) -prune -o -print)
WHEELS := target/wheels

.DELETE_ON_ERROR:
.PHONY: help dev run check test fmt bench bench-core bench-handler bench-pipeline bench-quick fuzz miri wheel clean require

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

require:
	@.ci/require build >/dev/null

$(VENV)/.made: constraints.txt | require
	@echo "headrig: setting up $(VENV)"
	@test -x $(BIN)/python || $$(.ci/require build) -m venv $(VENV)
	@$(PIP) install -c constraints.txt pip maturin
	@touch $@

$(VENV)/.tools: $(VENV)/.made pyproject.toml
	@echo "headrig: installing the tools of tests and lint"
	@$(PIP) install -c constraints.txt --group dev
	@touch $@

$(VENV)/.peers: $(VENV)/.made pyproject.toml
	@echo "headrig: installing what the benches stand beside ours"
	@$(PIP) install -c constraints.txt --group bench
	@touch $@

# Everything runs on the built wheel, so that what is tested is what is shipped.
$(VENV)/.wheel: $(VENV)/.made $(SOURCES) | require
	@echo "headrig: building (the first time takes some minutes)"
	@rm -rf $(WHEELS)
	@$(BIN)/maturin build --quiet --out $(WHEELS)
	@$(PIP) install -c constraints.txt $(WHEELS)/*.whl
	@$(PIP) install --force-reinstall --no-deps $(WHEELS)/*.whl
	@touch $@

run: $(VENV)/.wheel ## set up, build and start the ingest process (ARGS="-c headrig.toml")
	@exec $(BIN)/headrig run $(ARGS)

dev: $(VENV)/.tools | require ## editable install for work on the sources
	@rm -f $(VENV)/.wheel
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --profile dev

fmt: $(VENV)/.tools ## format Rust and Python
	cargo fmt --all
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

check: $(VENV)/.tools $(VENV)/.wheel ## format, lint, types, stubs, layers and all tests
	cargo fmt --all --check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/python -m mypy.stubtest headrig._core --mypy-config-file pyproject.toml \
		--allowlist tests/typing/stubtest_allow.txt --ignore-unused-allowlist
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile
	@$(MAKE) --no-print-directory test

test: $(VENV)/.tools $(VENV)/.wheel ## set up and pass all tests (ARGS goes to pytest)
	@.ci/require jq prometheus rsyslog curl netcat-openbsd
	cargo test --quiet --workspace --exclude headrig-py
	$(BIN)/pytest $(ARGS)

bench: bench-core bench-handler bench-pipeline ## all tables, recorded in benches/record/

bench-core: $(VENV)/.peers | require ## the core beside the limits of the machine and the obvious ways
	HEADRIG_BENCH_PYTHON=$(abspath $(BIN)/python) cargo run --release --quiet -p headrig-bench -- table $(ARGS)

bench-handler: $(VENV)/.peers $(VENV)/.wheel ## a log call beside other loggers (ARGS="--quick")
	PYTHONPATH=benches $(BIN)/python -m measure.handler $(ARGS)

bench-pipeline: $(VENV)/.peers $(VENV)/.wheel ## TCP to file beside rsyslog (ARGS="--quick")
	@.ci/require rsyslog
	cargo build --release --quiet -p headrig-bench
	PYTHONPATH=benches $(BIN)/python -m measure.pipeline $(ARGS)

bench-quick: $(VENV)/.made | require ## the gate: instructions per byte under callgrind
	@.ci/require valgrind
	cargo run --release --quiet -p headrig-bench -- quick

fuzz: ## grow inputs against what must hold of the core (SECONDS=60 for each of TARGETS="process walk paths")
	@.ci/fuzz $(or $(SECONDS),60) $(TARGETS)

miri: $(VENV)/.made ## run what is unsafe under Miri (nightly Rust)
	@.ci/miri

wheel: $(VENV)/.made | require ## a wheel and an sdist in dist/
	$(BIN)/maturin build --out dist
	$(BIN)/maturin sdist --out dist

clean: ## remove what was built, also the virtual environment
	rm -rf $(VENV) target dist .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
