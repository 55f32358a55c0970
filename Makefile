# The verbs, the same for people and CI. `make help` lists them.
# PYTHON=name uses another interpreter, in a virtual environment of its own; ARGS=… goes to the program.

VENV ?= .venv$(if $(PYTHON),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
# `make run` has a build and an environment of its own: what is tested and measured is only ever what is shipped.
RUN := $(VENV)-run
PIP = $(@D)/bin/python -m pip --quiet --disable-pip-version-check --no-input
# Rustup's own place, for a shell that was open while it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin
# One interpreter for every cargo call, so that the binding is not compiled again for each. It is abi3: one wheel is for
# all of them.
export PYO3_PYTHON := $(abspath $(BIN)/python)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Directories count as well: a deleted file changes its directory.
SOURCES := Cargo.toml $(wildcard Cargo.lock) constraints.txt pyproject.toml README.md LICENSE \
	$(shell find rust python \( -name __pycache__ -o -name fuzz -o -name '*.so' \) -prune -o -print)
WHEELS := target/wheels
QUICK := target/run

.DELETE_ON_ERROR:
.PHONY: help dev run check test coverage deny fmt bench bench-core bench-handler bench-pipeline bench-quick fuzz miri wheel clean require

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

require:
	@.ci/require build >/dev/null

$(VENV)/.made $(RUN)/.made: constraints.txt | require
	@echo "headrig: setting up $(@D)"
	@test -x $(@D)/bin/python || $$(.ci/require build) -m venv $(@D)
	@$(PIP) install -c constraints.txt pip maturin
	@touch $@

$(VENV)/.tools: $(VENV)/.made pyproject.toml
	@echo "headrig: installing the tools of the tests"
	@$(PIP) install -c constraints.txt --group test
	@touch $@

$(VENV)/.measured: $(VENV)/.tools
	@echo "headrig: installing what measures coverage"
	@$(PIP) install -c constraints.txt --group coverage
	@touch $@

$(VENV)/.lint: $(VENV)/.tools
	@echo "headrig: installing the tools of lint"
	@$(PIP) install -c constraints.txt --group dev
	@touch $@

$(VENV)/.peers: $(VENV)/.made pyproject.toml
	@echo "headrig: installing what the benches stand beside ours"
	@$(PIP) install -c constraints.txt --group bench
	@touch $@

# Everything runs on the built wheel, so that what is tested is what is shipped.
$(WHEELS)/.built: $(SOURCES) | $(VENV)/.made
	@echo "headrig: building what is tested and shipped, optimized as a whole: this takes some minutes"
	@rm -rf $(WHEELS)
	@$(BIN)/maturin build --out $(WHEELS)
	@touch $@

$(QUICK)/wheels/.built: $(SOURCES) | $(RUN)/.made
	@echo "headrig: building a quick one to run here: the first time takes a minute or two"
	@rm -rf $(QUICK)/wheels
	@PYO3_PYTHON=$(abspath $(RUN)/bin/python) $(RUN)/bin/maturin build --profile quick --target-dir $(QUICK) --out $(QUICK)/wheels
	@touch $@

$(VENV)/.wheel: $(WHEELS)/.built $(VENV)/.made
$(RUN)/.wheel: $(QUICK)/wheels/.built $(RUN)/.made
$(VENV)/.wheel $(RUN)/.wheel:
	@$(PIP) install -c constraints.txt $(<D)/*.whl
	@$(PIP) install --force-reinstall --no-deps $(<D)/*.whl
	@touch $@

run: $(RUN)/.wheel ## set up, build and start the ingest process (ARGS="-c headrig.toml")
	@exec $(RUN)/bin/headrig run $(ARGS)

dev: $(VENV)/.lint | require ## editable install for work on the sources
	@rm -f $(VENV)/.wheel
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --profile dev

fmt: $(VENV)/.lint ## format Rust and Python
	cargo fmt --all
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

check: $(VENV)/.lint $(VENV)/.wheel ## format, lint, spelling, types, stubs, layers and all tests
	cargo fmt --all --check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/python -m mypy.stubtest headrig._core --mypy-config-file pyproject.toml \
		--allowlist tests/typing/stubtest_allow.txt --ignore-unused-allowlist
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile
	@$(MAKE) --no-print-directory test

test: $(VENV)/.tools $(VENV)/.wheel ## set up and pass all tests (ARGS goes to pytest)
	@.ci/require jq logrotate prometheus rsyslog curl netcat-openbsd zstd
	cargo build --workspace --exclude headrig-py --tests
	cargo test --quiet --workspace --exclude headrig-py
	$(BIN)/pytest $(ARGS)

coverage: $(VENV)/.measured $(VENV)/.wheel ## the tests again, and how much of the Python code they run (ARGS goes to pytest)
	@.ci/require jq logrotate prometheus rsyslog curl netcat-openbsd zstd
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

deny: ## licences, duplicates and sources of the Rust packages, without network (cargo install --locked cargo-deny)
	@cargo deny --version >/dev/null 2>&1 || { echo "headrig: cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --offline check bans licenses sources

bench: bench-core bench-handler bench-pipeline ## all tables, recorded in benches/record/

bench-core: $(VENV)/.peers | require ## the core beside the limits of the machine and the obvious ways
	HEADRIG_BENCH_PYTHON=$(abspath $(BIN)/python) cargo run --release -p headrig-bench -- table $(ARGS)

bench-handler: $(VENV)/.peers $(VENV)/.wheel ## a log call beside other loggers (ARGS="--quick")
	PYTHONPATH=benches $(BIN)/python -m measure.handler $(ARGS)

bench-pipeline: $(VENV)/.peers $(VENV)/.wheel ## TCP to file beside rsyslog (ARGS="--quick")
	@.ci/require rsyslog
	cargo build --release -p headrig-bench
	PYTHONPATH=benches $(BIN)/python -m measure.pipeline $(ARGS)

bench-quick: $(VENV)/.made | require ## the gate: instructions per byte under callgrind
	@.ci/require valgrind
	cargo run --release -p headrig-bench -- quick

fuzz: ## grow inputs against what must hold of the core (SECONDS=60 for each of TARGETS="process walk paths")
	@.ci/fuzz $(or $(SECONDS),60) $(TARGETS)

miri: $(VENV)/.made ## run what is unsafe under Miri (nightly Rust)
	@.ci/miri

wheel: $(VENV)/.made | require ## a wheel and an sdist in dist/
	$(BIN)/maturin build --out dist
	$(BIN)/maturin sdist --out dist

clean: ## remove what was built, also the virtual environments
	rm -rf .venv .venv-* $(VENV) $(RUN) target dist .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
