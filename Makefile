# Everything from nothing but Python 3.11 (or later) and make. `make setup` installs; every other target calls it first.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# A version manager's shim may be on the path without a version behind it: each candidate is run, not only looked for.
CAN_MAKE_A_VENV := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python /usr/bin/python3; do \
	"$$name" -c "$(CAN_MAKE_A_VENV)" 2>/dev/null && echo "$$name" && break; done)

# Where an environment forbids it, Python keeps nothing that it has compiled: every process that the demo and the tests
# start would compile all of the product again, which takes longer than what most of them do. Empty is as good as unset.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup run demo test coverage lint bench chaos screenshots load
.DEFAULT_GOAL := run

setup: $(STAMP)
	@:

# The stamp is written last: after an interrupted installation the next call goes on where it stopped.
$(STAMP): requirements.txt requirements-dev.txt
	@$(BIN)/python -c "import pip, sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
		test -n "$(PYTHON)" || { echo "Python 3.11 or later with its venv module is needed; none was found." >&2; exit 1; }; \
		$(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the packages into $(VENV); this takes a minute or two, once."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input -r requirements-dev.txt
	@touch $@

# Ends with Ctrl-C. `make demo` does the same work and ends by itself; it fails if anything was lost.
run: setup
	@exec $(BIN)/python manage.py demo

demo: setup
	@exec $(BIN)/python manage.py demo --exit

test: setup
	@$(BIN)/python -m pytest $(ARGS)

# Lines and branches that the suite reaches, in the processes that it starts, too.
coverage: setup
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

# Django's plugin for mypy reads the settings but connects to nothing: with the two URLs set, no server is started.
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DATABASE_URL=postgres://nowhere/none REDIS_URL=redis://nowhere/0 $(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --confidence-level medium --recursive \
		config webhooks bulk_orders integrations manage.py

bench: setup
	@exec $(BIN)/python manage.py bench $(ARGS)

chaos: setup
	@exec $(BIN)/python manage.py chaos $(ARGS)

# Pictures of the console into docs/screenshots, from demo data; takes Debian's chromium.
screenshots: setup
	@WEBHOOKS_ALLOWED_NETWORKS=127.0.0.0/8 exec $(BIN)/python manage.py screenshots

load: setup
	@exec $(BIN)/python manage.py load $(ARGS)
