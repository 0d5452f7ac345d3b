# `make lab` opens the lessons; what else there is stands in docs/contributing.md.  The environment is made in .venv.
PYTHON ?= python3
# The Python of the environment with the oldest versions allowed: those have wheels for 3.11 only.
LOWEST_PYTHON ?= $(PYTHON)
# Set it to the address of PyTorch's own package index for the small build without CUDA.
TORCH_INDEX ?=

BIN := .venv/bin
TORCH := -r requirements/torch.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
COURSE := --no-deps --no-build-isolation --editable .
PYTEST := $(BIN)/python -m pytest -rfEs
REPORT = --junitxml=.reports/$@.xml

.PHONY: lab check lint quick test lowest slow solved browser run build lock wheel
.DELETE_ON_ERROR:

lab: .venv/.lab
	@$(BIN)/course lab $(LAB_ARGS)

# Under three minutes: what to run before each commit.
check: lint quick

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/course build --check

quick: .venv/.dev
	OMP_NUM_THREADS=1 $(PYTEST) -m "not slow and not browser and not sandbox" -n 2 $(REPORT)

# Everything, to the end even if something fails, then one line with the sum of all tests.
test: .venv/.dev
	@rm -rf .reports
	@$(MAKE) --keep-going check lowest slow solved browser; status=$$?; \
	$(BIN)/python .ci/total.py .reports || status=1; exit $$status

# The library with the oldest versions it allows, without the tools for authors.
lowest: .venv-lowest/.done .venv/.dev
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -rfEs -m "not slow and not browser and not sandbox" -n 2 \
		$(addprefix --ignore=,$(shell grep -lrE 'course_lib\.teaching|playwright' tests --include='test_*.py')) $(REPORT)

slow: .venv/.dev
	$(PYTEST) -m "slow and not browser or sandbox" $(REPORT)

# With the network cut, where bubblewrap can: no lesson may need it.
OFFLINE = $(shell bwrap --dev-bind / / --unshare-net true 2>/dev/null && echo bwrap --dev-bind / / --unshare-net)
solved: .venv/.dev
	NBGRADER_EXECUTION=validate $(OFFLINE) $(PYTEST) --nbval-lax --nbval-current-env --nbval-cell-timeout=300 \
		notebooks/solutions $(REPORT)

browser: .venv/.dev
	$(PYTEST) -m browser $(REPORT)

run: .venv/.dev
	@$(BIN)/course run $(LESSONS)

build: .venv/.dev
	@$(BIN)/course build

wheel: .venv/.dev
	$(BIN)/hatchling build -t wheel -d dist

# Hashes of all builds of all packages, and no address; torch stays out, its build differs from machine to machine.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--python-version 3.11 --excludes requirements/torch.txt pyproject.toml
BACKEND := hatchling>=1.26
lock: .venv/.dev
	$(BIN)/pip install uv
	$(COMPILE) --extra dev --upgrade -o requirements/dev.txt
	echo '$(BACKEND)' | $(COMPILE) - --extra lab --upgrade --constraint requirements/dev.txt -o requirements/lab.txt
	echo '$(BACKEND)' | $(COMPILE) - --extra test --resolution lowest-direct --upgrade -o requirements/lowest.txt

# Each stamp is made last, so that an install that was interrupted begins again.
.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'The course needs Python 3.11, 3.12 or 3.13; name one, say: make lab PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.torch: .venv/.python requirements/torch.txt
	$(BIN)/pip install $(TORCH)
	@touch $@

.venv/.lab: .venv/.torch requirements/lab.txt pyproject.toml
	$(BIN)/pip install -r requirements/lab.txt
	$(BIN)/pip install $(COURSE)
	@touch $@

.venv/.dev: .venv/.torch requirements/dev.txt requirements/lab.txt pyproject.toml
	$(BIN)/pip install -r requirements/dev.txt
	$(BIN)/pip install $(COURSE)
	@touch .venv/.lab $@

.venv-lowest/.done: requirements/torch.txt requirements/lowest.txt pyproject.toml
	@$(LOWEST_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo 'The oldest versions need Python 3.11; name it, say: make test LOWEST_PYTHON=python3.11'; exit 1; }
	$(LOWEST_PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/pip install $(TORCH)
	.venv-lowest/bin/pip install -r requirements/lowest.txt
	.venv-lowest/bin/pip install $(COURSE)
	@touch $@
