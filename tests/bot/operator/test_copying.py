"""palaver db copy: another database that holds the same, taken beside the bot and completed when that has stopped."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bot.operator.conversations import ME, Quick, begin, telegram
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


def address(path: Path) -> str:
    return f"sqlite:///{path}"


def test_a_copy_holds_the_same_and_can_be_used(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """The exports are the same, byte by byte but for their own time, and the comparison says so."""
    ident = begin(shell, ME, "one", "two")
    begin(shell, telegram("42"), "three")
    target = address(tmp_path / "copy.db")
    done = quick("db", "copy", "--to", target)
    assert (done.code, done.err) == (0, "")
    assert "2 conversations added, 0 changed, 0 removed; 3 messages copied." in done.out
    assert "Both databases hold the same." in done.out
    assert quick("db", "copy", "--to", target, "--check").out == "Both databases hold the same.\n"
    shown = quick("sessions", "show", ident, "--format", "json").out
    (shell.home / "palaver.toml").write_text(f'[store]\nurl = "{target}"\n')
    assert quick("sessions", "show", ident, "--format", "json").out == shown
    assert quick("db", "verify").code == 0


def test_a_copy_is_completed_after_the_bot_has_stopped(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Beside the running bot most of it is brought over; what came in since is named, and comes with the next run."""
    begin(shell, ME, "one")
    target = address(tmp_path / "copy.db")
    with running(shell):
        assert quick("db", "copy", "--to", target).code == 0
    ident = begin(shell, telegram("42"), "two")
    compared = quick("db", "copy", "--to", target, "--check", "--json")
    assert compared.code == 4
    assert f"session {ident}" in json.loads(compared.out)["differences"]
    said = json.loads(quick("db", "copy", "--to", target, "--json").out)
    assert said == {"added": 1, "changed": 0, "removed": 0, "messages": 1, "complete": True}
    assert quick("db", "copy", "--to", target, "--check").code == 0


def test_what_can_not_be_copied_is_said(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """The same database, an address that is none, a target that is not there to compare with, somebody else's."""
    begin(shell, ME, "one")
    own = address(shell.home / "palaver.db")
    assert "the same database" in quick("db", "copy", "--to", own).err
    assert "must be" in quick("db", "copy", "--to", "mysql://host/x").err
    missing = tmp_path / "missing.db"
    assert quick("db", "copy", "--to", address(missing), "--check").code == 4
    assert not missing.exists()
    other = tmp_path / "other.db"
    other.write_bytes(b"something else" * 1000)
    before = other.read_bytes()
    assert quick("db", "copy", "--to", address(other)).code != 0
    assert other.read_bytes() == before
