# One rule: every target works on a fresh clone with nothing installed by hand, and does nothing twice.
#
#   make demo       completes seeds/ into .demo/, an invented project that leaks, and scans it
#   make test       what must pass before a change lands
#   make test-all   the same with slow tests and more random examples
#   make clean      removes what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

# Two ways to be installed, one at a time: .user is a copy of the package as users get it, .dev points at src/.
# A checkout that was set up for development stays so.
USER := $(VENV)/.user
DEV := $(VENV)/.dev
INSTALLED := $(if $(wildcard $(DEV)),$(DEV),$(USER))
PACKAGE := pyproject.toml README.md LICENSE NOTICE $(shell find src rules -type f ! -name '*.pyc')

.PHONY: demo test test-all lint clean

demo: $(INSTALLED)
	@echo '== completing seeds/ into .demo/'
	@rm -rf .demo
	@$(BIN)/python seeds/complete.py .demo
	@echo '== promptguard scan .demo'
	@$(BIN)/promptguard scan .demo; code=$$?; test $$code -eq 1 || { \
		echo "the demo should leak: exit code 1 expected, got $$code" >&2; exit 1; }

# A file's tests stay on one process: some files share a fixture that takes most of their time.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile

test: lint
	@echo '== pytest'
	@$(PYTEST) -m 'not slow'
	@echo '== promptguard scan .'
	@$(BIN)/promptguard scan .

test-all: lint
	@echo '== pytest, at length'
	@$(PYTEST) --hypothesis-profile thorough
	@echo '== promptguard scan .'
	@$(BIN)/promptguard scan .

lint: $(DEV)
	@echo '== ruff'
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo '== mypy'
	@$(BIN)/mypy --no-error-summary
	@echo '== lint-imports'
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }

# A .venv that is there is used as it is; one that another tool made may lack pip.
$(BIN)/python:
	@echo '== making $(VENV)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.pip: | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@touch $@

$(USER): $(PACKAGE) | $(VENV)/.pip
	@echo '== installing promptguard into $(VENV)'
	@$(PIP) install .
	@touch $@

$(DEV): pyproject.toml | $(VENV)/.pip
	@echo '== installing promptguard for development into $(VENV)'
	@$(PIP) install --editable '.[dev]'
	@rm -f $(USER)
	@touch $@

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
