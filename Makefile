# On a fresh machine `make score` and `make test` do all the set-up that they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUTPUT ?= ledger
ONNX := jax2onnx onnxruntime jax==0.10.2 flax safetensors pillow simplejpeg pyarrow
COMPILE := $(BIN)/uv pip compile setup.py - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

.PHONY: install score test test-slow test-faults test-faults-quick soak test-hostile fuzz lint format bench bench-quick lock clean

install: $(VENV)/installed

$(VENV)/installed: requirements.lock setup.py
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "musiq needs Python 3.11 or newer: make PYTHON=python3.12 install"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

# jax2onnx wants an older orbax-checkpoint than flax does, so ONNX lives apart.
.venv-onnx/installed: requirements-onnx.lock
	$(PYTHON) -m venv .venv-onnx
	.venv-onnx/bin/python -m pip install --quiet --require-hashes -r requirements-onnx.lock
	touch $@

score: $(VENV)/installed
	@test -n "$(INPUT)" && test -n "$(MODEL)" || { echo "usage: make score INPUT=photos/ OUTPUT=ledger/ MODEL=koniq.safetensors (a model file comes from: .venv/bin/musiq models import)" >&2; exit 2; }
	$(BIN)/musiq score --input "$(INPUT)" --output "$(OUTPUT)" --model "$(MODEL)"

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest

test-slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow

# FAULT_SEED=17 starts with another seed; the quick ones take a few seeds of each.
test-faults: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m faults tests/faults

test-faults-quick: $(VENV)/installed-dev
	FAULTS=quick $(BIN)/python -m pytest -m "faults and not slow" tests/faults

IMAGES ?= 20000
KILL_EVERY_SECONDS ?= 60
soak: $(VENV)/installed-dev
	PYTHONPATH=tests $(BIN)/python -m faults.soak --images $(IMAGES) --kill_every_seconds $(KILL_EVERY_SECONDS)

test-hostile: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m hostile tests/hostile

# SEED is printed; `make fuzz SEED=...` tries the same files again.
fuzz: $(VENV)/installed-dev
	PYTHONPATH=tests $(BIN)/python -m hostile.fuzz --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-dev .venv-onnx/installed
	PYTHONPATH=.:tests $(BIN)/python -m tests.benchmarks.bench

bench-quick: $(VENV)/installed-dev
	PYTHONPATH=.:tests $(BIN)/python -m tests.benchmarks.bench --quick

# setuptools builds the project itself, without fetching anything unlocked.
lock: $(VENV)/installed-dev
	echo 'setuptools>=77' | $(COMPILE) --extra gcp --extra aws -o requirements.lock
	echo 'setuptools>=77' | $(COMPILE) --extra gcp --extra aws --extra dev -c requirements.lock -o requirements-dev.lock
	printf '%s\n' $(ONNX) | $(BIN)/uv pip compile - --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements-onnx.lock

clean:
	rm -rf $(VENV) .venv-onnx build dist *.egg-info
