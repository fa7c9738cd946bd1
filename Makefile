# Live Feeds. `make` alone shows this list.
.DEFAULT_GOAL := help
.PHONY: help run demo setup test lint bench messages lock

RATE ?= 20
EMAILS ?= 20000

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: setup ## start everything, until Ctrl-C (PORT=8000)
	@exec .venv/bin/python manage.py up

demo: setup ## as run, with a demo account and a simulated world (RATE=20 events a second)
	@exec .venv/bin/python manage.py up --simulate $(RATE)

setup: ## prepare the environment alone
	@.ci/environment requirements.lock

test: develop ## everything that must hold before a change is taken
	@exec .ci/test

lint: develop ## the quick part of test: style, types, boundaries, size
	@exec .ci/test quick

bench: develop ## measure all of it (EMAILS=20000)
	@exec .venv/bin/python -m bench all --emails $(EMAILS)

messages: develop ## bring the catalogues of translations up to date with the sources
	@exec .venv/bin/python manage.py messages

lock: ## compile requirements*.in into the locks, with hashes and without any registry's address
	@exec .ci/lock

.PHONY: develop
develop:
	@.ci/environment requirements-dev.lock
