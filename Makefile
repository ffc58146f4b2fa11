# Two commands on a fresh Debian machine, as root:   make demo   and   make test
# What each target needs, it makes first.

PYTHON ?= python3
BIN := .venv/bin
LAB := $(BIN)/python -m lab
ROOT := $(filter 0,$(shell id -u))
APT := $(shell command -v apt-get)

# the Debian packages that this machine lacks: the lab's, Alpine's shell for the tests of the scripts, and Debian's own
# venv where python3 is Debian's
WANTED = $(shell cat lab/packages.txt) busybox $(shell $(PYTHON) -c 'import ensurepip' 2>/dev/null || echo python3-venv)
MISSING = $(shell for each in $(1); do \
	dpkg-query -W -f='$${db:Status-Status}' $$each 2>/dev/null | grep -qx installed || echo $$each; done)
INSTALL = missing="$(call MISSING,$(1))"; [ -z "$$missing" ] || { apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; }

# the tests start hundreds of programs, and none of them should compile what the one before has compiled
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test tests-without-lab tests-with-lab lint fast lab-up lab-down shell drills drills-of-the-day rotation-drill

help:
	@echo 'make demo      the main job on five real hosts of this machine'
	@echo 'make test      all tests; make lint, make fast (without the lab), make drills (minutes each)'
	@echo 'make rotation-drill   a CA is rotated while every client pulls and pushes'
	@echo 'make setup     the virtual environment, and the Debian packages of the lab'
	@echo 'make lab-up    the lab; make lab-down; make shell (a shell in its network)'

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt lab/packages.txt
	@$(if $(and $(ROOT),$(APT)),$(call INSTALL,$(WANTED)))
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m compileall -q anchorline
	@touch $@

# programs that validate what we make, for the tests alone; a test that lacks one says so (Ubuntu has no chromium.deb)
.venv/validators: tests/packages.txt | .venv/ready
	@$(if $(and $(ROOT),$(APT)),{ $(call INSTALL,$(shell cat tests/packages.txt)); } && touch $@ || \
		echo 'tests/packages.txt: not all of it could be installed')

# the CA, the trust, the registry and the verification, twice: the second run has nothing to do
demo: setup
	@$(LAB) up
	$(LAB) run -- $(BIN)/pyinfra -y inventory deploy.py
	@echo; echo 'Once more: nothing is to be done, and nothing is.'; echo
	$(LAB) run -- $(BIN)/pyinfra -y inventory deploy.py

# The lab's tests wait for hosts most of the time, so the others run meanwhile. 3 is the lab's word for a machine that
# can't run it.
test: lint .venv/validators
	@echo 'all tests, with the lab and without at the same time; each half is shown when it has ended'
	@$(MAKE) --no-print-directory --output-sync --jobs 2 tests-without-lab tests-with-lab

tests-without-lab:
	@$(BIN)/pytest -n 2 -m 'not drill' tests/unit tests/operations tests/cli tests/browser

tests-with-lab:
	@$(LAB) up; case $$? in \
		0) $(BIN)/pytest -m 'not drill' tests/fleet ;; \
		3) echo 'tests/fleet was left out: the line above says why'; [ -z "$(DEMAND_LAB)" ] ;; \
		*) exit 1 ;; \
	esac

fast: setup .venv/validators tests-without-lab

lint: setup
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m tests.shellcheck

# a CA is rotated while every client pulls and pushes; tells what each of them saw
rotation-drill: setup
	@$(LAB) up
	@$(BIN)/pytest -s -m drill tests/fleet/test_rotation.py

drills: setup .venv/validators
	@$(LAB) up
	@$(BIN)/pytest -m drill tests

# other ones each day, in one round each, as many as fit; .ci/run has them
drills-of-the-day: setup .venv/validators
	@$(LAB) up
	@$(BIN)/pytest -p tests.of_the_day -m drill tests

lab-up: setup
	@$(LAB) up

lab-down: setup
	@$(LAB) down

shell: lab-up
	@$(LAB) run -- $${SHELL:-sh}
