# Scotoma. `make help` explains every target.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo
# Other people's servers and orchestrators, each in an environment of its own: their pins and ours never meet.
TOOLS := $(patsubst tests/tools/%.txt,$(VENV)/tools/%/.installed,$(wildcard tests/tools/*.txt))
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help demo day up test check bench planted examples install format browser clean

help: ## Show this list
	@echo "Scotoma audits what an image classifier ignores."
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "New here? Run 'make demo', then open demo/robust.html."

demo: $(DEMO_STAMP) ## Audit two real digit classifiers, minutes, leaves reports in ./demo/
	@$(BIN)/python -m deploy.demo

day: $(STAMP) ## A day in a pipeline: policy, schedule, failed gate, webhook, comparison; leaves ./demo/day/
	@$(BIN)/python -m deploy.demo.day

up: $(DEMO_STAMP) ## Start the whole service on this machine (database, S3, API, Ray); Ctrl-C stops it
	@$(BIN)/python -m services.cli up

# One thread each: the nets of tests are small, and threads that spin while they wait slow everything else.
test planted examples: export OMP_NUM_THREADS := 1
test planted examples: export OMP_WAIT_POLICY := PASSIVE
test: $(STAMP) $(TOOLS) browser ## Run every test against real servers
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(STAMP) ## Lint, formatting, types, import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## Measure speed and memory (tests/benchmarks)
	$(BIN)/python -m tests.benchmarks

planted: $(STAMP) ## Check verdicts against classifiers whose truth is known (tests/planted)
	$(BIN)/python -m pytest tests/planted

examples: $(STAMP) ## Symmetry on real data: QM9 molecules, rotated and augmented digits; minutes, leaves ./examples-out/
	@$(BIN)/python -m deploy.examples.rotated_digits
	@$(BIN)/python -m deploy.examples.augmented_digits --audit
	@$(BIN)/python -m deploy.examples.molecules

install: $(STAMP) ## Create .venv with everything

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

browser: # the tests look at reports in a real browser
	@command -v chromium >/dev/null || (echo "installing chromium (Debian)" && apt-get update -q && apt-get install -y -q --no-install-recommends chromium)

clean: ## Remove .venv, caches and the demo's output
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist demo examples-out .demo-stack

# torch first and by itself: a range would pull gigabytes of CUDA on a machine that has no GPU.
$(VENV)/.torch: deploy/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || (echo "Scotoma needs Python 3.11 or newer; set PYTHON=" && false)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing torch (CPU build)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check torch==2.13.0
	@touch $@

$(VENV)/tools/%/.installed: tests/tools/%.txt
	@echo "installing $* for the tests"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

$(DEMO_STAMP): pyproject.toml deploy/constraints.txt $(shell find schemas -name '*.py') | $(VENV)/.torch
	@echo "installing Scotoma and the embedded servers"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c deploy/constraints.txt ".[server,worker,embedded,demo]"
	@touch $@

$(STAMP): pyproject.toml deploy/constraints.txt $(shell find schemas -name '*.py') | $(VENV)/.torch
	@echo "installing Scotoma, the embedded servers and the developers' tools"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c deploy/constraints.txt ".[server,worker,embedded,demo,dev]"
	@touch $@ $(DEMO_STAMP)

# Only what a server and its client load: all that MLflow asks for is 350 MB more, and no request touches it.
$(VENV)/tools/mlflow/.installed: tests/tools/mlflow.txt
	@echo "installing mlflow for the tests"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@
