# Everything one does here. `make fit` and `make test` need Python 3.11 to 3.13, make and git, and make the rest.

VENV ?= .venv
PYTHON ?=
SPEC ?= specs/twitter.yaml
ARGS ?=
WORKERS ?= 2

bin := $(VENV)/bin
ready := $(VENV)/.netspec
made_from := pyproject.toml constraints.txt

# Relative, because pip splits these two at spaces; the second is the newer pip's, for what the build itself needs.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PYTHONUTF8 := 1

# An environment whose Python is gone, or whose folder was moved, counts as not made.
moved := $(shell [ -x '$(bin)/python' ] && [ "$$(cat '$(ready)/venv' 2>/dev/null)" = "$$PWD" ] || echo moved)
quietly := $(shell [ -t 1 ] || echo --quiet)
pytest := $(bin)/python -m pytest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help fit test quick nightly kills fuzz check lint types format fresh catalog pages headlines tales bench peers lock clean moved

help: ## list the targets (this is what plain `make` does)
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables: PYTHON=python3.12 (which Python the environment is made with), SPEC= and ARGS= (make fit), WORKERS=2 (tests)'

fit: $(ready)/tensorflow ## train specs/twitter.yaml (or SPEC=…, with ARGS='--epochs 1')
	$(bin)/netspec fit $(SPEC) $(ARGS)

test: $(ready)/dev ## run every test and every example of the code
	$(pytest) -n $(WORKERS) --dist loadfile $(ARGS)

quick: $(ready)/dev ## run the tests that one runs between edits (under a minute)
	$(pytest) -n $(WORKERS) --dist loadfile -m 'not slow' --ignore netspec/runtime $(ARGS)

nightly: $(ready)/dev ## run the long comparisons with Keras: 10,000 random graphs, every case of the shape rules, more tables
	NETSPEC_GRAPHS=10000 NETSPEC_MASKS=5000 NETSPEC_ORACLE=full $(pytest) -n $(WORKERS) tests/test_differential.py tests/test_masks.py tests/test_shapes.py tests/test_argument_grid.py tests/test_ops_shapes.py tests/test_contract_agreement.py $(ARGS)

kills: $(ready)/dev ## kill training 100 times at random moments, and compare what it comes to (half an hour, or ARGS='20')
	$(bin)/python tests/kills.py $(ARGS)

fuzz: $(ready)/dev ## make broken specs until one breaks `validate` (a minute, or ARGS='--seconds 3600')
	$(bin)/python tools/fuzz.py $(ARGS)

check: lint types test ## all that CI runs: lint, format, types, tests

lint: $(ready)/dev
	$(bin)/ruff check
	$(bin)/ruff format --check

types: $(ready)/dev
	$(bin)/mypy

format: $(ready)/dev ## put the code into shape
	$(bin)/ruff check --fix
	$(bin)/ruff format

fresh: ## clone the last commit into a new folder and run `make fit` and `make test` there
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT INT TERM && \
	git clone --quiet . "$$folder/netspec" && cd "$$folder/netspec" && \
	unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES VIRTUAL_ENV PYTHONPATH PYTHONHOME && \
	$(MAKE) --no-print-directory fit PYTHON='$(PYTHON)' && $(MAKE) --no-print-directory test PYTHON='$(PYTHON)'

catalog: $(ready)/dev ## write netspec/catalog/keras.json and keras_ops.json from the installed Keras
	$(bin)/python tools/make_catalog.py

pages: $(ready)/dev ## write what netspec says into the pages of its codes (netspec/rules), and docs/checks.md
	$(bin)/python tools/make_checks.py $(ARGS)

headlines: $(ready)/dev ## write specs/data/headlines.csv and headlines-test.csv
	$(bin)/python tools/make_headlines.py

tales: $(ready)/dev ## write specs/data/tales.txt
	$(bin)/python tools/make_tales.py

bench: $(ready)/dev ## measure side by side with plain Keras (minutes)
	$(bin)/python benchmarks/run.py $(ARGS)

peers: $(ready)/venv ## install what bench compares checking with, in .venv-peers (gigabytes)
	$(bin)/python benchmarks/peers.py $(ARGS)

lock: $(ready)/dev ## write constraints.txt with the newest versions that pyproject.toml allows
	PIP_CONSTRAINT= $(bin)/python -m pip install --quiet uv
	$(bin)/python tools/make_constraints.py

clean: ## remove what make and the tools made, but not runs/
	rm -rf '$(VENV)' dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written when its step is done, so an interrupted step is done again.
$(ready)/venv: $(moved)
	@sh tools/venv.sh '$(VENV)' '$(PYTHON)'
	@printf '%s' "$$PWD" >$@

$(ready)/tensorflow: $(ready)/venv $(made_from)
	@echo 'installing netspec with TensorFlow and Keras into $(VENV): several hundred MB, minutes on a slow line'
	@$(bin)/python -m pip install $(quietly) --editable '.[tensorflow]'
	@$(bin)/python -m compileall -q netspec
	@touch $@

$(ready)/dev: $(ready)/venv $(made_from)
	@echo 'installing netspec with TensorFlow, Keras and the tools of the tests into $(VENV): minutes on a slow line'
	@$(bin)/python -m pip install $(quietly) --editable '.[tensorflow,dev]'
	@$(bin)/python -m compileall -q netspec
	@touch $(ready)/tensorflow $@
