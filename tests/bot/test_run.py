"""`palaver run`: real processes on the stand-in for Telegram, killed, told to end, and started again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.redaction import HIDDEN
from bot.startup import ExitCode, key_provider, open_sessions
from bot.stores import store_of
from config.load import load_settings
from config.settings import Settings
from sessions import Address, SessionManager
from sessions.letter import LetterState
from sessions.records import ALL_SENT
from tests.bot import where
from tests.bot.running import TELEGRAM_TOKEN
from tests.bot.shell import ROOT, Shell
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram

PATIENCE = 30.0


@dataclass
class Program:
    """One run of the program."""

    process: asyncio.subprocess.Process

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; give the exit code and what was written to standard error."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        _, errors = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


@dataclass
class Home:
    """A home folder in which the program is started, again and again."""

    path: Path
    environ: Mapping[str, str]

    @asynccontextmanager
    async def program(self) -> AsyncIterator[Program]:
        """Run the program until the block ends."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PALAVER_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            "run",
            cwd=ROOT,
            env={
                **kept,
                "PALAVER_HOME": str(self.path),
                "PALAVER_SESSIONS__TIMEZONE": "UTC",
                **where.environ(),
                **where.key(),
                **self.environ,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        program = Program(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                await program.end(signal.SIGKILL)

    def reading(self) -> SessionManager:
        """Read the store when no program has it."""
        settings = self.settings()
        return open_sessions(settings, key_provider(settings), read_only=True)

    async def unfinished(self) -> int:
        """Count what came in and is not handled to its end, and the answers that are not out, beside the program."""
        store = store_of(self.settings().store, read_only=True)
        await store.open()
        letters, parcels = await store.all_mail()
        await store.close()
        waiting = [letter for letter in letters if letter.state != LetterState.finished]
        return len(waiting) + len([parcel for parcel in parcels if parcel.sent < ALL_SENT])

    def settings(self) -> Settings:
        """Load what the programs are told."""
        return load_settings(environ={"PALAVER_HOME": str(self.path), **where.environ(), **where.key()})


def on_telegram(telegram: FakeTelegram, tmp_path: Path, **more: str) -> Home:
    """Give a home for a bot that answers everybody."""
    settings = {
        "PALAVER_TELEGRAM__TOKEN": TELEGRAM_TOKEN,
        "PALAVER_TELEGRAM__API_URL": telegram.url,
        "PALAVER_ACCESS__MODE": "open",
        "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0",
    }
    return Home(tmp_path / "home", {**settings, **more})


def model(server: ModelServer) -> dict[str, str]:
    """Give the settings for a model that the test plays."""
    return {
        "PALAVER_MODEL__BACKEND": "openai",
        "PALAVER_MODEL__NAME": "m",
        "PALAVER_MODEL__BASE_URL": server.openai_url,
        "PALAVER_MODEL__API_KEY": "k",
    }


def test_without_a_channel_it_says_what_to_configure(tmp_path: Path) -> None:
    """Nothing is made, and the exit code is the one for settings."""
    done = Shell(tmp_path / "home").run("run")
    assert done.code == ExitCode.CONFIGURATION
    assert "PALAVER_TELEGRAM__TOKEN" in done.err
    assert not (tmp_path / "home" / "palaver.db").exists()


async def test_a_token_that_is_refused_ends_the_program(tmp_path: Path) -> None:
    """It says so, without the token, and exits as for wrong settings."""
    async with FakeTelegram.running(token="999:" + "x" * 35) as telegram:
        home = on_telegram(telegram, tmp_path)
        async with home.program() as program:
            await asyncio.wait_for(program.process.wait(), PATIENCE)
            code, errors = await program.end()
    assert code == ExitCode.CONFIGURATION
    assert "token" in errors.lower()
    assert "running" not in errors
    assert TELEGRAM_TOKEN not in errors


@pytest.mark.skipif(where.ON_A_SERVER, reason="three homes with a key each need three databases")
async def test_who_lets_people_in_is_said_where_no_operator_is_named(tmp_path: Path) -> None:
    """Only where people wait for it: with an operator, or open to everybody, nothing is said of it."""
    cases: tuple[tuple[str, str, bool], ...] = (("auto", "", True), ("auto", "telegram:42", False), ("open", "", False))
    for number, (mode, operators, hinted) in enumerate(cases):
        async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
            access = {"PALAVER_ACCESS__MODE": mode, "PALAVER_ACCESS__OPERATORS": operators}
            home = on_telegram(telegram, tmp_path / str(number), **access)
            async with home.program() as program:
                await telegram.until(lambda: bool(telegram.polls_open), timeout=PATIENCE)
                code, errors = await program.end()
        assert code == 0
        assert ("access.operators" in errors) is hinted
        assert errors.count("palaver pair list") == int(hinted)
        assert "starting: telegram at 127.0.0.1:" in errors


async def test_what_was_said_while_it_was_off_is_answered_when_it_is_on(tmp_path: Path) -> None:
    """Messages wait with the platform, and no log line holds a token."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home, ann = on_telegram(telegram, tmp_path), telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        await telegram.say(ann, "early words", chat=chat)
        async with home.program() as program:
            await telegram.wait_for(chat, "early words", timeout=PATIENCE)
            code, errors = await program.end()
    assert code == 0
    assert TELEGRAM_TOKEN not in errors
    assert HIDDEN not in errors


async def test_told_to_end_it_lets_a_reply_end_and_takes_in_nothing_more(tmp_path: Path) -> None:
    """SIGTERM while a reply streams: the reply arrives whole, what is said after it waits, the exit code is 0."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        home, ann = on_telegram(telegram, tmp_path, **model(server)), telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        server.default = Answer(words=["slow "] * 8 + ["done."], word_delay=0.25)
        async with home.program() as program:
            await telegram.say(ann, "hello", chat=chat)
            await asyncio.wait_for(server.arrived.wait(), PATIENCE)
            ending = asyncio.ensure_future(program.end())
            await asyncio.sleep(0.5)
            await telegram.say(ann, "too late", chat=chat)
            code, _ = await ending
        assert code == 0
        assert "done." in telegram.messages(chat)[-1].text
        assert telegram.pending == 1
        async with home.program():
            await telegram.until(lambda: telegram.pending == 0 and len(telegram.messages(chat)) == 2, timeout=PATIENCE)


async def _killed_again_and_again(
    telegram: FakeTelegram, home: Home, *, people: int, messages: int, kills: int, seed: int
) -> None:
    """Have people write while the program is killed at random moments; then see that each message came once."""
    chance = random.Random(seed)
    crowd = [telegram.person(1000 + number, f"P{number}") for number in range(people)]
    chats = {person.id: telegram.private_chat(person) for person in crowd}
    said = [(person, f"word {number} of {person.id}") for number in range(messages) for person in crowd]

    async def write() -> None:
        for person, text in said:
            await telegram.say(person, text, chat=chats[person.id])
            await asyncio.sleep(0)

    writing = asyncio.ensure_future(write())
    for _ in range(kills):
        async with home.program() as program:
            await asyncio.sleep(chance.uniform(0.7, 2.0))
            await program.end(signal.SIGKILL)
    await writing
    async with home.program() as program:
        await _done_with_everything(telegram, home)
        code, _ = await program.end()
        assert code == 0
    async with home.reading() as sessions:
        stored = Counter[str]()
        for person in crowd:
            for session in await sessions.own_sessions(_address(person.id)):
                kept = [m for m in await sessions.get_history(session.id, limit=None) if m.role == "user"]
                stored.update(message.content for message in kept)
                order = [text for who, text in said if who is person]
                assert [message.content for message in kept] == order
        assert stored == Counter(text for _, text in said)
        assert await sessions.verify() == []


async def _done_with_everything(telegram: FakeTelegram, home: Home) -> None:
    """Wait for it as long as it goes on, however slowly: the platform takes thirty messages a second."""
    before, since = (-1, -1), time.monotonic()
    while (left := (telegram.pending, await home.unfinished())) != (0, 0) or not telegram.polls_open:
        if left != before:
            before, since = left, time.monotonic()
        assert time.monotonic() - since < 2 * PATIENCE, f"stuck: {left[0]} not fetched, {left[1]} not done with"
        await asyncio.sleep(0.2)


def _address(user: int) -> Address:
    account = TELEGRAM_TOKEN.partition(":")[0]
    return Address(platform="telegram", account=account, chat_id=str(user), user_id=str(user))


async def test_kills_lose_no_message_and_double_none(tmp_path: Path) -> None:
    """Promise P2, small: 120 updates of 12 people with 4 kills, each stored once and in order."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home = on_telegram(telegram, tmp_path)
        await _killed_again_and_again(telegram, home, people=12, messages=10, kills=4, seed=1)


@pytest.mark.soak
async def test_a_hundred_kills_lose_none_of_ten_thousand_messages(tmp_path: Path) -> None:
    """Promise P2: 10,000 updates with 100 kills."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home = on_telegram(telegram, tmp_path)
        await _killed_again_and_again(telegram, home, people=200, messages=50, kills=100, seed=2)
