"""palaver people list, export, erase, links: what is stored of somebody, and having nothing stored any more."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from bot.access import Access
from bot.linking import Linking
from bot.operators import Operators
from bot.person_notes import approval_note, spending_note
from config.settings import AccessSettings
from sessions.address import Address, ChatKind
from sessions.manager import SessionManager
from sessions.message import Usage
from sessions.scope import Scope
from tests.bot.archives import Archive
from tests.bot.operator.conversations import ME, Quick, begin, listed, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import ROOT, Shell
from tests.bot.test_cli_pair import knock, running
from tests.conftest import ManualClock

ANN = telegram("42")
ELSEWHERE = replace(ANN, account="2")
GROUP = replace(ANN, chat_id="-100", chat_kind=ChatKind.GROUP)
DISCORD = Address(platform="discord", account="9", chat_id="d", user_id="77")
BOB = telegram("43")


def furnish(shell: Shell) -> None:
    """Have Ann's conversations before two bots, in a group and on Discord, what is noted of her, and Bob's."""
    for address, words in ((ANN, ("one", "two")), (ELSEWHERE, ("three",)), (GROUP, ("four",)), (BOB, ("bobs",))):
        begin(shell, address, *words)

    async def work(sessions: SessionManager) -> None:
        access = Access(sessions, AccessSettings(operators=("telegram:42",)))
        for person in ("telegram:42", "telegram:43"):
            await access.approve(person, by="shell", at=1)
            await sessions.set_note(spending_note(person), {"day": "2026-01-01", "tokens": 5, "warned": False})
        await Operators(sessions, access).learn(ANN)
        await sessions.link(ANN, DISCORD)
        await sessions.set_scope(GROUP, Scope.PER_CHANNEL)
        await sessions.set_scope(BOB, Scope.PER_PEER)
        session = await sessions.get_or_create_session(GROUP)
        await sessions.add_message(session.id, role="user", content="shared", usage=Usage(3, 4))
        clock = ManualClock()
        await Linking(sessions, clock=clock).offer(ANN)
        await Linking(sessions, clock=clock).offer(BOB)

    within(shell, work)
    begin(shell, DISCORD, "five")


def notes_of(shell: Shell, *persons: str) -> list[bool]:
    """Tell of which of these people something is noted."""

    async def work(sessions: SessionManager) -> list[bool]:
        names = [name(person) for person in persons for name in (approval_note, spending_note)]
        return [bool(await sessions.note(name)) for name in names]

    return within(shell, work, read_only=True)


# -- list and links ------------------------------------------------------------------------------


def test_everybody_is_listed_with_what_is_theirs(shell: Shell, quick: Quick) -> None:
    """By person across bot accounts and chats; what is shared is counted apart; the last to be there come first."""
    furnish(shell)
    said = json.loads(quick("people", "list", "--json").out)
    found = {one["person"]: (one["conversations"], one["shared"], one["messages"]) for one in said}
    assert found == {"telegram:42": (3, 1, 4), "telegram:43": (1, 0, 1), "discord:77": (1, 0, 1)}
    assert said[0]["person"] == "discord:77"
    assert [one["person"] for one in json.loads(quick("people", "list", "--json", "-n", "1").out)] == ["discord:77"]
    done = quick("people", "list", "--platform", "telegram")
    assert done.lines[0].split() == ["PERSON", "CONVERSATIONS", "SHARED", "MESSAGES", "TOKENS", "LAST", "ACTIVE"]
    assert [line.split()[0] for line in done.lines[1:]] == ["telegram:42", "telegram:43"]


def test_linked_accounts_are_listed(shell: Shell, quick: Quick) -> None:
    """Of everybody, of one by either account, and of one who has none."""
    furnish(shell)
    line = "telegram:42 (bot account 1)  =  discord:77 (bot account 9)\n"
    for arguments in ([], ["telegram:42"], ["discord:77"]):
        assert quick("people", "links", *arguments).out == line
    assert quick("people", "links", "telegram:43").out == "telegram:43 has no linked accounts.\n"
    ((first, second),) = json.loads(quick("people", "links", "--json").out)
    assert (first["user_id"], second["platform"]) == ("42", "discord")


# -- export --------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside_a_bot", [False, True])
def test_an_export_has_everything_of_the_person_and_nothing_of_others(
    shell: Shell, quick: Quick, tmp_path: Path, beside_a_bot: bool
) -> None:
    """Before all bots and through links, with what is noted; the file is private, and the audit tells of it."""
    furnish(shell)
    target = tmp_path / "ann.zip"

    def work() -> None:
        done = quick("people", "export", "telegram:42", "-o", str(target))
        assert (done.code, done.err) == (0, "")
        assert "4 conversations with 5 messages of telegram:42, in clear" in done.out

    if beside_a_bot:
        with running(shell):
            work()
    else:
        work()
    archive = Archive(target.read_bytes())
    data, text = archive.about, archive.text
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert data["person"] == {"platform": "telegram", "user_id": "42"}
    assert {account["platform"] for account in data["accounts"]} == {"telegram", "discord"}
    assert data["accounts"][0]["let_in"] == {"approved": True, "by": "shell", "at": 1}
    assert len(archive.json) == len(archive.markdown) == 4
    assert "4 conversations" in archive.readme
    assert all(word in text for word in ("one", "two", "three", "four", "five"))
    assert "bobs" not in text
    assert "shared" not in text
    (entry,) = json.loads(quick("audit", "list", "--kind", "export", "--json").out)
    assert (entry["about"]["count"], entry["by"][:6]) == (4, "shell:")


def test_an_export_goes_where_it_is_wanted(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Into a folder under a name of its own, to standard output, and never over another file by itself."""
    furnish(shell)
    folder = tmp_path / "folder"
    folder.mkdir()
    quick("people", "export", "telegram:42", "-o", str(folder))
    (file,) = folder.iterdir()
    assert file.name.startswith("palaver-telegram-42-20")
    assert quick("people", "export", "telegram:42", "-o", str(file)).code == 1
    assert quick("people", "export", "telegram:42", "-o", str(file), "--force").code == 0
    assert len(Archive(file.read_bytes()).json) == 4
    command = shell.command("people", "export", "telegram:42", "-o", "-")
    piped = subprocess.run(command, cwd=ROOT, env=shell.environ, capture_output=True, check=True, timeout=30)
    assert len(Archive(piped.stdout).json) == 4
    with at_terminal(shell, "people", "export", "telegram:42", "-o", "-") as terminal:
        terminal.shows("an archive is not for a terminal")
        assert terminal.ends() == 1


