"""Bad days of a program: two of them on one store, updates of long ago, and a gateway that lets nobody in."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from bot.startup import ExitCode, key_provider
from config.load import load_settings
from sessions import Address, SessionManager
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, clocked, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_run import Home
from tests.bot.test_run import on_telegram as home_on_telegram
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.conftest import ManualClock
from tests.fakes.discord.gateway import IDENTIFIES_A_DAY
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

PATIENCE = 30.0
FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
DAY = 24 * 3600


async def test_a_second_program_on_one_store_ends_and_the_first_goes_on(tmp_path: Path) -> None:
    """It exits with 75 and names the process; the first is not disturbed, and afterwards there is room for it."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home, ann = home_on_telegram(telegram, tmp_path), telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with home.program() as first:
            await telegram.say(ann, "hello", chat=chat)
            await telegram.wait_for(chat, "hello", timeout=PATIENCE)
            polls = sum(name == "getMe" for name, _ in telegram.calls)
            async with home.program() as second:
                await asyncio.wait_for(second.process.wait(), PATIENCE)
                code, errors = await second.end()
            assert code == ExitCode.HELD.value == 75
            assert f"process {first.process.pid}" in errors
            assert "Traceback" not in errors
            assert sum(name == "getMe" for name, _ in telegram.calls) == polls
            await telegram.say(ann, "still there?", chat=chat)
            await telegram.wait_for(chat, "still there?", timeout=PATIENCE)
            assert (await first.end())[0] == 0
        async with home.program() as third:
            await telegram.say(ann, "and now?", chat=chat)
            await telegram.wait_for(chat, "and now?", timeout=PATIENCE)
            assert (await third.end())[0] == 0


