"""Crews: many processes read as one does, in its order, and leave nothing behind."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bot.operation_failed import OperationFailed
from bot.operations import reading
from bot.operator.crew import AHEAD, CrewOptions, read_together
from bot.operator.searching import SearchOptions, search_sessions
from bot.startup import key_provider, open_sessions
from config import load_settings
from sessions.export.formats import ExportFormat
from sessions.manager import SessionManager
from tests.bot.operator.conversations import begin, telegram, within
from tests.bot.operator.crewed import ALONE, PAIR, Dying, Large, Meeting, Told, exports, failing
from tests.bot.shell import ROOT, Done, Shell
from tests.bot.test_cli_pair import running

WHEN = re.compile(rb"(exported\D{0,40})\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d[.0-9]*", re.IGNORECASE)


@pytest.fixture
def motley(here: Shell) -> None:
    """Conversations with forks, edits, branches, gaps, one that does not open and one with a damaged message."""
    begin(here, telegram("1"), "teal old", days_ago=20)
    damaged = begin(here, telegram("2"), "teal hidden", days_ago=10)

    async def work(sessions: SessionManager) -> str:
        for number in range(12):
            user = telegram(str(number % 5))
            session = await sessions.new_session(user, title=f"title {number} {'é' * number}")
            for turn in range(number):
                await sessions.add_message(
                    session.id, role="user", content=f"teal {number} {turn}", metadata={"source": f"{number}.{turn}"}
                )
            if number % 3 == 1:
                await sessions.revise_message(user, source=f"{number}.0", content=f"edited TEAL {number}")
            if number % 4 == 2:
                fork = await sessions.fork(session.id)
                await sessions.add_message(fork.id, role="assistant", content=f"teal in the fork of {number}")
                await sessions.add_message(session.id, role="user", content="teal taken back")
                await sessions.clear_history(session.id)
            if number == 7:
                await sessions.delete_session(session.id)
        return session.id

    last = within(here, work)
    with closing(sqlite3.connect(here.home / "palaver.db")) as raw, raw:
        raw.execute("UPDATE session SET head = 0 WHERE id = ?", (damaged,))
        (number,) = raw.execute("SELECT number FROM session WHERE id = ?", (last,)).fetchone()
        raw.execute(
            "UPDATE message SET at = at + 1 WHERE id = (SELECT min(id) FROM message WHERE id >> 24 = ?)", (number,)
        )


@asynccontextmanager
async def opened() -> AsyncIterator[SessionManager]:
    settings = load_settings()
    async with open_sessions(settings, key_provider(settings)) as sessions:
        await sessions.new_session(telegram("1"))
    async with reading(settings) as sessions:
        yield sessions


def children(process: int) -> set[int]:
    """Give the running children of a process."""
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_children(process: subprocess.Popen[bytes], count: int) -> set[int]:
    until = time.monotonic() + 20
    while len(found := children(process.pid)) < count:
        assert process.poll() is None, process.communicate(timeout=5)
        assert time.monotonic() < until, found
        time.sleep(0.01)
    return found


def program_of(member: int) -> str:
    """Give the arguments of a process, as soon as it is more than a copy of the one that starts it."""
    until = time.monotonic() + 10
    while "crew_member" not in (words := Path(f"/proc/{member}/cmdline").read_text()):
        assert time.monotonic() < until, words
        time.sleep(0.005)
    return words


def gone(processes: set[int]) -> bool:
    """Tell whether all have ended, within two seconds."""
    until = time.monotonic() + 2
    while any(map(alive, processes)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(alive, processes))


@contextmanager
def start(shell: Shell, what: str, argument: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bot.operator.crewed", what, argument],
        cwd=ROOT,
        env=shell.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,  # what is read is what was asked for
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def many(shell: Shell, count: int = 40, each: int = 50) -> None:
    async def work(sessions: SessionManager) -> None:
        for user in range(count):
            session = await sessions.new_session(telegram(str(user)))
            for number in range(each):
                await sessions.add_message(session.id, role="user", content=f"word {user} {number} {'x' * 200}")

    within(shell, work)


# -- the same as alone ---------------------------------------------------------------------------


def test_a_search_finds_the_same(motley: None, capfd: pytest.CaptureFixture[str]) -> None:
    """The same hits in the same order, the same counts, and the same words about what does not open."""

    def searched(options: SearchOptions, crew: CrewOptions) -> Done:
        capfd.readouterr()
        code = search_sessions(options, home=None, config_file=None, crew=crew)
        return Done(code, *capfd.readouterr())

    for options in (
        SearchOptions(words="teal", limit=1_000),
        SearchOptions(words="TEAL", limit=9, as_json=True),
        SearchOptions(words="teal", limit=1_000, since="2026-01-01", person="telegram:1"),
        SearchOptions(words="teal", limit=1_000, backend="echo"),
        SearchOptions(words="edited", limit=1_000, until="2999-01-01"),
        SearchOptions(words="nowhere"),
    ):
        alone = searched(options, replace(ALONE, batch=1))
        assert searched(options, PAIR) == alone
        assert alone.code == 0
        assert (alone.out == "") == (options.words == "nowhere")


def test_an_export_is_the_same(motley: None, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Byte for byte but for the time it was made, whether one file or one for each, with the same words about it."""

    def exported(form: ExportFormat, crew: CrewOptions) -> tuple[dict[str, bytes], str]:
        folder = tmp_path / f"{form}-{crew.members}"
        folder.mkdir()
        capfd.readouterr()
        assert exports(form, folder, crew) == 4
        out, err = capfd.readouterr()
        found = {path.name: WHEN.sub(b"", path.read_bytes()) for path in folder.iterdir()}
        return found, out.replace(folder.name, "") + err

    forms: tuple[ExportFormat, ...] = ("json", "markdown", "html", "text")
    for form in forms:
        alone = exported(form, ALONE)
        assert exported(form, replace(PAIR, batch=3)) == alone
        assert "is left out" in alone[1]
        assert len(alone[0]) == (1 if form == "json" else 15)


