"""The table of operations: everything the command line may have the running bot do."""

from __future__ import annotations

from bot.operations import Operations

OPERATIONS = Operations({})
