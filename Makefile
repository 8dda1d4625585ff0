# Everything is one command; each sets up what it needs by itself (system packages with sudo only when you are not root).
.DEFAULT_GOAL := help
BIN := .venv/bin
# Files of tests at once: most tests wait, for processes and networks.
JOBS ?= 3

.PHONY: help setup run test arm64 lint bench crash model chaos cluster fleet codes fuzz format docs deb deb-check install image-check screens kills update-check

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/make \1\t\2/' | expand -t 18

.venv/.ready: pyproject.toml .ci/constraints.txt .ci/prepare tests/interop/package-lock.json
	@.ci/prepare

setup: .venv/.ready  ## only set up: system packages and .venv, with the commands in .venv/bin

run: .venv/.ready  ## the whole chain on this machine: people at a gate, a real broker, the province's register
	@$(BIN)/gate-province demo $(ARGS)

test: .venv/.ready  ## all tests, with real broker, real processes, real pseudo-terminals (ARGS="-k outbox" for some)
	@$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

arm64:  ## the tests of what runs at a gate in an emulated arm64 Debian; needs root (RELEASE=trixie ARGS="tests/province" for others)
	@.ci/arm64 $(ARGS)

lint: .venv/.ready  ## style, types, import rules; links, commands and generated parts of the docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q -p no:randomly tests/test_import_rules.py
	@$(BIN)/python hw_docs/generate.py --check
	@$(BIN)/python hw_docs/check_docs.py

bench: .venv/.ready  ## measured figures, each a ratio against a reference in the same run; writes bench.json
	@$(BIN)/python tests/bench/run.py $(ARGS)

crash: .venv/.ready  ## cuts the power at every write of every store, thousands of times, and looks what is left (ARGS="record send" for some)
	@$(BIN)/python tests/crash/crash.py $(ARGS)

update-check: .venv/.ready  ## updates that go wrong in every way, the power cut in each state, the real package's wheels; needs root, takes minutes
	@$(BIN)/pytest -p no:randomly --timeout 400 tests/update/test_*.py $(ARGS)

model: .venv/.ready  ## plays devices and province against a broker that loses, doubles, replays and forges (ARGS="--runs 20000" for longer)
	@$(BIN)/python tests/model/run_model.py $(ARGS)

kills: .venv/.ready  ## every command killed (SIGKILL) at each of its steps, by a matrix of what was found and how it ended
	@$(BIN)/python tests/edge_agent/command_matrix.py

chaos: .venv/.ready  ## kills, cuts and parts three gates and all behind them at random for so long, then audits (TIME=600 SEED=7)
	@$(BIN)/python tests/chaos/chaos.py $(if $(TIME),--seconds $(TIME)) $(if $(SEED),--seed $(SEED)) $(ARGS)

cluster: .venv/.ready  ## RabbitMQ of three nodes, PostgreSQL, two collectors: one of each killed while entries come, then counted (ENTRIES=20000 SEED=1)
	@$(BIN)/python tests/cluster/cluster.py $(if $(ENTRIES),--entries $(ENTRIES)) $(if $(SEED),--seed $(SEED)) $(ARGS)

fleet: .venv/.ready  ## a simulated fleet against a real broker, collector and watch: figures, and whether all that is shown is right (DEVICES=1000)
	@$(BIN)/python tests/fleet/fleet.py $(if $(DEVICES),--devices $(DEVICES)) $(ARGS)

codes: .venv/.ready  ## codes of every kind, 2 000 each, and 10 000 spoilt ones through the real `gate-firmware parse`
	@$(BIN)/python tests/firmware/every_code.py $(ARGS)

fuzz: .venv/.ready  ## throws bytes at the way from a code to a person, a minute for each target (ARGS="--seconds 600")
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[fuzz]'
	@$(BIN)/python tests/bench/fuzz.py person $(ARGS)
	@$(BIN)/python tests/bench/fuzz.py frame $(ARGS)

format: .venv/.ready  ## put the code into the house's form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: .venv/.ready  ## write the generated parts of the docs anew, and the field guide and sheets as PDF to dist/docs
	@$(BIN)/python hw_docs/generate.py
	@$(BIN)/python hw_docs/pdf.py

screens: .venv/.ready  ## the pictures of the station page, the fleet's desk and the boards, in both languages; needs Chromium
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[browser]'
	@$(BIN)/python tests/edge_agent/station_screens.py
	@$(BIN)/python tests/province/fleet_screens.py
	@$(BIN)/python tests/province/board_screens.py

deb:  ## Debian packages for amd64 and arm64, in dist/ (ARGS=arm64 for one)
	@debian/build $(ARGS)

deb-check:  ## installs, upgrades, breaks, removes and purges them in a clean Debian; needs root, takes minutes
	@debian/check

image-check: .venv/.ready  ## makes a read-only card of Debian, boots it in a virtual machine, cuts its power; needs root, takes minutes
	@debian/image-check

install:  ## with sudo: the gate's package, made here, on this machine (PACKAGE=gate-scanner-province for a province)
	@debian/install-here $(PACKAGE)
