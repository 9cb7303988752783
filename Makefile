# make demo    amodal masks of the photographs in examples/, as a page to look at (no torch)
# make setup   everything: training, the page of `amodal annotate`, development tools
# make test    setup, then all tests
# make check   linters, then all tests
# make weights the shipped networks from the ImageNet backbone on, into runs/ (about 16 core-hours; needs ../shared)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.installed-base
FULL := $(VENV)/.installed-full
INPUTS := pyproject.toml constraints.txt

.PHONY: demo setup test check lint format clean weights

demo: $(BASE)
	$(BIN)/amodal predict --images examples/images --annotations examples/annotations.json \
	  --output out/demo/predictions.json --page out/demo/index.html
	@echo
	@echo "page:        out/demo/index.html   (open it in a browser; it needs no network)"
	@echo "predictions: out/demo/predictions.json"

setup: $(FULL)

# A process a core, four at the most; each with one thread, for two that wait on each other take longer than one.
test: $(FULL)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: lint test

lint: $(FULL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(FULL)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Networks that are trained are not trained again, a training that was stopped goes on.
SOLID := carton can lathe mug animal slab tool rack fruit curved assembly
MORE := $(SOLID) ring crate wheel grille plant device lamp stack blocks bowl toy
RENDER := $(BIN)/amodal render --count 1600 --images ../shared/data/coco/images \
  --annotations ../shared/data/coco/annotations.json --exclude recipes/splits/coco_val.txt recipes/splits/examples.txt
weights: $(FULL)
	test -d runs/rendered/data || $(RENDER) --output runs/rendered/data --seed 5 --kinds $(SOLID)
	test -d runs/rendered/more || $(RENDER) --output runs/rendered/more --seed 6 --kinds $(MORE)
	$(BIN)/amodal train --recipe recipes/coco_compact_sixth_iis.yaml --resume
	$(BIN)/amodal train --recipe recipes/coco_compact_sixth.yaml --resume
	$(BIN)/amodal train --recipe recipes/coco_compact_iis.yaml --resume
	$(BIN)/amodal train --recipe recipes/coco_compact.yaml --resume
	@echo "networks: runs/coco_compact/weights"

clean:
	rm -rf out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "amodal needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	         "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv"; exit 1; }

# A full installation is also a base one: its rule makes both stamps.
$(BASE): $(INPUTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . -c constraints.txt
	@touch $@

$(FULL): $(INPUTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,annotate,dev]' -c constraints.txt
	@touch $(BASE) $@
