# make demo: install and map a sample room, with depth and from colour alone.   make test: install and run the tests.
# make docs: the documentation as a site, in site/, with every link checked.
# make lint: what `make test` does first: ruff and mypy.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where PyTorch's CPU build is, for machines without an NVIDIA GPU; empty takes PyPI's, with CUDA.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: demo test lint docs clean

demo: $(VENV)/.installed
	$(BIN)/mapper demo
	$(BIN)/mapper demo --color

test: lint
	$(BIN)/python -m pytest --cov --cov-report=
	$(BIN)/python tools coverage_by_folder

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "mapper needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py --torch-index "$(TORCH_INDEX)"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python tools/install.py --extra dev
	touch $@

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

# Of mapper itself the site needs nothing but its sources.
$(VENV)/.installed-docs: setup.cfg constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/install.py --only docs
	touch $@

clean:
	rm -rf $(VENV) build dist site *.egg-info
