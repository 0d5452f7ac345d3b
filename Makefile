# `make lab` opens the lessons; what else there is stands in docs/contributing.md.  The environment is made in .venv.
PYTHON ?= python3
# Set it to the address of PyTorch's own package index for the small build without CUDA.
TORCH_INDEX ?=

# Where an environment keeps its programs.
PROGRAMS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := .venv/$(PROGRAMS)
TORCH := -r requirements/torch.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
# A lock names all there is to install, so nothing has to be resolved, and what is never imported is never compiled.
# uv, where it is named (UV=uv), does it in a tenth of the time, but does not know pip's settings.
install = $(if $(UV),$(UV) pip install --quiet --python $(1)/python,$(1)/pip install --no-compile) --no-deps -r
COURSE := --no-deps --no-build-isolation --editable .
PYTEST := $(BIN)/python -m pytest -rfEs
REPORT = --junitxml=.reports/$@.xml

.PHONY: lab check lint quick test lowest slow solved browser browser-all colab beside run build images site lock wheel bench bench-peers
.DELETE_ON_ERROR:

lab: .venv/.lab
	@$(BIN)/course lab $(LAB_ARGS)

# Under three minutes: what to run before each commit.
check: lint quick

lint: .venv/.dev
	$(BIN)/pip check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/course build --check
	$(BIN)/codespell README.md docs notebooks/source course_lib course_tools benchmarks tests .github .ci Makefile
	$(BIN)/codespell --dictionary docs/british.txt README.md benchmarks/README.md docs/*.md docs/library notebooks/source

quick: .venv/.dev
	OMP_NUM_THREADS=1 $(PYTEST) -m "not slow and not browser and not sandbox and not colab" -n 2 $(REPORT)

# Everything, to the end even if something fails, then one line with the sum of all tests.
test: .venv/.dev
	@rm -rf .reports
	@status=0; OMP_NUM_THREADS=1 $(MAKE) --keep-going --jobs=2 solved beside || status=1; \
	$(BIN)/python .ci/total.py .reports || status=1; exit $$status

# What runs beside the solved lessons, which compute all the time: it waits for a browser or a sandbox and gives way.
beside:
	@nice $(MAKE) --keep-going lint browser lowest quick slow

# The library with the oldest versions it allows, without the tools for authors: all quick tests in these folders.
LOWEST := tests/library tests/checks tests/recipes
lowest:
	@mkdir -p .reports
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then $(MAKE) .venv-lowest/.done && \
		OMP_NUM_THREADS=1 .venv-lowest/$(PROGRAMS)/python -m pytest -rfEs -m "not slow and not sandbox" -n 2 $(LOWEST) $(REPORT); \
	else echo 'Left out: lowest. The oldest versions have wheels for Python 3.11 only; where it is there: make lowest PYTHON=python3.11' \
		| tee .reports/lowest.left-out; fi

slow: .venv/.dev
	OMP_NUM_THREADS=1 $(PYTEST) -m "(slow or sandbox) and not browser" -n 2 --dist loadgroup $(REPORT)

# With the network cut, where bubblewrap can: no lesson may need it.
OFFLINE = $(shell bwrap --dev-bind / / --unshare-net true 2>/dev/null && echo bwrap --dev-bind / / --unshare-net)
# nbval reads what a cell said when the cell is done; after many moves of a progress bar it has missed the end.
solved: .venv/.dev
	@$(BIN)/python -m tests.support.solved_lessons build/solved
	NBGRADER_EXECUTION=validate TQDM_MININTERVAL=2 $(OFFLINE) $(PYTEST) --nbval-lax --nbval-current-env --nbval-cell-timeout=300 \
		build/solved $(REPORT)

# The blank lessons in a stand-in for Google Colab: all versions that it has, but for torch and Python.
colab: .venv-colab/.done .venv/.dev
	$(PYTEST) -m colab $(REPORT)

browser: .venv/.dev build/live/.runtime
	$(PYTEST) -m "browser and not nightly" $(REPORT)

# With every blank lesson run whole.
browser-all: .venv/.dev build/live/.runtime
	$(PYTEST) -m browser $(REPORT)

run: .venv/.dev
	@$(BIN)/course run $(LESSONS)

build: .venv/.dev
	@$(BIN)/course build

# images/: what the stored lessons show, and what the shipped model draws for README.
images: .venv/.dev
	@$(BIN)/python -m course_tools.notebooks.images

# The site, in build/site: it opens from there, without a server and without a network.
site: .venv/.dev build/live/draw.onnx build/live/.runtime
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d build/doctrees docs build/site

# What the site's front page draws with: the shipped model as ONNX, and the program that runs it in a browser.
build/live/draw.onnx: .venv/.dev course_lib/shipped/draw.safetensors course_lib/shipped/words.safetensors \
		course_tools/notebooks/export_onnx.py
	$(BIN)/python -m course_tools.notebooks.export_onnx build/live

RUNTIME := $(addprefix build/npm/node_modules/onnxruntime-web/dist/,ort.wasm.min.js \
	ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm)
build/live/.runtime: docs/npm/package.json docs/npm/package-lock.json
	@mkdir -p build/npm build/live
	@cp docs/npm/*.json build/npm
	@if npm ci --prefix build/npm --ignore-scripts --no-audit --no-fund --silent && cp $(RUNTIME) build/live; then touch $@; \
	else echo 'Without npm and a network, the front page will say that it can not draw: install Node.js for the drawing.'; fi

# Everything that docs/benchmarks.md tells, on a machine that does nothing else.
bench: .venv/.dev
	$(BIN)/course bench -o benchmarks/results/course.json
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.solvers
	$(BIN)/python -m benchmarks.choices
	$(BIN)/python -m benchmarks.lessons
	$(MAKE) bench-peers

# The course beside diffusers, denoising-diffusion-pytorch and smalldiffusion: hours.  Say less with PEERS_ARGS.
bench-peers: .venv-bench/.done
	.venv-bench/$(PROGRAMS)/python -m benchmarks.steps
	.venv-bench/$(PROGRAMS)/python -m benchmarks.tuning
	.venv-bench/$(PROGRAMS)/python -m benchmarks.peers $(PEERS_ARGS)
	.venv-bench/$(PROGRAMS)/python -m benchmarks.report

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
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
		{ echo 'The course needs a Python from 3.11 to 3.14; name one, say: make lab PYTHON=python3.12'; exit 1; }
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
	$(call install,$(BIN)) requirements/dev.txt
	$(BIN)/pip install $(COURSE)
	@touch .venv/.lab $@

.venv-lowest/.done: requirements/torch.txt requirements/lowest.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/$(PROGRAMS)/pip install --no-compile $(TORCH)
	$(call install,.venv-lowest/$(PROGRAMS)) requirements/lowest.txt
	.venv-lowest/$(PROGRAMS)/pip install $(COURSE)
	@touch $@

COLAB := $(lastword $(sort $(wildcard tests/colab/colab-*.txt)))
# What the lessons and their kernel need of it.  Apart come torch, setuptools, which our torch wants newer, and tifffile,
# which wants a newer Python than the oldest of ours.  gensim and the course come with a lesson's first cell.
COLAB_HAS := numpy scipy matplotlib pillow scikit-image PyWavelets ipywidgets safetensors tqdm smart_open \
	diffusers transformers ipython ipykernel packaging pip
.venv-colab/.done: requirements/torch.txt $(COLAB)
	$(PYTHON) -m venv --clear .venv-colab
	grep -vE '^(torch|setuptools|tifffile)==' $(COLAB) > .venv-colab/versions.txt
	.venv-colab/$(PROGRAMS)/pip install $(TORCH)
	.venv-colab/$(PROGRAMS)/python -m pip install --constraint .venv-colab/versions.txt $(COLAB_HAS)
	@touch $@

# torchvision comes with torch, from the same place: the two are built for each other.
.venv-bench/.done: requirements/torch.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/$(PROGRAMS)/pip install $(TORCH) torchvision
	.venv-bench/$(PROGRAMS)/pip install --constraint requirements/torch.txt --editable ".[bench]"
	@touch $@
