# `make train` and `make test` do all their own set-up, in .venv. `make help` lists the targets.

VENV := .venv
BIN := $(VENV)/bin
# Which extras `make test` installs besides: EXTRAS=all for all of them, or EXTRAS=torch.
EXTRAS ?=
LOCKED := pyproject.toml constraints.txt
# The newest of these that the path has, unless PYTHON=… says which.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$name; break; }; done)

.PHONY: help setup train test test-long check bench clean

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
	| awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.installed  ## install what training needs

train: $(VENV)/.installed  ## train on twenty years of the S&P 500; again: says that it is done
	@$(BIN)/retrain run configs/quickstart.yaml

test: $(VENV)/.installed-dev$(EXTRAS)  ## run the tests; EXTRAS=all: those of PyTorch and the like too
	$(BIN)/python -m pytest -m 'not long'

test-long: $(VENV)/.installed-dev$(EXTRAS)  ## crash and fault campaigns
	$(BIN)/python -m pytest -m long

check: $(VENV)/.installed-dev$(EXTRAS)  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev$(EXTRAS)  ## benchmarks; each prints a table
	@set -e; for script in tests/benchmarks/bench_*.py; do echo "== $$script"; \
	$(BIN)/python $$script; done

clean:  ## remove what was installed and cached; never ./artifacts
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# A stamp is written when an install is complete, so an interrupted one is done again, and a
# complete one is not.
$(VENV)/.installed: $(LOCKED) | $(VENV)/bin/python
	$(call install,.)
	@touch $@

$(VENV)/.installed-dev: $(LOCKED) $(VENV)/.installed | $(VENV)/bin/python
	$(call install,.[dev])
	@touch $@

$(VENV)/.installed-dev%: $(LOCKED) $(VENV)/.installed | $(VENV)/bin/python
	$(call install,.[dev$(comma)$*])
	@touch $@

comma := ,

# Of `arch` only a data file is read: without its dependencies, which are 208 MB.
define install
	@echo "installing (a few minutes the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	-c constraints.txt arch
endef

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or later on the path: install one" \
	"(Debian: apt install python3 python3-venv; macOS: brew install python@3.12)," \
	"or say which with PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "$(PYTHON) is too old: 3.11 or later is needed; say which with PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) has no venv: install it (Debian: apt install python3-venv)" >&2; exit 2; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
