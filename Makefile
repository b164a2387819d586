# PERscope: `make run` opens the dashboard, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
# Tests of the browser wait for pages now and then: on two cores two take 589 s for the whole suite, three 550 s.
WORKERS ?= 3

# Sources are compiled once, not again in each of the hundreds of processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run wheel test test-fast explore test-slow test-gpu coverage bench bench-pages lint docs texts pictures recording bands clean

run: $(VENV)/dashboard-installed
	$(BIN)/python -m app --port $(PORT)

# The wheel and the source distribution, in dist/.
wheel: $(VENV)/tests-installed
	rm -rf dist
	$(BIN)/python -m hatchling build

test: lint
	$(BIN)/python -m pytest -m "not gpu and not slow" -n $(WORKERS) --no-loadscope-reorder

# What takes seconds: no browser, no training; ends with the slowest, of which one may have to be marked `long`.
test-fast: $(VENV)/tests-installed
	$(BIN)/python -m pytest -m "not (gpu or slow or browser or long)" -n $(WORKERS) --durations=10

# Ten times as many examples of every property, others each time.
explore: $(VENV)/tests-installed
	$(BIN)/python -m pytest -m "hypothesis and not (gpu or slow or browser)" -n $(WORKERS) --hypothesis-profile=explore

test-slow: $(VENV)/tests-installed
	$(BIN)/python -m pytest -m "slow and not gpu" -n $(WORKERS) --no-loadscope-reorder

test-gpu: $(VENV)/tests-installed
	$(BIN)/python -m pytest -m gpu

# Without the browser, whose server is a process of its own.
coverage: $(VENV)/tests-installed
	$(BIN)/python -m pytest -m "not (gpu or slow or browser)" -n $(WORKERS) --no-loadscope-reorder --cov --cov-report=term --cov-report=html

bench: $(VENV)/tests-installed
	$(BIN)/python -m tests.benchmarks

# The pages as a class of thirty asks for them; ten minutes or more. Fewer: make bench-pages OPTIONS='--sessions 5'; through
# the lesson: OPTIONS=--class.
bench-pages: $(VENV)/tests-installed
	$(BIN)/python -m tests.benchmarks.pages $(OPTIONS)

lint: $(VENV)/tests-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The reference from the docstrings, and the pages of assets/docs, as a site that needs no network.
docs: $(VENV)/tests-installed
	$(BIN)/python -m sphinx --quiet --fail-on-warning -d build/doctrees assets/docs build/docs
	@echo Open build/docs/index.html

# Brings the catalogues of texts, app/locale and analysis/locale, up to what the code says.
texts: $(VENV)/tests-installed
	$(BIN)/pybabel --quiet extract --output app/locale/perscope.pot app
	$(BIN)/pybabel --quiet extract --output analysis/locale/perscope.pot analysis per_core
	$(BIN)/pybabel --quiet update --domain perscope --input-file app/locale/perscope.pot --output-dir app/locale
	$(BIN)/pybabel --quiet update --domain perscope --input-file analysis/locale/perscope.pot --output-dir analysis/locale

# Drives the dashboard in a browser and keeps what it shows for the README and the pages; some minutes, for a training is
# followed. Some of them: make pictures OPTIONS="dumps learn".
pictures: $(VENV)/tests-installed
	$(BIN)/python -m tests.pictures $(OPTIONS)

# Trains the two small networks whose activations ship with the dashboard.
recording: $(VENV)/dashboard-installed
	rm -rf assets/runs
	$(BIN)/python -m analysis.training.shipped_run assets/runs

# Draws the 999 Gaussian batches of each size on offer that the dashboard compares with; half an hour.
bands: $(VENV)/dashboard-installed
	$(BIN)/python -m analysis bands

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov

$(VENV)/dashboard-installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("PERscope needs Python 3.11 or newer, found " + sys.version.split()[0] + ": call make with PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/tests-installed: $(VENV)/dashboard-installed pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@
