# Everything a person does here, one line each; `make help` reads the words behind ##.
PYTHON ?= python3
BIN := .venv/bin
LAB := $(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" --FileContentsManager.preferred_dir="$(CURDIR)/notebooks"
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup run test quick published soak lint serve lab bench clean

run: $(READY) ## set up, then the main job: demonstration company, every notebook, gallery
	@$(BIN)/opslib run --demo

test: $(READY) .venv/.browser lint quick published ## set up, then lint, import contracts and all tests but soak

lint: $(READY) ## style and import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache

quick: $(READY) ## the tests without the long ones
	@$(BIN)/python -m pytest -n 2 -m "not published and not browser and not slow and not soak"

published: $(READY) .venv/.browser ## the long tests: published numbers, notebooks, pages in a browser
	@$(BIN)/python -m pytest -n 2 -m "(published or browser or slow) and not soak"

soak: $(READY) ## long repeats: 200 kills, 50 seeds
	@$(BIN)/python -m pytest -m soak -o addopts= --import-mode=importlib -rA tests

serve: $(READY) ## start the dashboards on this machine
	@$(BIN)/opslib serve

# The notebooks name the kernel python3; here that is opslib's own, ready in a blink.
lab: $(READY) ## open JupyterLab on the notebooks
	@$(BIN)/python -c "from opslib.runs import kernels; kernels.install()"
	@mkdir -p .cache/lab/kernels && ln -sfn ../../jupyter/kernels/opslib .cache/lab/kernels/python3
	@JUPYTER_PATH="$(CURDIR)/.cache/lab:$(CURDIR)/.cache/jupyter" $(LAB)

setup: $(READY) ## make the environment in .venv

bench: $(READY) ## measure speed and memory side by side
	@for b in benchmarks/[a-z]*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

clean: ## remove what was made: runs, reports, warehouses, caches (deliveries, decisions stay)
	@rm -rf .cache data/warehouse reports/assets reports/*/ reports/*.html

help: ## this page
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

# Python may be told not to write bytecode, which makes every start several times
# slower; so everything is compiled once, here.
$(READY): requirements.lock pyproject.toml
	@echo "Setting up the environment (a few minutes, once) ..."
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v == (3, 11) else f"Python 3.11 is needed, this is {v[0]}.{v[1]}. Name another: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-compile --no-deps --editable .
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
	@touch $(READY)

# Browser tests need Debian's chromium and a Chinese font; without them they skip aloud.
.venv/.browser: $(READY)
	@sh tests/browser/setup.sh && touch .venv/.browser