async def test_answers_come_in_order_whoever_is_slow(here: Shell, tmp_path: Path) -> None:
    """Each once, from more than one process, none of which is this one."""
    (folder := tmp_path / "here").mkdir()
    async with opened() as sessions:
        options = CrewOptions(members=3, pays=0, batch=2)
        answers = [one async for one in read_together(sessions, Meeting(folder, 3), range(41), options)]
    assert [number for number, _ in answers] == list(range(41))
    processes = {process for _, process in answers}
    assert len(processes) == 3
    assert os.getpid() not in processes


async def test_it_reads_alone_until_a_crew_is_ready(here: Shell) -> None:
    """A crew is called when that pays; meanwhile nobody waits, and nothing is read twice."""
    async with opened() as sessions:
        options = CrewOptions(members=2, pays=0.3, batch=1)
        answers = [one async for one in read_together(sessions, Told(0.02), range(200), options)]
    assert [number for number, _ in answers] == list(range(200))
    here_read = [process == os.getpid() for _, process in answers]
    assert 1 <= sum(here_read) < 200
    assert here_read == sorted(here_read, reverse=True)


@pytest.mark.parametrize("options", [CrewOptions(members=1, pays=0), CrewOptions(members=2, pays=60)])
async def test_it_reads_alone_where_nothing_else_pays(here: Shell, options: CrewOptions) -> None:
    """With one processor, or when it is soon done."""
    async with opened() as sessions:
        answers = [one async for one in read_together(sessions, Told(), range(300), options)]
    assert answers == [(number, os.getpid()) for number in range(300)]