def test_conversations_of_an_export_can_be_taken_in_elsewhere(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """As its README says: the folder of them, into a store that knows nobody yet."""
    furnish(shell)
    quick("people", "export", "telegram:42", "-o", str(tmp_path / "ann.zip"))
    with ZipFile(tmp_path / "ann.zip") as file:
        file.extractall(tmp_path / "out")
    other = Shell(tmp_path / "other")
    done = other.run("sessions", "import", "--dir", str(tmp_path / "out" / "conversations"))
    assert "4 conversations with 5 stored messages imported." in done.out, done
    assert {one.person for one in listed(other).values()} == {"telegram:42", "discord:77"}


@pytest.mark.parametrize("command", ["export", "erase"])
def test_somebody_who_is_not_there_is_not_found(shell: Shell, quick: Quick, command: str) -> None:
    """Neither another platform's 42, nor what is no person at all."""
    furnish(shell)
    for person, words in (("console:42", "no such person"), ("42", "platform:user"), (":", "platform:user")):
        done = quick("people", command, person, "--force" if command == "export" else "--yes")
        assert (done.code, done.out) == (1, "")
        assert words in done.err
    assert len(listed(shell)) == 6


# -- erase ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside_a_bot", [False, True])
def test_erasing_takes_everything_of_the_person_and_nothing_of_others(
    shell: Shell, quick: Quick, beside_a_bot: bool
) -> None:
    """Conversations before all bots and of linked accounts, choices, links, notes; what is shared stays."""
    furnish(shell)

    def work() -> None:
        done = quick("people", "erase", "telegram:42", "--yes")
        assert (done.code, done.err) == (0, "")
        assert "everything of telegram:42 and discord:77 is erased" in done.lines[0]
        assert "4 conversations with 5 stored messages" in done.lines[1]
        assert "none is known here" in done.out

    if beside_a_bot:
        with running(shell):
            work()
    else:
        work()
    assert {one.person for one in listed(shell).values()} == {"telegram:42", "telegram:43"}
    assert notes_of(shell, "telegram:42", "discord:77", "telegram:43") == [False] * 4 + [True] * 2
    assert quick("people", "links").out == "Nobody has linked accounts.\n"
    (ann,) = [one for one in json.loads(quick("people", "list", "--json").out) if one["person"] == "telegram:42"]
    assert (ann["conversations"], ann["shared"]) == (0, 1)
    assert quick("db", "verify").code == 0

    async def choices(sessions: SessionManager) -> list[Scope]:
        return [await sessions.scope_of(address) for address in (GROUP, BOB)]

    assert within(shell, choices, read_only=True) == [Scope.PER_CHANNEL_PEER, Scope.PER_PEER]


def test_the_receipt_says_which_backups_still_hold_it(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Those that were made from here, with how much; one that was made afterwards holds nothing."""
    furnish(shell)
    quick("db", "backup", str(tmp_path / "before.db"))
    said = json.loads(quick("people", "erase", "telegram:42", "--yes", "--json").out)
    assert (said["sessions"], said["messages"], said["accounts"]) == (4, 5, ["telegram:42", "discord:77"])
    assert [(one["path"], one["conversations"]) for one in said["backups"]] == [(str(tmp_path / "before.db"), 4)]
    quick("db", "backup", str(tmp_path / "after.db"))
    begin(shell, ANN, "again")
    done = quick("people", "erase", "telegram:42", "--yes")
    assert f"{tmp_path}/after.db" in done.out
    assert "holds nothing" in done.out
    assert "still holds 4 conversations" in done.out


def test_nothing_is_erased_without_a_yes(shell: Shell) -> None:
    """It asks with how much it is; a no, and nobody to ask, leave everything."""
    furnish(shell)
    with at_terminal(shell, "people", "erase", "telegram:42") as terminal:
        terminal.shows("erases 4 conversations with 5 messages of telegram:42 and discord:77")
        terminal.types("n\n")
        assert terminal.ends() == 1
    done = shell.run("people", "erase", "telegram:42", typed="y\n")
    assert (done.code, done.out) == (1, "")
    assert "--yes" in done.err
    assert len(listed(shell)) == 6


def test_somebody_who_was_only_let_in_is_forgotten_as_well(shell: Shell, quick: Quick) -> None:
    """Without a conversation there is still a note."""
    begin(shell, ME, "mine")

    async def work(sessions: SessionManager) -> None:
        await Access(sessions, AccessSettings()).approve("telegram:5", by="shell", at=1)

    within(shell, work)
    assert "1 note" in quick("people", "erase", "telegram:5", "--yes").out
    assert notes_of(shell, "telegram:5") == [False, False]


@pytest.mark.parametrize("beside_a_bot", [False, True])
def test_somebody_who_waits_to_be_let_in_is_forgotten_as_well(shell: Shell, quick: Quick, beside_a_bot: bool) -> None:
    """Their code is void, and whoever else waits still does."""
    ours, theirs = knock(shell, "42"), knock(shell, "43")

    def work() -> None:
        assert "1 note" in quick("people", "erase", "telegram:42", "--yes").out
        assert [one["code"] for one in json.loads(quick("pair", "list", "--json").out)] == [theirs]
        assert quick("pair", "approve", ours).code == 1
        assert quick("people", "erase", "telegram:42", "--yes").code == 1

    if beside_a_bot:
        with running(shell):
            work()
    else:
        work()


# -- what is left --------------------------------------------------------------------------------


def sealed(home: Path, sessions: Sequence[int]) -> list[bytes]:
    """Give everything that is sealed for sessions: keys, profiles, messages, journals."""
    found: list[bytes] = []
    with closing(sqlite3.connect(home / "palaver.db")) as connection:
        for number in sessions:
            row = connection.execute(
                "SELECT wrapped, profile, commitment, mac FROM session WHERE number = ?", (number,)
            )
            found += row.fetchone()
            for table in ("message", "journal"):
                statement = f"SELECT body FROM {table} WHERE id >> 24 = ?"  # noqa: S608 - one of two names
                found += [body for (body,) in connection.execute(statement, (number,))]
    return found


def choices(home: Path) -> list[bytes]:
    """Give every sealed choice and note that says something."""
    with closing(sqlite3.connect(home / "palaver.db")) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM preference WHERE length(body) > 40")]


def remains(pieces: Sequence[bytes], *folders: Path) -> int:
    """Count the pieces of which some part is in any file of the folders."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    data = b"".join(path.read_bytes() for path in files)
    return sum(piece[-24:] in data or piece[:24][-16:] in data for piece in pieces)


@pytest.mark.parametrize("beside_a_bot", [False, True])
@pytest.mark.parametrize("how", ["people erase", "sessions delete"])
def test_nothing_of_it_is_left_in_any_file(shell: Shell, tmp_path: Path, how: str, beside_a_bot: bool) -> None:
    """When the command returns no sealed piece is in the database, its log, or a temporary file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shell = Shell(shell.home, {name: str(temporary) for name in ("TMPDIR", "SQLITE_TMPDIR", "TEMP", "TMP")})
    begin(shell, BOB, "stays " * 100)
    ours = begin(shell, ANN, *(f"turn {number} " * 100 for number in range(20)), "overflowing " * 2_000)
    before = set(choices(shell.home))

    async def note(sessions: SessionManager) -> None:
        await sessions.set_note(spending_note("telegram:42"), {"day": "2026-01-01", "tokens": 5, "warned": False})
        await sessions.set_scope(ANN, Scope.PER_PEER)

    within(shell, note)
    pieces = sealed(shell.home, [2])
    noted = [body for body in choices(shell.home) if body not in before]
    bobs = sealed(shell.home, [1])
    assert remains(pieces, shell.home) == len(pieces) > 20
    assert remains(noted, shell.home) == len(noted) == 2
    command = ["people", "erase", "telegram:42"] if how == "people erase" else ["sessions", "delete", ours]

    def work() -> None:
        done = shell.run(*command, "--yes")
        assert done.code == 0, done
        assert remains(pieces, shell.home, temporary) == 0
        assert remains(noted, shell.home, temporary) == (0 if how == "people erase" else 2)
        assert remains(bobs, shell.home) == len(bobs)
        assert shell.run("db", "vacuum").code == 0
        assert remains(pieces, shell.home, temporary) == 0

    if beside_a_bot:
        with running(shell):
            work()
    else:
        work()
    assert remains(pieces, shell.home, temporary) == 0


def test_what_others_share_stays_and_that_is_said(shell: Shell, quick: Quick) -> None:
    """Before it is erased, in the receipt, and where there is nothing else of the person."""
    furnish(shell)
    asked = quick("people", "erase", "telegram:42")
    assert "discord:77, for good; 1 conversation that others share stays" in asked.err
    done = quick("people", "erase", "telegram:42", "--yes")
    assert "Conversations that others share, of which they began 1" in done.out
    again = quick("people", "erase", "telegram:42", "--yes")
    assert (again.code, again.out) == (1, "")
    assert "1 conversation that others share stays: palaver sessions delete --person telegram:42 --shared" in again.err


@pytest.mark.parametrize("command", ["list", "export", "erase", "links"])
def test_each_explains_itself_with_an_example(quick: Quick, command: str) -> None:
    """--help ends with a line that can be copied."""
    assert f"Example: palaver people {command}" in quick("people", command, "--help").out
