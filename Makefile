# Two commands for newcomers: `make demo` and `make test`.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/troupe/target
PYTHON ?= python3
VENV := .deps/venv

.PHONY: demo test check fix bench setup

# The main job: set up, build, run.
demo: setup
	cargo build --release -p troupe-node
	$(CARGO_TARGET_DIR)/release/troupe demo $(ARGS)

# Everything that is tested.
test: setup $(VENV)/ready
	cargo build -p troupe-node
	cargo test --workspace
	TROUPE_BIN=$(CARGO_TARGET_DIR)/debug/troupe $(VENV)/bin/python -m pytest -q -rs sdk/python/tests

# What CI holds every change to. Writes nothing into the tree.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# Mends what can be mended by a tool.
fix:
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# Data and the inference library, each checked by its sum and skipped when present.
setup:
	bash scripts/deps.sh

$(VENV)/ready: sdk/python/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet pytest ./sdk/python
	touch $@