async def test_it_reads_alone_where_no_process_can_be_started(here: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes longer, and nothing is missing."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with opened() as sessions:
        answers = [one async for one in read_together(sessions, Told(), range(5), PAIR)]
    assert answers == [(number, os.getpid()) for number in range(5)]


# -- bounds and ends -----------------------------------------------------------------------------


async def test_what_is_under_way_is_bounded(here: Shell, tmp_path: Path) -> None:
    """While nobody takes the answers, members wait, in the middle of a batch as well."""
    folder = tmp_path / "notes"
    folder.mkdir()
    async with opened() as sessions, aclosing(read_together(sessions, Large(folder), range(40), PAIR)) as answers:
        assert await anext(answers) == bytes(1 << 20)
        await asyncio.sleep(1)
        begun = {path.name.partition("-")[0] for path in folder.iterdir()}
        noted = len(list(folder.iterdir()))
        await asyncio.sleep(0.3)
        assert len(list(folder.iterdir())) == noted
    assert len(begun) <= AHEAD * PAIR.members
    assert noted < 150


async def test_a_member_that_dies_is_told_of(here: Shell) -> None:
    """What came before it in the order is given, then there is an error that says what happened."""
    before = children(os.getpid())
    async with opened() as sessions:
        answers = read_together(sessions, Dying(5), range(20), PAIR)
        assert [await anext(answers) for _ in range(5)] == list(range(5))
        with pytest.raises(OperationFailed, match=r"was killed \(SIGKILL\)") as failed:
            await anext(answers)
    assert failed.value.code == 4
    assert children(os.getpid()) == before


async def test_what_fails_in_a_member_fails_here(here: Shell) -> None:
    """In the same words, with the same exit code."""
    async with opened() as sessions:
        with pytest.raises(OperationFailed, match="no such session: 3") as failed:
            assert [one async for one in read_together(sessions, failing, [0, 3], PAIR)] == []
    assert failed.value.code == 1


def test_ctrl_c_ends_a_search_and_keeps_what_was_found(here: Shell) -> None:
    """At the terminal, within a second, without a word of Python's, and no process stays."""
    many(here)
    with start(here, "search", "word") as process:
        assert process.stdout is not None
        first = process.stdout.read(2_000)
        members = await_children(process, 2)
        os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 3  # a second, where nobody else works
    assert (process.returncode, gone(members)) == (130, True)
    hits = json.loads(first + out)
    assert 1 <= len(hits) < 2_000
    assert err.decode().startswith("palaver: stopped after ")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after", [0.0, 0.2])
def test_an_export_that_is_ended_leaves_no_file_and_no_process(
    here: Shell, tmp_path: Path, how: signal.Signals, after: float
) -> None:
    """Also while members begin, and also if the command gets no chance to tell them."""
    many(here, each=5)
    target = tmp_path / "out" / "all.json"
    target.parent.mkdir()
    with start(here, "export", str(target)) as process:
        members = await_children(process, 2)
        time.sleep(after)
        process.send_signal(how)
        out, err = process.communicate(timeout=20)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert gone(members)
    assert (out, b"Traceback" in err, target.exists()) == (b"", False, False)
    assert how != signal.SIGINT or not list(target.parent.iterdir())


def test_an_export_whose_member_is_killed_leaves_no_file(here: Shell, tmp_path: Path) -> None:
    """It says so, with an exit code of its own, and the others end as well."""
    many(here, each=5)
    target = tmp_path / "out" / "all.json"
    target.parent.mkdir()
    with start(here, "export", str(target)) as process:
        members = await_children(process, 2)
        os.kill(min(members), signal.SIGKILL)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, gone(members)) == (4, b"", True)
    assert err == b"palaver: a process that read the store was killed (SIGKILL); try again\n"
    assert list(target.parent.iterdir()) == []


# -- keys, neighbours ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["file", "variable", "passphrase", "old file"])
def test_every_member_finds_the_key(tmp_path: Path, key: str) -> None:
    """Wherever it is kept; it is in the environment or a file, and in no argument of a process."""
    first, second, phrase = (tmp_path / name for name in ("first", "second", "phrase"))
    secret = base64.b64encode(bytes(range(32))).decode()
    for path, text in ((first, secret), (second, base64.b64encode(bytes(32)).decode()), (phrase, "quite a few words")):
        path.write_text(f"{text}\n")
        path.chmod(0o600)
    made: dict[str, str] = {
        "file": {},
        "variable": {"PALAVER_KEY": secret},
        "passphrase": {"PALAVER_KEY_PASSPHRASE_FILE": str(phrase)},
        "old file": {"PALAVER_KEY_FILE": str(first)},
    }[key]
    shell = Shell(tmp_path / "home", made)
    shell.chat("teal one", "teal two")
    if key == "old file":
        shell = Shell(shell.home, {"PALAVER_KEY_FILE": str(second), "PALAVER_OLD_KEY_FILES": f'["{first}"]'})
    with start(shell, "search", "teal") as process:
        words = [program_of(one) for one in await_children(process, 2)]
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert len(json.loads(out)) == 4
    assert not any(secret in one or "teal" in one or "quite a few words" in one for one in words)


def test_it_works_beside_a_running_bot(here: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    """Members read as the command does, and leave the writing to the bot."""
    for user in range(4):
        begin(here, telegram(str(user)), f"teal {user}")
    with running(here):
        assert search_sessions(SearchOptions(words="teal"), home=None, config_file=None, crew=PAIR) == 0
    assert capfd.readouterr().out.count("«teal»") == 4


def test_members_import_nothing_from_the_working_folder(
    here: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file there that is named like a module of Python's is not run."""
    begin(here, telegram("1"), "teal")
    for name in ("asyncio.py", "bot.py", "struct.py"):
        (tmp_path / name).write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    assert search_sessions(SearchOptions(words="teal"), home=None, config_file=None, crew=PAIR) == 0
    assert capfd.readouterr().out.count("«teal»") == 1


def test_a_long_text_comes_in_parts(here: Shell, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A conversation that is too large for one part is counted and written once, with a crew and without."""
    begin(here, telegram("1"), *("x" * 100_000 for _ in range(9)))
    begin(here, telegram("2"), "small")
    texts = []
    for crew in (ALONE, PAIR):
        target = tmp_path / f"{crew.members}.json"
        assert exports("json", target, crew) == 0
        assert "2 conversations with 10 messages" in capfd.readouterr().out
        texts.append(WHEN.sub(b"", target.read_bytes()))
    assert texts[0] == texts[1]
    assert len(json.loads(target.read_text())["sessions"]) == 2
