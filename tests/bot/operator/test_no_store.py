"""Where nothing was ever stored."""

from __future__ import annotations

import pytest

from tests.bot.operator.conversations import Quick
from tests.bot.shell import Shell

COMMANDS = (
    "keys status",
    "keys verify",
    "keys rotate",
    "keys new",
    "keys retire ab",
    "keys recovery --yes",
    "audit list",
    "audit list --json",
    "audit verify",
    "people list",
    "people export telegram:42",
    "sessions show ab",
    "sessions stats ab",
    "sessions rename ab new",
    "sessions delete ab --yes",
    "db vacuum",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_said_that_there_is_no_store_and_what_makes_one(shell: Shell, quick: Quick, command: str) -> None:
    """Nobody who never stored anything is told of a session that is missing; and nothing is made by asking."""
    done = quick(*command.split())
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("palaver: there is no store yet")
    assert "palaver chat" in done.err
    assert "session" not in done.err
    assert not shell.home.exists()