async def test_two_programs_with_one_token_do_not_fight(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Told that another one polls, the bot says so and leaves it the field for a while; it still ends at once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, aiohttp.ClientSession() as other:
        began = 0.0
        async with running(tmp_path, on_telegram(telegram)):
            await telegram.until(lambda: bool(telegram.polls_open), timeout=10)
            async with other.post(f"{telegram.url}/bot{TELEGRAM_TOKEN}/getUpdates", json={"timeout": 0}) as answer:
                assert answer.status == 200
            await telegram.until(lambda: "another program polls" in caplog.text, timeout=10)
            polls = sum(name == "getUpdates" for name, _ in telegram.calls)
            await asyncio.sleep(1)
            assert sum(name == "getUpdates" for name, _ in telegram.calls) == polls
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert TELEGRAM_TOKEN not in "".join(one.getMessage() for one in caplog.records if one.name[:8] == "adapters")


# -- updates of long ago -------------------------------------------------------------------------------


def update(number: int, text: str, at: float) -> tuple[str, bytes]:
    """Write what Ann said at some time, as it lies in the store until it is handled."""
    ann = {"id": 42, "is_bot": False, "first_name": "Ann"}
    chat = {"id": 42, "type": "private", "first_name": "Ann"}
    entities = [{"type": "bot_command", "offset": 0, "length": len(text.partition(" ")[0])}] if text[0] == "/" else []
    message = {"message_id": number, "date": int(at), "from": ann, "chat": chat, "text": text, "entities": entities}
    return str(number), json.dumps({"update_id": number, "message": message}).encode()


@asynccontextmanager
async def store(home: Path, clock: ManualClock) -> AsyncIterator[SessionManager]:
    settings = load_settings(environ={"PALAVER_HOME": str(home)})
    key = key_provider(settings)
    async with SessionManager.open(db_path=settings.store.path, encryption_key=key, clock=clock) as sessions:
        yield sessions


ANN = Address(platform="telegram", account="1234", chat_id="42", user_id="42")


async def left_over(tmp_path: Path, clock: ManualClock, line: str, age: float) -> tuple[list[str], list[str]]:
    """Have a line taken in, end before it is handled, start again after `age`; give what is kept, and what was said."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN, clock=clock) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        environ = {**on_telegram(telegram), **FAST}
        async with running(tmp_path, environ, clock=clock, make=clocked(clock)):
            await telegram.say(ann, "the word is teal", chat=chat)
            before = await telegram.wait_for(chat, "the word is teal", timeout=10)
        clock.advance(1)
        async with store(tmp_path, clock) as sessions:
            await sessions.mailbox.receive("telegram:1234", [update(900_000_001, line, clock())])
        clock.advance(age)
        async with running(tmp_path, environ, clock=clock, make=clocked(clock)) as bot:
            await telegram.wait_for(chat, lambda _: True, timeout=10, after=before)
            await asyncio.sleep(0.2)
            session = await bot.sessions.current_session(ANN)
            kept = [] if session is None else await bot.sessions.get_history(session.id, limit=None)
            said = [message.text for message in telegram.messages(chat) if message.order > before.order]
            assert await bot.sessions.mailbox.unfinished("telegram:1234") == []
            return [message.content for message in kept if message.role == "user"], said


async def test_a_message_that_waited_for_an_hour_is_answered(tmp_path: Path, clock: ManualClock) -> None:
    """What came in shortly before the program ended is carried out by the next start, once."""
    kept, said = await left_over(tmp_path, clock, "and amber", 3600)
    assert kept == ["the word is teal", "and amber"]
    assert len(said) == 1
    assert "and amber" in said[0]


async def test_a_command_that_waited_for_an_hour_is_carried_out(tmp_path: Path, clock: ManualClock) -> None:
    """So is a command."""
    kept, said = await left_over(tmp_path, clock, "/new Trip", 3600)
    assert kept == []
    assert "A new conversation" in said[0]


async def test_a_command_of_three_days_ago_is_apologised_for(tmp_path: Path, clock: ManualClock) -> None:
    """Nobody waits for it any more: the person is told, and nothing is changed."""
    kept, said = await left_over(tmp_path, clock, "/new Trip", 3 * DAY)
    assert kept == ["the word is teal"]
    assert len(said) == 1


async def test_every_update_of_long_ago_is_answered_once(tmp_path: Path, clock: ManualClock) -> None:
    """However old, a message is not lost without a word, nor answered again by the start after."""
    _, said = await left_over(tmp_path, clock, "and amber", 3 * DAY)
    assert len(said) == 1


async def test_a_clock_that_is_set_back_loses_nothing(tmp_path: Path, clock: ManualClock) -> None:
    """What is said after a restart is answered, also at a time that was there before."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN, clock=clock) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        for word in ("teal", "amber"):
            async with running(tmp_path, {**on_telegram(telegram), **FAST}, clock=clock, make=clocked(clock)):
                await telegram.say(ann, f"the word is {word}", chat=chat)
                await telegram.wait_for(chat, word, timeout=1.5)


# -- a gateway that lets nobody in -----------------------------------------------------------------------


async def test_no_session_is_begun_when_none_is_left_for_today(tmp_path: Path) -> None:
    """One more would end all sessions and reset the token: the bot waits, and says why."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        fake.gateway.identifies = IDENTIFIES_A_DAY
        async with running(tmp_path, on_discord(fake)):
            await asyncio.sleep(1)
            assert fake.gateway.identifies == IDENTIFIES_A_DAY


async def test_the_last_session_of_the_day_is_begun(tmp_path: Path) -> None:
    """The twin: with one left the bot connects, and answers."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        fake.gateway.identifies = IDENTIFIES_A_DAY - 1
        ann = fake.person("Ann")
        async with running(tmp_path, on_discord(fake)):
            await fake.connected(timeout=10)
            await fake.say(ann, "hello", channel=fake.dm(ann))
            await fake.wait_for(fake.dm(ann), "hello", timeout=10)
            assert fake.gateway.identifies == IDENTIFIES_A_DAY


@pytest.mark.parametrize(
    ("content", "token"), [("forbidden", DISCORD_TOKEN), (True, DISCORD_TOKEN[::-1])], ids=["intent", "token"]
)
async def test_what_trying_again_can_not_mend_ends_the_program(
    tmp_path: Path, content: Literal["forbidden", True], token: str
) -> None:
    """Without the intent or with a wrong token it says what to do, once, and exits as for wrong settings."""
    async with FakeDiscord.running(token=DISCORD_TOKEN, message_content=content) as fake:
        home = Home(tmp_path / "home", {**on_discord(fake), "PALAVER_DISCORD__TOKEN": token})
        async with home.program() as program:
            await asyncio.wait_for(program.process.wait(), PATIENCE)
            code, errors = await program.end()
        assert code == ExitCode.CONFIGURATION
        assert "Then start again" in errors or "then start again" in errors
        assert token not in errors
        assert "Traceback" not in errors
        assert fake.gateway.identifies < 5  # the library may not hear why the first connection was closed


async def test_a_gateway_that_refuses_is_not_asked_again_and_again(tmp_path: Path) -> None:
    """Connections that are cut at once do not use up the sessions of a day: the bot waits between attempts."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        async with running(tmp_path, on_discord(fake)):
            await fake.connected(timeout=10)
            for _ in range(20):
                if fake.gateway.connected():
                    fake.faults.cut_gateway()
                    fake.faults.forget_session()
                await asyncio.sleep(0.1)
        assert fake.gateway.identifies <= 5
