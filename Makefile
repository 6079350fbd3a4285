# The newest Python that is tested, or whatever python3 is: PYTHON=... chooses another.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Written last, so a set-up that broke off is done again.
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help run bot test test-postgres test-workers soak bench load lint format docs fake-telegram constraints clean fake-discord

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 22

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Palaver needs Python 3.11 or newer: make PYTHON=...")'
	@echo "Setting up .venv (once; takes a minute) ..." >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY) ## chat in this terminal (ARGS="--resume" and the like are passed on)
	@$(BIN)/palaver chat $(ARGS)

bot: $(READY) ## run the bot on every channel that has a token
	@$(BIN)/palaver run $(ARGS)

test: lint ## lint, types, and every test but the slow ones
	@$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal

test-postgres: $(READY) ## those tests of the bot that need no file, with the conversations on a PostgreSQL server
	@PALAVER_TEST_STORE=postgres $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal tests/bot

test-workers: $(READY) ## the same as one of several workers that share the server
	@PALAVER_TEST_STORE=workers $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal tests/bot

soak: $(READY) ## the slow tests: a thousand kills and the like, a thousand examples of each property
	@$(BIN)/python -m pytest -m soak -o faulthandler_timeout=7200
	@$(BIN)/python -m pytest -m "hypothesis and not soak" --hypothesis-profile=thorough -o faulthandler_timeout=7200

bench: $(READY) ## measure Palaver beside raw SQLite and its peers
	@$(BIN)/python tests/benchmarks/run.py $(ARGS)

load: $(READY) ## play many people against several workers on PostgreSQL (ARGS="--write" keeps it in docs/scale.md)
	@$(BIN)/python tests/benchmarks/load/run.py $(ARGS)

lint: $(READY) ## check style, form and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY) ## mend style and form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

fake-discord: $(READY) ## a stand-in for Discord to chat with the bot by hand
	@$(BIN)/python -m tests.fakes.discord.terminal $(ARGS)

fake-telegram: $(READY) ## a stand-in for Telegram to chat with the bot by hand
	@$(BIN)/python -m tests.fakes.telegram.terminal $(ARGS)

docs: $(READY) ## write the pages that are made from the code anew
	@$(BIN)/python -m bot.commands.page README.md
	@$(BIN)/python -m bot.cli_page docs/shell.md
	@$(BIN)/python -m tests.coverage.page docs/coverage.md

constraints: ## pin every dependency anew (needs uv)
	@uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make constraints" \
		--quiet --upgrade --output-file constraints.txt

clean: ## remove what these commands made; never your conversations
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
