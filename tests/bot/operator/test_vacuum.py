"""palaver db vacuum and migrate."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.bot.operator.conversations import ME, Quick, begin, telegram
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


@pytest.mark.parametrize("beside_a_bot", [False, True])
def test_vacuum_says_how_much_it_gave_back(shell: Shell, quick: Quick, beside_a_bot: bool) -> None:
    """Here, or in the bot that runs, which goes on afterwards."""
    gone = begin(shell, ME, *("x" * 20_000 for _ in range(30)))
    begin(shell, telegram("42"), "stays")

    def work() -> None:
        assert quick("sessions", "delete", gone, "--yes").code == 0
        said = json.loads(quick("db", "vacuum", "--json").out)
        assert said["before"] > 600_000 > said["after"]
        assert "0 given back" in quick("db", "vacuum").out
        assert quick("db", "verify").code == 0

    if beside_a_bot:
        with running(shell):
            work()
    else:
        work()
    assert (shell.home / "palaver.db").stat().st_size < 600_000


def test_a_chat_that_holds_the_store_keeps_it_from_being_written_anew(shell: Shell) -> None:
    """It does not listen; that is said with its process, and exit code 75."""
    begin(shell, ME, "one")
    with shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        done = shell.run("db", "vacuum")
    assert (done.code, done.out) == (75, "")
    assert f"held by process {chat.process.pid}" in done.err


def test_a_store_of_today_needs_no_migration(shell: Shell, quick: Quick) -> None:
    """The version is said, also for a dry run and beside a bot."""
    begin(shell, ME, "one")
    with running(shell):
        for arguments in ([], ["--dry-run"]):
            done = quick("db", "migrate", *arguments)
            assert (done.code, done.err) == (0, "")
            assert "which is the newest" in done.out


def test_a_store_of_a_newer_palaver_is_left_alone(shell: Shell, quick: Quick) -> None:
    """It says which version is needed."""
    begin(shell, ME, "one")
    with closing(sqlite3.connect(shell.home / "palaver.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = quick("db", "migrate")
    assert (done.code, done.out) == (78, "")
    assert "schema version 99" in done.err


@pytest.mark.parametrize("command", ["backup", "restore", "verify", "vacuum", "migrate"])
def test_each_explains_itself_with_an_example(quick: Quick, command: str) -> None:
    """--help ends with a line that can be copied."""
    done = quick("db", command, "--help")
    assert done.code == 0
    assert f"Example: palaver db {command}" in done.out
