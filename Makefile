# What matters: `make read`, `make serve`, `make train`, `make tutorial`, `make test`. All work from
# nothing, and again; each installs what it needs and no more.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Made last by a set-up that went well; made anew when what it depends on changes. The first is for
# reading and the page; each of the others contains those before it.
READY := $(VENV)/.ready
READY_TRAIN := $(VENV)/.ready-train
READY_TUTORIAL := $(VENV)/.ready-tutorial
READY_DEV := $(VENV)/.ready-dev

.DEFAULT_GOAL := help

.PHONY: help
help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: read
read: $(READY) ## Set up, and read the digits of a picture (ARGS=photo.jpg)
	@$(BIN)/digits read $(or $(ARGS),src/digits/reading/samples/paper.jpg)

.PHONY: serve
serve: $(READY) ## Set up, and show a page to draw digits on (ARGS="--open")
	@$(BIN)/digits serve $(ARGS)

.PHONY: train
train: $(READY_TRAIN) ## Set up, fetch MNIST, train, evaluate, write the report (ARGS="--recipe deep")
	@$(BIN)/digits train --report $(ARGS)

# In a container one often is root, whom Jupyter refuses unless told that this is meant.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: tutorial
tutorial: $(READY_TUTORIAL) ## Set up, and open the tutorial in Jupyter
	$(BIN)/jupyter lab $(AS_ROOT) --LabApp.default_url=/lab/tree/notebooks/tutorial.ipynb $(ARGS)

.PHONY: notebooks
notebooks: $(READY_DEV) ## Make the notebooks from their text, by running them (four minutes)
	$(BIN)/python notebooks/execute.py

.PHONY: test
test: $(READY_DEV) ## Set up and run all checks: ruff, mypy, pytest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4

.PHONY: bench
bench: $(READY_DEV) ## Train the quick recipes, timed beside the step-by-step guide (three minutes)
	$(BIN)/python benchmarks/quick.py

.PHONY: bench-speed
bench-speed: $(READY_DEV) ## Time training against the step-by-step guide's way (half an hour)
	$(BIN)/python benchmarks/train_speed.py

.PHONY: bench-serving
bench-serving: $(READY_DEV) ## Load the server, beside a plain one (25 minutes; needs wrk)
	$(BIN)/python benchmarks/serving.py

.PHONY: dist
dist: $(READY_DEV) ## Build wheel and sdist in dist/, and check them
	$(BIN)/python release.py

.PHONY: release
release: $(READY_DEV) ## The same, of a commit with a version's tag and no changes, or not at all
	$(BIN)/python release.py --tagged

.PHONY: lock
lock: $(READY_DEV) ## Write the locks and docs/reference/dependencies.md anew, from constraints.txt
	$(BIN)/python requirements/lock.py
	$(BIN)/python requirements/licences.py

.PHONY: upgrade
upgrade: $(READY_DEV) ## Bring all dependencies but torch up to date; pin, lock and list them
	$(BIN)/python requirements/constraints.py
	$(MAKE) lock

.PHONY: clean
clean: ## Remove the set-up and what the checks left; runs and data stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Pip is what a virtual environment gets last.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "digits needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(READY_TRAIN): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[train]"
	@touch $(READY) $@

$(READY_TUTORIAL): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[tutorial]"
	@touch $(READY) $(READY_TRAIN) $@

$(READY_DEV): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(READY) $(READY_TRAIN) $(READY_TUTORIAL) $@
