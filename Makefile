# make run                        the main job on a phantom data set, made on the spot
# make run DATA=/path/kaggle_3m   the same on your data (a folder, a .zip or .tar*, or kaggle:OWNER/NAME)
# make serve                      the web page of the model that is in ARTIFACTS, http://127.0.0.1:8000
# make test                       lint, types, import rules and tests
# make niivue                     the web page's three planes of a NIfTI volume: NiiVue, by npm; the rest works without
#
# ARTIFACTS=DIR  where results are kept (artifacts)      OPTIONS="--epochs 10"  more options of `python -m flows train`
# GPU=1          TensorFlow for NVIDIA GPUs              PYTHON=python3.12      another Python, 3.11 to 3.13
#
# On a schedule and in the dashboard (docs/deployments.md), each in a terminal of its own:
# make server    Prefect's server and dashboard, http://127.0.0.1:4200; `make run` sends its runs there while it is up
# make worker    runs on this machine what the server has to run
# make deploy    puts the deployments of prefect.yaml on the server, with DATA and ARTIFACTS; again after every change
# make notify TO=https://…   has the server post to this webhook when a run fails (docs/failures.md)
#
# DATABASE=postgresql://user:password@host/name  in place of SQLite      AUTH=user:password  for all of these, and for run
# HOST, PORT     where the server is                     NIGHTLY="0 2 * * *" TIMEZONE=Etc/UTC  when the nightly run starts

ARTIFACTS ?= artifacts
PHANTOM := data/phantom
DATA ?= $(PHANTOM)

ENV := .venv$(if $(GPU),-gpu)
LOCK := requirements$(if $(GPU),-gpu).lock
READY := $(ENV)/.ready
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c '$(SUPPORTED)' 2>/dev/null && echo $(name))))

PAGE := src/gliaflow/web/page
NIIVUE := 0.69.0
NIIVUE_SHA256 := 6e9a6a471b428eb3b258a0086beca9187d95e43a781a39e8a519c6da246af485

HOST ?= 127.0.0.1
PORT ?= 4200
NIGHTLY ?= 0 2 * * *
TIMEZONE ?= Etc/UTC
# A run does without a server, unless one was named.
MAYBE := $(if $(PREFECT_API_URL),,quietly)
SETTINGS := $(shell grep -v '^\#' deploy/prefect.env)

export PREFECT_HOME ?= $(CURDIR)/.prefect

.PHONY: run serve server worker deploy notify niivue test lint format lock clean

run worker deploy notify: export PREFECT_API_URL ?= http://$(HOST):$(PORT)/api
run deploy: $(if $(filter $(PHANTOM),$(DATA)),$(PHANTOM)/data.csv)

run: $(READY)
	@$(ENV)/bin/python deploy/reach.py $(MAYBE) || { test $$? = 1 -a -n "$(MAYBE)" && unset PREFECT_API_URL; } && \
	  set -x && $(ENV)/bin/python -m flows train --data "$(DATA)" --artifacts "$(ARTIFACTS)" $(OPTIONS)

serve: $(READY)
	$(ENV)/bin/gliaflow serve "$(ARTIFACTS)" $(OPTIONS)

# Whoever reaches a server can have its workers run any code.
server: $(READY)
	@test "$(HOST)" = 127.0.0.1 -o -n "$$PREFECT_SERVER_API_AUTH_STRING" || \
	  { echo "A server that other machines reach needs a password: give AUTH=user:password, or leave HOST out." >&2; exit 1; }
	env $(SETTINGS) $(ENV)/bin/prefect server start --host "$(HOST)" --port "$(PORT)"

worker: $(READY)
	@$(ENV)/bin/python deploy/reach.py
	env $(SETTINGS) $(ENV)/bin/prefect worker start --pool gliaflow --type process $(OPTIONS)

deploy: export GLIAFLOW_DATA = $(DATA)
deploy: export GLIAFLOW_ARTIFACTS = $(ARTIFACTS)
deploy: export GLIAFLOW_NIGHTLY = $(NIGHTLY)
deploy: export GLIAFLOW_TIMEZONE = $(TIMEZONE)
deploy: $(READY)
	@$(ENV)/bin/python deploy/reach.py
	env $(SETTINGS) $(ENV)/bin/python deploy/pool.py
	env $(SETTINGS) $(ENV)/bin/prefect --no-prompt deploy --all

notify: $(READY)
	@$(ENV)/bin/python deploy/reach.py
	env $(SETTINGS) $(ENV)/bin/python deploy/notify.py "$(TO)"

ifneq ($(HOST),0.0.0.0)  # an address to listen on, not one to go to
server: export PREFECT_UI_URL ?= http://$(HOST):$(PORT)
endif

# `value`: a $ in a password is a $.
ifneq ($(value AUTH),)
server: export PREFECT_SERVER_API_AUTH_STRING := $(value AUTH)
run worker deploy notify: export PREFECT_API_AUTH_STRING := $(value AUTH)
endif
ifneq ($(value DATABASE),)
server: export PREFECT_SERVER_DATABASE_CONNECTION_URL := $(subst postgresql://,postgresql+asyncpg://,$(subst sslmode=,ssl=,$(value DATABASE)))
endif

# One file without others' code beside it. npm checks the package against its registry, the digest against this file.
niivue: NAME = niivue-niivue-$(NIIVUE)
niivue:
	set -e; folder=$$(mktemp -d); trap 'rm -rf $$folder' EXIT; \
	npm pack --silent --pack-destination $$folder @niivue/niivue@$(NIIVUE) >/dev/null; \
	echo "$(NIIVUE_SHA256)  $$folder/$(NAME).tgz" | sha256sum --check --quiet; \
	tar -xzf $$folder/$(NAME).tgz -C $$folder; \
	mkdir -p $(PAGE)/niivue; \
	cp $$folder/package/package.json $(PAGE)/niivue/; \
	sed /sourceMappingURL/d $$folder/package/dist/index.js >$(PAGE)/niivue/index.js

# Two files at a time, in their order: much of the time a test waits for processes of its own, which take all cores.
test: lint
	$(ENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

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
	    --no-annotate --no-header --extra $$kind --extra flows --extra phantom --extra kaggle --extra s3 --extra dask --extra jax \
	    --extra fast --extra export --extra medical --extra serve --extra dev -o $$out; \
	done

clean:
	rm -rf .venv .venv-gpu .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
