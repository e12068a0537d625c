# make help explains the targets. Nothing needs to be run first: every target sets itself up.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint long bench bench-capture bench-registry faults soak fuzz proofs lock clean
PYTHON ?= python3.11
SECONDS ?= 60
ARGS ?=
JOBS ?= 2
# Who asks for some tests may ask for none of one kind; without a choice there are tests of both.
NONE_IS_FINE = $(if $(ARGS),|| [ $$? -eq 5 ])
N ?= 1000000
SEED ?= 1
HOURS ?= 1
PROFILE ?= long
BIN := .venv/bin
READY := .venv/ready
PEERS_READY := .venv/peers/ready .streams/peers/java/ready
PEERS_JAVA := tests/bench/peers/java
export PYTHONDONTWRITEBYTECODE ?= 1

help:  ## this list
	@echo "make TARGET; nothing has to be run before:"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'
	@echo
	@echo "  SECONDS=20 make demo    a shorter demo (0: until Ctrl-C)      QUICK=1 make bench   fewer events"
	@echo "  ARGS='-k window' make test    what goes to pytest             PYTHON=python3.12    another interpreter"

setup: $(READY)  ## create .venv with exactly the locked packages

$(READY): .ci/requirements.txt pyproject.toml $(wildcard streams/native/*.[ch])
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r .ci/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)  ## a whole shop on this machine: database, Kafka, capture, two workers; ends by comparing the books
	$(BIN)/python -m streams.demo --seconds $(SECONDS)

test: $(READY)  ## all tests but long ones and fault injections; installs Debian packages they need where it may
	@.ci/install
	@$(BIN)/python -c 'from streams.native.load import extension; raise SystemExit(extension is None)' || \
	  $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .  # set up before there was a compiler
	$(BIN)/python -m pytest -m 'not (faults or long or integration or browser)' -n $(JOBS) --dist loadfile $(ARGS) $(NONE_IS_FINE)
	$(BIN)/python -m pytest -m '(integration or browser) and not (faults or long)' -n $(JOBS) --dist loadfile $(ARGS) $(NONE_IS_FINE)

long: $(READY)  ## the longest tests, 30 s to 2 min each
	$(BIN)/python -m pytest -m 'long and not faults' $(ARGS)

check: lint test  ## all that CI asks for: lint, types, contracts, tests

lint: $(READY)  ## ruff, mypy --strict, and the contracts in schemas/
	$(BIN)/ruff check streams tests
	$(BIN)/mypy
	$(BIN)/streams contracts check

.venv/peers/ready: .ci/peers.txt
	$(PYTHON) -m venv .venv/peers
	.venv/peers/bin/python -m pip install --quiet --require-hashes -r .ci/peers.txt
	@touch $@

.streams/peers/java/ready: $(PEERS_JAVA)/pom.xml $(wildcard $(PEERS_JAVA)/src/main/java/peer/*.java)
	mvn -q -B -f $(PEERS_JAVA)/pom.xml compile dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.streams/peers/java/lib
	@touch $@

bench: $(READY) $(if $(PEERS),$(PEERS_READY))  ## events a second, CPU, memory, beside the floor; ONLY=W2, PEERS=1: other engines, too
	$(BIN)/python -m tests.bench$(if $(STUDY),.studies $(STUDY),$(if $(PEERS),.peers) $(if $(QUICK),--quick) $(foreach job,$(ONLY),--only $(job))) $(ARGS)

bench-capture: $(READY)  ## changes a second of the capture, beside a real Debezium and pg_recvlogical, and killed every 20 s
	$(BIN)/python -m tests.bench.capture $(if $(QUICK),--quick) $(ARGS)

faults: $(READY)  ## break everything and judge by an oracle; goes on where it stopped. ONLY=FT01,FT04 SEED=7 ROUNDS=50 AGAIN=1 WITHOUT=each
	PROFILE=$(PROFILE) ONLY=$(ONLY) SEED=$(SEED) ROUNDS=$(ROUNDS) AGAIN=$(AGAIN) WITHOUT=$(WITHOUT) \
	  $(BIN)/python -m pytest $(if $(filter long,$(PROFILE)),-m faults,-m fault) $(if $(ONLY),tests/faults) $(ARGS)

soak: $(READY)  ## faults at random under load for hours, drawn as plots: memory, descriptors, latency, lag. HOURS=0.1 SEED=2
	$(BIN)/python -m tests.faults.soak --hours $(HOURS) --seed $(SEED) $(ARGS)

bench-registry: $(READY)  ## look-ups of the schema registry beside a bare aiohttp handler, in turns
	$(BIN)/python -m tests.bench.registry $(ARGS)

fuzz: $(READY)  ## a million damaged records over all decoders; goes on where it stopped. N=200000 SEED=2
	$(BIN)/python -m tests.fuzz --count $(N) --seed $(SEED) $(ARGS)

proofs: $(READY)  ## random pairs of schemas: what is proven holds for 10,000 documents each, every witness breaks. N=500 SEED=0
	$(BIN)/python -m tests.contracts.compatibility.proofs --pairs $(if $(filter file,$(origin N)),500,$(N)) --seed $(SEED) $(ARGS)

lock: $(READY)  ## bring .ci/requirements.txt into line with pyproject.toml
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet uv
	.venv/lock/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-annotate --no-header \
	  --python-version 3.11 --quiet --output-file .ci/requirements.txt
	.venv/lock/bin/uv pip compile tests/bench/peers/requirements.in --generate-hashes --no-annotate --no-header \
	  --python-version 3.11 --quiet --output-file .ci/peers.txt

clean:  ## remove what running left behind; .venv stays
	rm -rf .streams .mypy_cache .ruff_cache .hypothesis
