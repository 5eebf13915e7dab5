# Every target builds its own environment from nothing; `make benchmark` and `make test` are the two that matter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export MPLBACKEND := agg

.PHONY: help benchmark test without-c faults check audit docs deployment perf trust peers soak fuzz e2e-kernels format clean

help:
	@echo "make benchmark   measure the built-in workloads, print the verdicts, write the report"
	@echo "make test        run tests, doctests and notebooks"
	@echo "make without-c   run the tests of what is written in C again, without it"
	@echo "make faults      cause every fault of tests/faults/fault_table.py, and say which were survived"
	@echo "make check       ruff, mypy --strict, import rules, notebooks without outputs"
	@echo "make audit       ask pip-audit about every pinned version, and say which it was not answered for"
	@echo "make docs        write the API reference to build/docs, and check its links"
	@echo "make deployment  do the Dockerfile's steps in a clean folder, and start what the image starts"
	@echo "make perf        print perflab's own costs as paired ratios"
	@echo "make trust       count wrong verdicts in two hundred trials of known truth"
	@echo "make peers       print what cutting costs beside other chunkers, installed for it"
	@echo "make soak        load one cache folder from killed, resized, relieved processes (MINUTES=10)"
	@echo "make fuzz        try each reader with what nobody wrote, so long each (MINUTES=5)"
	@echo "make e2e-kernels run panels and every notebook on ipykernel 6, 7.3 and 7.4 (half an hour)"
	@echo "make clean       remove the environment and what tools left"

$(STAMP): pyproject.toml constraints.txt $(wildcard perflab/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

# Exit codes 1 (a target failed) and 3 (unclear) are findings, not errors of make.
benchmark: $(STAMP)
	@$(BIN)/perflab benchmark || { code=$$?; [ $$code -eq 1 ] || [ $$code -eq 3 ]; }

# In the order of their folders, the quick doctests come last, so that all processes end at about the same time.
# Three processes on two cores, since tests also wait.
test: $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

without-c: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 tests/test_without_native.py

# What a machine does not permit is skipped by name; as root on Linux all are caused.
faults: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/faults

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb

# Code 2: not every version could be asked about, which is a finding too.
audit: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audit]'
	$(BIN)/python .ci/audit.py constraints.txt

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python .ci/build_docs.py build/docs

deployment: $(STAMP)
	$(BIN)/python tests/deploy/rehearse.py

perf: $(STAMP)
	$(BIN)/python -m pytest -s -p no:cacheprovider --ignore=tests/perf/test_trials.py tests/perf tests/e2e/panel_costs.py

trust: $(STAMP)
	$(BIN)/python -m pytest -s -p no:cacheprovider tests/perf/test_trials.py

peers: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[peers]'
	$(BIN)/python -m pytest -s -p no:cacheprovider tests/perf/test_chunk_costs.py

soak: $(STAMP)
	$(BIN)/python tests/faults/soak.py --minutes $(or $(MINUTES),10)

# Without a wheel of atheris for this Python, hypothesis fuzzes alone.
fuzz: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary atheris -c constraints.txt -e '.[fuzz]' || true
	$(BIN)/python tests/fuzz/drive.py --minutes $(or $(MINUTES),5)

e2e-kernels: $(STAMP)
	tests/e2e/kernels.sh $(BIN)/python

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout notebooks/*.ipynb

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
