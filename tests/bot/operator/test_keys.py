"""palaver keys: a new key takes over and the old one goes, with and without a running bot, whatever comes between."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from bot.operator.key_operations import BEGIN, KEY_OPERATIONS, STEP
from bot.operator.key_status import needed_in_words, opened_in_words
from bot.startup import key_provider, open_sessions
from config import load_settings
from sessions.address import Address
from sessions.errors import WrongKey
from sessions.manager import SessionManager
from sessions.message import JsonValue
from tests.bot.operator.conversations import Quick
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import PATIENCE, Shell
from tests.bot.test_cli_pair import running

MANY = 600  # conversations: more than one step takes


def set_keys(shell: Shell, *, key: str = "palaver-2.key", old: str = "palaver.key") -> None:
    """Put into the settings file what `keys new` says."""
    lines = f'key_file = "{shell.home / key}"\n' + (f'old_key_files = ["{shell.home / old}"]\n' if old else "")
    (shell.home / "palaver.toml").write_text(lines)


def keys(run: Quick, **settings: str) -> dict[str, dict[str, object]]:
    """Give what status tells of each key, by state."""
    done = run("keys", "status", "--json", **settings)
    assert done.code == 0, done
    return {str(key["state"]): key for key in json.loads(done.out)["keys"]}


def fill(shell: Shell, count: int) -> None:
    """Make many conversations."""

    async def begin(sessions: SessionManager, number: int) -> None:
        who = Address(platform="telegram", account="bot", chat_id=f"chat-{number}", user_id=f"user-{number}")
        session = await sessions.get_or_create_session(who)
        await sessions.add_message(session.id, role="user", content=f"hello {number}")

    async def work() -> None:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with open_sessions(settings, key_provider(settings)) as sessions:
            await asyncio.gather(*[begin(sessions, number) for number in range(count)])

    asyncio.run(work())


def damaged(shell: Shell) -> list[str]:
    """Open every record."""

    async def work() -> list[str]:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
            return await sessions.verify()

    return asyncio.run(work())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_key_takes_over_and_the_old_one_goes(shell: Shell, quick: Quick) -> None:
    """New, settings, rotate, retire; each tells what comes next, and status follows."""
    shell.chat("hello there")
    old = str(keys(quick)["primary"]["key"])
    made = quick("keys", "new")
    path = shell.home / "palaver-2.key"
    assert made.code == 0
    assert f'key_file = "{path}"' in made.out
    assert f'old_key_files = ["{shell.home / "palaver.key"}"]' in made.out
    assert "palaver keys rotate" in made.out
    assert mode(path) == 0o600
    assert keys(quick)["readable"] | {"created": ""} == {
        "key": keys(quick)["readable"]["key"],
        "provider": "file",
        "state": "readable",
        "created": "",
        "at hand": False,
        "sessions": 0,
        "secrets": 0,
    }
    set_keys(shell)
    refused = quick("keys", "retire", old)
    assert (refused.code, refused.out) == (1, "")
    assert "is the primary one" in refused.err
    rotated = quick("keys", "rotate")
    assert rotated.code == 0
    assert rotated.out.startswith("1 session moved to key ")
    assert rotated.out.endswith(f"Key {old} wraps nothing any more; let it go with: palaver keys retire {old}\n")
    assert "\x1b" not in rotated.out + rotated.err  # no bar in a pipe
    after = keys(quick)
    assert (after["primary"]["sessions"], after["readable"]["sessions"], after["readable"]["key"]) == (1, 0, old)
    table = quick("keys", "status").lines
    assert table[0].split() == ["KEY", "PROVIDER", "STATE", "CREATED", "SESSIONS", "SECRETS", "AT", "HAND"]
    assert len(table) == 3
    assert quick("keys", "retire", old[:6]).code == 0
    set_keys(shell, old="")
    assert list(keys(quick)) == ["primary"]
    assert quick("keys", "verify").out == "All 6 wrapped keys open.\n"
    assert damaged(shell) == []
    assert "hello there" in shell.chat("/history").out


def test_the_old_key_opens_nothing_after_it_is_retired(shell: Shell, quick: Quick) -> None:
    """Before that a start with the old settings is refused as well, and says what to name."""
    shell.chat("hello")
    quick("keys", "new")
    set_keys(shell)
    quick("keys", "rotate")
    old = str(keys(quick)["readable"]["key"])
    set_keys(shell, key="palaver.key", old="")
    for step in ("before", "after"):
        refused = quick("keys", "status")
        assert refused.code == 78, step
        assert "name the one before it in old_key_files" in refused.err
        if step == "before":
            assert quick("keys", "retire", old, PALAVER_KEY_FILE=str(shell.home / "palaver-2.key")).code == 0
    set_keys(shell)
    assert list(keys(quick)) == ["primary"]


def test_a_bot_that_runs_rotates_and_goes_on(shell: Shell, quick: Quick) -> None:
    """The bot was started with the old settings; it takes the new key by its file, and retires the old one."""
    shell.chat("hello there")
    fill(shell, 20)
    with running(shell):
        assert quick("keys", "new").code == 0
        set_keys(shell)
        assert keys(quick)["readable"]["at hand"] is True
        done = quick("keys", "rotate", "--json")
        assert done.code == 0, done
        assert {name: json.loads(done.out)[name] for name in ("sessions", "failed", "left")} == {
            "sessions": 21,
            "failed": 0,
            "left": 0,
        }
        assert keys(quick)["primary"]["sessions"] == 21
        assert quick("keys", "rotate", "--deep").code == 0
        assert quick("keys", "verify").code == 0
        assert quick("keys", "retire", str(keys(quick)["readable"]["key"])).code == 0
        assert damaged(shell) == []
    set_keys(shell, old="")
    assert damaged(shell) == []
    told = json.loads(quick("keys", "status", "--json").out)
    assert told["rotation"] is None


def test_a_key_in_the_environment_is_not_handed_to_a_bot(shell: Shell, quick: Quick) -> None:
    """The bot that runs does not know it: it says to start it anew; without a bot the key takes over."""
    shell.chat("hello")
    key = base64.b64encode(bytes(range(32))).decode()
    (shell.home / "palaver.toml").write_text(f'old_key_files = ["{shell.home / "palaver.key"}"]\n')
    with running(shell):
        refused = quick("keys", "rotate", PALAVER_KEY=key)
        assert refused.code == 78
        assert "restart with the settings that name it" in refused.err
        assert list(keys(quick, PALAVER_KEY_FILE=str(shell.home / "palaver.key"))) == ["primary"]
    assert quick("keys", "rotate", PALAVER_KEY=key).code == 0
    found = keys(quick, PALAVER_KEY=key)
    assert (found["primary"]["provider"], found["primary"]["sessions"]) == ("raw", 1)


def test_a_passphrase_takes_over(shell: Shell) -> None:
    """A file is made for it, with a phrase nobody can guess; one that is there is used and left as it is."""
    shell.chat("hello")
    path = shell.home / "phrase"
    made = shell.run("keys", "new", "--passphrase-file", str(path), "--json")
    assert made.code == 0, made
    assert json.loads(made.out)["settings"] == {
        "key_passphrase_file": str(path),
        "old_key_files": [str(shell.home / "palaver.key")],
    }
    assert len(path.read_text().strip().replace("-", "")) == 32
    assert mode(path) == 0o600
    named = {"PALAVER_KEY_PASSPHRASE_FILE": str(path), "PALAVER_OLD_KEY_FILES": str(shell.home / "palaver.key")}
    assert shell.run("keys", "rotate", **named).code == 0
    assert keys(shell.run, **named)["primary"]["provider"] == "passphrase"
    written = shell.run("keys", "recovery", "--yes", PALAVER_KEY_PASSPHRASE_FILE=str(path))
    back = shell.run("keys", "recovery", "--restore", typed=written.out, PALAVER_KEY_PASSPHRASE_FILE=str(path))
    assert "(primary) of this store" in back.out
    assert keys(shell.run, PALAVER_KEY_FILE=str(shell.home / "palaver-recovered.key"))["primary"]["sessions"] == 1


def test_no_file_is_overwritten(shell: Shell) -> None:
    """A name that is taken is used as it is or left; a wrong file in the place of a key is refused."""
    shell.chat("hello")
    first = shell.home / "palaver.key"
    before = first.read_bytes()
    taken = shell.run("keys", "new", "--key-file", str(first))
    assert taken.code == 1
    assert "in the keyring already" in taken.err
    assert first.read_bytes() == before
    diary = shell.home / "diary"
    diary.write_text("Dear diary")
    diary.chmod(0o600)
    assert shell.run("keys", "new", "--key-file", str(diary)).code == 78
    assert diary.read_text() == "Dear diary"
    paper = shell.run("keys", "recovery", "--yes").out
    kept = shell.run("keys", "recovery", "--restore", "--key-file", str(first), typed=paper)
    assert kept.code == 78
    assert "is there already; it was left as it is" in kept.err
    assert first.read_bytes() == before
    link = shell.home / "link"
    link.symlink_to(shell.home / "nowhere")
    assert shell.run("keys", "new", "--key-file", str(link)).code == 78
    assert not (shell.home / "nowhere").exists()
    assert list(keys(shell.run)) == ["primary"]


def test_the_key_comes_back_from_paper(shell: Shell) -> None:
    """It is shown after a question alone, the audit tells of it, and what is typed in makes a key file again."""
    shell.chat("hello")
    refused = shell.run("keys", "recovery", typed="n\n")
    assert (refused.code, refused.out) == (1, "")
    assert "Whoever reads it" in refused.err
    shown = shell.run("keys", "recovery", typed="y\n")
    assert shown.code == 0
    assert len(shown.lines) == 5
    (shell.home / "palaver.key").unlink()
    slip = shown.out.replace("2: ", "2: A")
    assert "line 2 has a slip" in shell.run("keys", "recovery", "--restore", typed=slip).err
    back = shell.run("keys", "recovery", "--restore", "--key-file", str(shell.home / "palaver.key"), typed=shown.out)
    assert back.code == 0
    assert "(primary) of this store" in back.out
    assert mode(shell.home / "palaver.key") == 0o600
    assert "hello" in shell.chat("/history").out
    other = shell.run("keys", "recovery", "--restore", "--home", str(shell.home.with_name("other")), typed=shown.out)
    assert other.code == 0
    assert "no store here" in other.out

    async def told() -> list[object]:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
            return [entry.about.get("done") for entry in await sessions.audit.newest() if entry.kind == "key"]

    assert asyncio.run(told()) == ["written out for recovery"]


def moved(shell: Shell) -> int:
    """Count the conversations that are under the primary key, as they are stored at this moment."""
    sql = "SELECT count(*) FROM session JOIN keyring ON substr(wrapped, 3, 8) = kid AND state = 'primary'"
    with closing(sqlite3.connect(f"file:{shell.home / 'palaver.db'}?mode=ro", uri=True)) as connection:
        return int(connection.execute(sql).fetchone()[0])


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGINT])
def test_a_rotation_that_is_ended_goes_on(shell: Shell, ended: signal.Signals) -> None:
    """Killed or interrupted half-way, every conversation opens; the same command ends it."""
    fill(shell, MANY)
    shell.run("keys", "new")
    set_keys(shell)
    with shell.start("keys", "rotate", "--deep") as program:
        until = time.monotonic() + PATIENCE
        while not 0 < moved(shell) < MANY and time.monotonic() < until:  # all are before it begins
            time.sleep(0.002)
        program.process.send_signal(ended)
        done = program.ends()
    assert done.code == (130 if ended is signal.SIGINT else -signal.SIGKILL)
    if ended is signal.SIGINT:
        assert re.search(rf"Stopped after \d+ of {MANY} sessions. Everything opens as before; go on with: ", done.err)
        assert "palaver keys rotate --deep" in done.err
    assert 0 < moved(shell) < MANY
    assert damaged(shell) == []
    assert f"of {MANY} sessions moved.\nGo on with it: palaver keys rotate --deep" in shell.run("keys", "status").out
    rotated = shell.run("keys", "rotate", "--deep")
    assert rotated.code == 0, rotated
    assert moved(shell) == MANY
    assert shell.run("keys", "retire", str(keys(shell.run)["readable"]["key"])).code == 0
    assert damaged(shell) == []


def test_a_session_that_does_not_open_is_named(shell: Shell, quick: Quick) -> None:
    """Verify and rotate name it, and end with a code of their own."""
    shell.chat("hello")
    quick("keys", "new")
    set_keys(shell)
    with closing(sqlite3.connect(shell.home / "palaver.db", isolation_level=None)) as connection:
        connection.execute("UPDATE session SET wrapped = CAST(substr(wrapped, 1, 69) || x'00' AS BLOB)")
        (session_id,) = connection.execute("SELECT id FROM session").fetchone()
    verified = quick("keys", "verify", "--json")
    assert verified.code == 1
    assert [line.split(":")[0] for line in json.loads(verified.out)["problems"]] == [f"session {session_id}"]
    rotated = quick("keys", "rotate")
    assert rotated.code == 4
    assert f"session {session_id}: a key can not be verified" in rotated.err
    old = str(keys(quick)["readable"]["key"])
    assert f"1 session could not be moved and needs an old key still: keep key {old}." in rotated.err
    assert "wraps nothing" not in rotated.out


def test_several_old_keys_are_all_named(shell: Shell, quick: Quick) -> None:
    """Whoever rotates is told which keys may go; where nothing is to be moved, that nothing was."""
    shell.chat("hello")
    first = str(keys(quick)["primary"]["key"])
    assert quick("keys", "rotate").out == f"Everything is under key {first} already; nothing had to be moved.\n"
    quick("keys", "new")
    set_keys(shell)
    quick("keys", "rotate")
    second = str(keys(quick)["primary"]["key"])
    quick("keys", "new")
    named = f'old_key_files = ["{shell.home / "palaver-2.key"}", "{shell.home / "palaver.key"}"]\n'
    (shell.home / "palaver.toml").write_text(f'key_file = "{shell.home / "palaver-3.key"}"\n{named}')
    rotated = quick("keys", "rotate").lines
    old = " and ".join(sorted((first, second)))
    assert rotated[1] == f"Keys {old} wrap nothing any more; let each go with: palaver keys retire KEY"


def test_one_wrapped_key_is_told_as_one() -> None:
    """Also none, and the sessions that need a key."""
    assert [opened_in_words(count) for count in (0, 1, 2)] == [
        "There is no wrapped key.",
        "The one wrapped key opens.",
        "All 2 wrapped keys open.",
    ]
    assert [needed_in_words("3f", count) for count in (1, 2)] == [
        "key 3f is in the keyring and not at hand; 1 session needs it.",
        "key 3f is in the keyring and not at hand; 2 sessions need it.",
    ]


def test_progress_reaches_the_end_also_when_it_goes_on(shell: Shell, quick: Quick) -> None:
    """What was sealed anew before does not wait any more."""
    fill(shell, MANY)

    async def waiting() -> list[int]:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with open_sessions(settings, key_provider(settings)) as sessions:
            begin, step = KEY_OPERATIONS[BEGIN], KEY_OPERATIONS[STEP]
            request: dict[str, JsonValue] = {"key": sessions.kid, "deep": True}
            first = await begin(sessions, request)
            moved = await step(sessions, {"after": 0})
            again = await begin(sessions, request)
            return [int(str(one)) for one in (first["waiting"], moved["moved"], again["waiting"])]

    before, moved, after = asyncio.run(waiting())
    assert before == MANY
    assert MANY - moved <= after <= MANY - moved + 1


def test_a_terminal_shows_how_far_it_is(shell: Shell, quick: Quick) -> None:
    """A bar while it goes on, and the same words at the end as elsewhere."""
    fill(shell, MANY)
    quick("keys", "new")
    set_keys(shell)
    with at_terminal(shell, "keys", "rotate", "--deep") as terminal:
        terminal.shows("Moving")
        terminal.shows(f"{MANY} sessions moved to key")
        assert terminal.ends() == 0


def test_where_nothing_was_ever_stored_nothing_is_made(shell: Shell, quick: Quick) -> None:
    """Every command says so, and leaves no file."""
    for command in (["status"], ["new"], ["rotate"], ["retire", "ab"], ["verify"], ["recovery", "--yes"]):
        done = quick("keys", *command)
        assert done.code == 1, (command, done)
        assert done.err.startswith("palaver: there is no store yet")
    assert not shell.home.exists() or not list(shell.home.iterdir())


def test_every_command_has_an_example(shell: Shell, quick: Quick) -> None:
    """So that nobody has to guess."""
    listed = quick("keys", "--help").out
    for name in ("status", "new", "rotate", "retire", "verify", "recovery"):
        assert name in listed
        assert f"Example: palaver keys {name}" in " ".join(quick("keys", name, "--help").out.split())


def test_wrong_key_is_what_it_was(shell: Shell, quick: Quick) -> None:
    """The library's twin: without the old key among several the store does not open at all."""
    shell.chat("hello")
    settings = load_settings(environ={"PALAVER_HOME": str(shell.home), "PALAVER_KEY": "A" * 43 + "="})

    async def work() -> None:
        async with open_sessions(settings, key_provider(settings), read_only=True):
            pytest.fail("it opened")

    with pytest.raises(WrongKey):
        asyncio.run(work())
