"""palaver audit list and verify."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
from contextlib import closing, nullcontext

import pytest

from sessions.audit import BATCH, AuditKind, acting
from sessions.manager import SessionManager
from tests.bot.operator.conversations import ME, Quick, begin, telegram, within
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


def note(shell: Shell, many: int, kind: AuditKind, by: str, *, days_ago: float = 0) -> None:
    """Have so many entries in the audit."""

    async def work(sessions: SessionManager) -> None:
        with acting(by):
            for number in range(many):
                await sessions.audit.note(kind, number=number)

    within(shell, work, days_ago=days_ago)


def test_the_newest_come_first_and_all_there_are_come(shell: Shell, quick: Quick) -> None:
    """Also beyond what is read at once; each with number, time, kind, who did it, and about what."""
    note(shell, BATCH + 5, AuditKind.READ, "shell:ann")
    note(shell, 1, AuditKind.KEY, "telegram:42")
    said = json.loads(quick("audit", "list", "--limit", "99999", "--json").out)
    assert [entry["number"] for entry in said] == list(range(BATCH + 6, 0, -1))
    assert (said[0]["kind"], said[0]["by"], said[0]["about"]) == ("key", "telegram:42", {"number": 0})
    assert len(quick("audit", "list").lines) == 51
    head, newest, *_ = quick("audit", "list", "-n", "1").lines
    assert head.split() == ["NUMBER", "WHEN", "BY", "WHAT"]
    assert newest.split()[0] == f"{BATCH + 6}"
    assert newest.endswith("telegram:42  key number=0")


def test_entries_are_chosen_by_time_kind_and_who(shell: Shell, quick: Quick) -> None:
    """Each condition alone and all together; the limit counts what fits."""
    note(shell, 3, AuditKind.READ, "shell:ann", days_ago=10)
    note(shell, 2, AuditKind.ERASURE, "telegram:42", days_ago=5)
    note(shell, 4, AuditKind.READ, "telegram:42")

    def count(*arguments: str) -> int:
        return len(json.loads(quick("audit", "list", "--json", *arguments).out))

    assert count() == 9
    assert count("--kind", "read") == 7
    assert count("--kind", "READ", "--by", "telegram:42") == 4
    assert count("--by", "shell:ANN") == 3
    assert count("--since", "2020-01-01", "--until", "2020-01-02") == 0
    assert count("--kind", "erasure", "--limit", "1") == 1
    (oldest, *_) = json.loads(quick("audit", "list", "--json", "--by", "shell:ann").out)
    assert count("--until", oldest["at"]) in (0, 1, 2)
    assert count("--since", oldest["at"]) >= 7


def test_what_can_not_be_meant_is_said(shell: Shell, quick: Quick) -> None:
    """A kind that there is not is answered with those there are, a date with how to write one."""
    note(shell, 1, AuditKind.READ, "shell:ann")
    for arguments, words in ((["--kind", "lunch"], "erasure"), (["--since", "lately"], "is not a date")):
        done = quick("audit", "list", *arguments)
        assert (done.code, done.out) == (1, "")
        assert words in done.err
    assert "Nothing of the kind" in quick("audit", "list", "--kind", "key").out


def test_a_whole_chain_and_a_broken_one_are_told_apart(shell: Shell, quick: Quick) -> None:
    """Beside a running bot as well; a changed entry and one that was cut off end with exit code 4."""
    note(shell, 3, AuditKind.READ, "shell:ann")
    with running(shell):
        assert quick("audit", "verify").out == "The audit is whole: 3 entries.\n"
    for statement, words in (
        ("DELETE FROM audit WHERE number = 3", "2 entries are there where there must be 3"),
        ("UPDATE audit SET at = at + 1 WHERE number = 2", "entry 2 was changed"),
        ("DELETE FROM audit WHERE number = 1", "entry 1 is missing"),
    ):
        with closing(sqlite3.connect(shell.home / "palaver.db", isolation_level=None)) as connection:
            connection.execute(statement)
        done = quick("audit", "verify")
        assert done.code == 4
        assert words in done.out
    said = json.loads(quick("audit", "verify", "--json").out)
    assert (said["sound"], said["entries"]) == (False, 2)
    assert "does not open" in quick("audit", "list").out


def test_what_operators_do_is_in_it(shell: Shell, quick: Quick) -> None:
    """Erasing from the shell is told with who did it, by ids and numbers alone."""
    begin(shell, telegram("42"), "a canary")
    quick("people", "erase", "telegram:42", "--yes")
    (entry,) = json.loads(quick("audit", "list", "--kind", "erasure", "--json").out)
    assert entry["by"].startswith("shell:")
    assert entry["about"]["messages"] == 1
    assert "canary" not in json.dumps(entry)


@pytest.mark.parametrize("beside_a_bot", [False, True])
def test_who_did_it_is_the_account_and_not_what_the_environment_says(
    shell: Shell, quick: Quick, beside_a_bot: bool
) -> None:
    """LOGNAME and USER may say anything; the name is that of the account, with a bot and without one."""
    ident = begin(shell, ME, "one")
    with running(shell) if beside_a_bot else nullcontext():
        assert shell.run("sessions", "pause", ident, LOGNAME="mallory", USER="mallory").code == 0
        (entry,) = json.loads(quick("audit", "list", "--json", "--kind", "status").out)
    assert entry["by"] == f"shell:{pwd.getpwuid(os.geteuid()).pw_name}"
    assert entry["about"] == {"session": ident, "before": "active", "after": "paused"}


@pytest.mark.parametrize("command", ["list", "verify"])
def test_each_explains_itself_with_an_example(quick: Quick, command: str) -> None:
    """--help ends with a line that can be copied."""
    assert f"Example: palaver audit {command}" in quick("audit", command, "--help").out


def test_without_a_store_nothing_was_done(shell: Shell, quick: Quick) -> None:
    """It is said, and nothing is made."""
    assert quick("audit", "list").code == 1
    assert not shell.home.exists()
    begin(shell, ME, "one")
    assert quick("audit", "verify").out == "The audit is whole: 0 entries.\n"
