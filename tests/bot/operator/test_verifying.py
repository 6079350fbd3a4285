"""palaver db verify: what is damaged is named, in the store and in a backup, beside a running bot as well."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

from sessions.manager import SessionManager
from tests.bot.operator.conversations import ME, Quick, begin, telegram, within
from tests.bot.operator.test_backup import damage
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


def test_a_sound_store_is_said_to_be_sound(shell: Shell, quick: Quick) -> None:
    """With how much was opened, and exit code 0; also while the bot runs."""
    begin(shell, ME, "one", "two")
    begin(shell, telegram("42"), "three")
    alone = quick("db", "verify")
    assert (alone.code, alone.err) == (0, "")
    assert "2 sessions and 3 stored messages opened, all sound." in alone.out
    with running(shell):
        assert quick("db", "verify").out == alone.out


def test_what_is_damaged_is_named_by_its_session(shell: Shell, quick: Quick) -> None:
    """In words, with the whole id, and exit code 4; programs get the id by itself."""
    ident = begin(shell, ME, "one", "two")
    damage(shell.home / "palaver.db")
    done = quick("db", "verify")
    assert done.code == 4
    assert f"session {ident}: 2 of 2 messages do not open" in done.out
    said = json.loads(quick("db", "verify", "--json").out)
    assert said["sound"] is False
    assert [problem["session"] for problem in said["problems"]] == [ident]


def test_a_backup_is_verified_in_its_own_place(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """The damage of the copy is named, and neither it nor the store changes."""
    begin(shell, ME, "one")
    target = tmp_path / "copy.db"
    quick("db", "backup", str(target))
    assert json.loads(quick("db", "verify", "--json", "--file", str(target)).out)["sound"] is True
    damage(target)
    before = target.read_bytes()
    assert quick("db", "verify", "--file", str(target)).code == 4
    assert quick("db", "verify").code == 0
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy.db"]


def test_a_broken_file_is_a_damaged_store_and_no_traceback(shell: Shell, quick: Quick) -> None:
    """Pages that SQLite itself can not read end with code 4 and words."""
    begin(shell, ME, *("x" * 5_000 for _ in range(50)))
    path = shell.home / "palaver.db"
    data = bytearray(path.read_bytes())
    data[8 * 4096 : 40 * 4096] = b"\xff" * (32 * 4096)
    path.write_bytes(data)
    done = quick("db", "verify")
    assert done.code == 4
    assert "Traceback" not in done.err
    assert done.out or done.err


def test_what_an_import_left_is_named_and_is_no_damage(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """It counts neither as sound nor as damaged; the code is 0, and it is gone after the next start."""
    ident, other = begin(shell, ME, "one", "two"), begin(shell, telegram("42"), "three")
    killed = Shell(tmp_path / "killed")
    killed.home.mkdir(mode=0o700)

    async def break_off(sessions: SessionManager) -> None:
        copies = [await sessions.transcript(one) for one in (ident, other)]
        with suppress(InterruptedError):
            async with sessions.arrivals(new_ids=True) as arrivals:
                for copy in copies:
                    await arrivals.add(copy, ME)
                await arrivals.flush()
                await arrivals.settle()
                for path in shell.home.iterdir():  # what a kill would leave
                    shutil.copy(path, killed.home)
                raise InterruptedError

    within(shell, break_off)
    home = {"PALAVER_HOME": str(killed.home)}
    done = quick("db", "verify", **home)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == (
        "2 conversations belong to an import that is under way or was broken off; "
        "then they go when Palaver starts next."
    )
    assert "2 sessions and 3 stored messages opened, all sound." in done.lines[1]
    told = json.loads(quick("db", "verify", "--json", **home).out)
    assert (told["sound"], told["unfinished"], told["messages"]) == (True, 2, 3)
    begin(killed, ME, "four")
    assert json.loads(quick("db", "verify", "--json", **home).out)["unfinished"] == 0
    assert quick("db", "verify").lines[0].endswith("2 sessions and 3 stored messages opened, all sound.")


def test_without_a_store_there_is_nothing_to_verify(shell: Shell, quick: Quick) -> None:
    """It is said, and nothing is made."""
    done = quick("db", "verify")
    assert (done.code, done.out) == (1, "")
    assert not shell.home.exists()
