# make demo    a dashboard full of sample mail, from a bare clone
# make test    everything a change must pass (.ci/run calls it)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
WORKERS ?= 4
LOCK := $(VENV)/lock-tool/bin/uv pip compile pyproject.toml -q --extra demo --group build --universal \
	--python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

.DELETE_ON_ERROR:
.PHONY: demo test lint types imports servers bench soak screenshots lock clean

demo: $(VENV)/.demo
	@$(BIN)/mailsync demo

# Most tests wait for servers most of the time, hence more workers than small machines have processors.
test: servers lint types imports
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "error: not formatted; run $(BIN)/ruff format ." >&2; exit 1; }

types: $(VENV)/.dev
	@$(BIN)/mypy --no-error-summary

imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log 2>&1 || { cat $(VENV)/lint-imports.log; exit 1; }

servers:
	@sh tests/servers/ensure.sh dovecot oidc dbus-daemon gnome-keyring-daemon

bench: $(VENV)/.dev
	@sh tests/servers/ensure.sh dovecot mbsync
	@$(BIN)/python -m tests.benchmarks

soak: $(VENV)/.dev servers
	@$(BIN)/python -m pytest -q -m soak

screenshots: $(VENV)/.dev
	@$(BIN)/python -m tests.tui.screenshots

# Both locks pin every platform and name no index; the second is the first plus what the tests need.
lock: $(VENV)/.python
	@test -x $(VENV)/lock-tool/bin/uv || { $(PYTHON) -m venv $(VENV)/lock-tool && $(VENV)/lock-tool/bin/python -m pip -qq install uv; }
	@$(LOCK) --upgrade -o requirements.lock
	@$(LOCK) --group dev --constraint requirements.lock -o requirements-dev.lock
	@! grep -nE 'https?:|file:|index-url|find-links' requirements.lock requirements-dev.lock

clean:
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find mailsync tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a run with nothing changed installs nothing.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "error: this Python has no venv module; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: requirements.lock pyproject.toml $(VENV)/.python
	@echo "installing into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.demo
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
