# `make train` and `make test` do all their own set-up, in .venv. `make help` lists the targets.
# GNU make 3.81, which macOS has, is enough.

VENV := .venv
BIN := $(VENV)/bin
# What `make test`, `check` and `bench` install besides: EXTRAS=all, or a single one (EXTRAS=torch).
# With all of them the slow tests run too: those that deploy to a worker, and a few of half a minute.
EXTRAS ?=
# How many processes `make test` runs tests in, a file at a time: many wait more than they work.
# Each starts servers of its own, so that more than a few take more than they give.
TESTERS ?= 2
# Where the server of `make up` listens.
PORT ?= 4200
# The first of these that will do makes .venv; PYTHON=/path/to/python3 says which.
PYTHON ?= python3 python3.13 python3.12 python3.11

base := $(VENV)/.installed
dev := $(VENV)/.installed-dev
extras := $(if $(EXTRAS),$(VENV)/.installed-extras-$(EXTRAS))
unfinished := $(VENV)/.installing
not_slow := $(if $(filter all,$(EXTRAS)),, and not slow)

.NOTPARALLEL:
.PHONY: help setup train up down deploy test test-long check bench bench-rooms bench-peers \
	screenshots schema clean again

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
	| awk -F'|' '{printf "make %-11s %s\n", $$1, $$2}'

setup: $(base)  ## install what training needs

train: $(base)  ## train on twenty years of the S&P 500; again: says that it is done
	@$(BIN)/retrain run configs/quickstart.yaml

up: $(base)  ## everything on this machine: server, worker, deployments; PORT=4200
	@RETRAIN_PORT=$(PORT) $(BIN)/python -m flows.machine up

down: $(base)  ## end what `make up` started; data and history stay
	@$(BIN)/python -m flows.machine down

deploy: $(base)  ## deployments and automations, to the server of PREFECT_API_URL
	@$(BIN)/python -m flows.machine deploy

test: $(dev) $(extras)  ## run the tests; EXTRAS=all: slow ones and those of PyTorch and the like too
	$(BIN)/python -m pytest -m 'not long$(not_slow)' -n $(TESTERS) --dist loadfile --no-loadscope-reorder

test-long: $(dev) $(extras)  ## crash and fault campaigns
	$(BIN)/python -m pytest -m long

check: $(dev) $(extras)  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(dev) $(extras)  ## each row beside its limit, in one table; BENCH="--scripts engine start"
	@$(BIN)/python -m tests.benchmarks.suite $(BENCH)

bench-rooms: $(dev) $(extras)  ## benchmarks of single rooms: artifacts, registry, data, models, scoring
	@set -e; for room in artifacts registry data numpy_model resume score; do \
	echo "== $$room"; $(BIN)/python -m tests.benchmarks.bench_$$room; done

bench-peers: $(dev)  ## other frameworks, each in an environment of its own
	@$(BIN)/python -m tests.benchmarks.peers $(BENCH)

schema: $(base)  ## write the JSON schema that `retrain schema` prints, after a change of it
	@$(BIN)/python -c 'import json; from training.config import RunConfig; \
	print(json.dumps(RunConfig.model_json_schema()))' > flows/cli/schema.json

screenshots: $(dev) $(extras)  ## take the pictures of docs/ui.md; needs Chromium
	@$(BIN)/python -c 'from tests.screenshots.browser import require; require()'
	$(BIN)/python -m tests.screenshots.take

clean:  ## remove what was installed, built and cached; never ./artifacts
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	.import_linter_cache .hypothesis

# The stamps are written when an install is complete, so a complete one is not repeated.
$(base): pyproject.toml constraints.txt $(BIN)/python
	$(call install,.)

$(dev): pyproject.toml constraints.txt $(BIN)/python
	$(call install,.[dev])

$(VENV)/.installed-extras-%: pyproject.toml constraints.txt $(BIN)/python
	$(call install,.[$*])

PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install -c constraints.txt

# Of `arch` only a data file is read, so it comes without its dependencies, which are 208 MB.
define install
	@echo $$PPID > $(unfinished)
	@echo "installing $(1) into $(VENV) (a minute or two the first time) ..."
	@$(PIP) -e '$(1)'
	@$(PIP) --no-deps arch
	@rm -f $(unfinished)
	@touch $(base) $@
endef

will_do := import importlib.util, sys; \
	right = (3, 11) <= sys.version_info < (3, 14); \
	venv = bool(importlib.util.find_spec("ensurepip")); \
	print(sys.version.split()[0] + (" without venv" if right and not venv else "")); \
	sys.exit(not (right and venv))

# A package that pip was killed in the middle of looks installed to pip; so after an install that
# did not end well the environment is made again.
$(BIN)/python: $(if $(wildcard $(unfinished)),again)
	@case `ps -o comm= -p "$$(cat $(unfinished) 2>/dev/null)" 2>/dev/null` in \
	make|gmake|*/make|*/gmake) \
	echo "another make is installing into $(VENV): wait for it" >&2; exit 2;; esac
	@for python in $(PYTHON); do \
	why=`$$python -c '$(will_do)' 2>/dev/null` && { rm -rf $(VENV); mkdir $(VENV); \
	echo $$PPID > $(unfinished); exec $$python -m venv $(VENV); }; \
	found="$$found$${why:+; $$python is $$why}"; done; \
	echo "no Python 3.11, 3.12 or 3.13 with venv found$$found: install one (Debian: apt install" \
	"python3-venv; macOS: brew install python@3.13) or name it: make PYTHON=/path/to/python3" >&2; \
	exit 2
