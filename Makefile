# make run                        the main job on a phantom data set, made on the spot
# make run DATA=/path/kaggle_3m   the same on your data (a folder, a .zip or .tar*, or kaggle:OWNER/NAME)
# make test                       lint, types, import rules and tests
#
# ARTIFACTS=DIR  where results are kept (artifacts)      OPTIONS="--epochs 10"  more options of `python -m flows train`
# GPU=1          TensorFlow for NVIDIA GPUs              PYTHON=python3.12      another Python, 3.11 to 3.13

ARTIFACTS ?= artifacts
PHANTOM := data/phantom
DATA ?= $(PHANTOM)

ENV := .venv$(if $(GPU),-gpu)
LOCK := requirements$(if $(GPU),-gpu).lock
READY := $(ENV)/.ready
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c '$(SUPPORTED)' 2>/dev/null && echo $(name))))

export PREFECT_HOME ?= $(CURDIR)/.prefect

.PHONY: run test lint format lock clean

run: $(READY) $(if $(filter $(PHANTOM),$(DATA)),$(PHANTOM)/data.csv)
	$(ENV)/bin/python -m flows train --data "$(DATA)" --artifacts "$(ARTIFACTS)" $(OPTIONS)

test: lint
	$(ENV)/bin/python -m pytest

lint: $(READY)
	$(ENV)/bin/ruff check
	$(ENV)/bin/ruff format --check
	$(ENV)/bin/mypy
	$(ENV)/bin/lint-imports

format: $(READY)
	$(ENV)/bin/ruff check --fix
	$(ENV)/bin/ruff format

$(PHANTOM)/data.csv: | $(READY)
	rm -rf $(PHANTOM)
	$(ENV)/bin/gliaflow phantom $(PHANTOM)

# --no-deps: the lock file is complete, and hashes then hold for every file; `pip check` proves it.
$(READY): $(LOCK) pyproject.toml
	@test -n "$(PYTHON)" || { echo "Gliaflow needs Python 3.11, 3.12 or 3.13; name one with PYTHON=/path/to/python." >&2; exit 1; }
	test -x $(ENV)/bin/python || "$(PYTHON)" -m venv $(ENV)
	$(ENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r $(LOCK)
	$(ENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(ENV)/bin/python -m pip check
	touch $@

# Needs uv, which is not part of the environment.
lock:
	for kind in cpu gpu; do \
	  test $$kind = cpu && out=requirements.lock || out=requirements-gpu.lock; \
	  uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --extra $$kind --extra flows --extra phantom --extra kaggle --extra s3 --extra dask --extra jax --extra dev -o $$out; \
	done

clean:
	rm -rf .venv .venv-gpu .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
