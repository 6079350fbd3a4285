"""A database server that dies under a bot: nobody's words are lost or answered twice, and all goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.catalogue import Wanted
from tests.bot.running import TELEGRAM_TOKEN, running
from tests.bot.test_telegram_visit import environ, playing
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram
from tests.postgres_server import PostgresServer, postgres_server

PATIENCE = 30.0
PEOPLE = 8


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that keeps what it has said to be stored, also when it is killed."""
    with postgres_server("fsync=on", "shared_buffers=32MB", "max_connections=50") as started:
        yield started


async def restart(server: PostgresServer, *, after: float) -> None:
    """Kill the server and start it again some seconds later."""
    program = server.program
    assert program is not None
    await asyncio.to_thread(program.stop)
    await asyncio.sleep(after)
    await asyncio.to_thread(program.start)


async def test_a_server_that_is_killed_under_load_costs_nobody_anything(tmp_path: Path, server: PostgresServer) -> None:
    """Everybody gets one answer to each thing said, in order, and it is stored once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        people = [telegram.person(100 + number, f"P{number}") for number in range(PEOPLE)]
        chats = {person.id: telegram.private_chat(person) for person in people}
        settings = environ(telegram, PALAVER_STORE__URL=server.make_database())
        async with running(tmp_path, settings, paced=False) as bot:
            for turn in range(3):
                for person in people:
                    await telegram.say(person, f"word {turn} of {person.id}", chat=chats[person.id])
                if turn < 2:
                    await restart(server, after=0.5)
            for person in people:
                await telegram.wait_for(chats[person.id], f"word 2 of {person.id}", PATIENCE)
            await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
            for person in people:
                chat = chats[person.id]
                texts = [message.text for message in telegram.messages(chat)]
                for turn in range(3):
                    assert sum(f"You said: “word {turn} of {person.id}”" in text for text in texts) == 1, texts
            stored = [
                [m.content for m in await bot.sessions.get_history(one.session.id) if m.role == "user"]
                async for one in bot.sessions.catalogue.each(Wanted())
            ]
            assert sorted(stored) == [[f"word {turn} of {person.id}" for turn in range(3)] for person in people]
            assert await bot.sessions.verify() == []


async def test_a_server_that_dies_in_the_middle_of_a_reply_keeps_nobody_waiting(
    tmp_path: Path, server: PostgresServer
) -> None:
    """The reply goes on to stream and is stored when the server is back, once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as model:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        settings = environ(telegram, **playing(model), PALAVER_STORE__URL=server.make_database())
        async with running(tmp_path, settings, paced=False) as bot:
            model.answers.append(Answer(words=["a ", "slow ", *["word "] * 10], word_delay=0.1))
            await telegram.say(ann, "a question", chat=chat)
            await telegram.until(lambda: len(telegram.drafts(chat)) > 0, timeout=PATIENCE)
            await restart(server, after=2.0)
            await telegram.wait_for(chat, "a slow word", PATIENCE)
            asked = await telegram.say(ann, "/history", chat=chat)
            history = (await telegram.wait_for(chat, "a question", PATIENCE, after=asked)).text
            assert history.count("a slow word") == 1
            assert len(model.requests) == 1
            assert await bot.sessions.verify() == []


@pytest.mark.soak
async def test_a_server_that_is_away_for_long_is_waited_for(tmp_path: Path, server: PostgresServer) -> None:
    """What is said meanwhile waits with the platform, and is answered when it is back; nothing has to be restarted."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        settings = environ(telegram, PALAVER_STORE__URL=server.make_database())
        async with running(tmp_path, settings, paced=False) as bot:
            await telegram.say(ann, "before", chat=chat)
            await telegram.wait_for(chat, "before", PATIENCE)
            program = server.program
            assert program is not None
            await asyncio.to_thread(program.stop)
            await telegram.say(ann, "meanwhile", chat=chat)
            await asyncio.sleep(22.0)  # longer than a unit of work is tried
            await asyncio.to_thread(program.start)
            await telegram.wait_for(chat, "meanwhile", PATIENCE)
            texts = [message.text for message in telegram.messages(chat)]
            assert sum("You said: “meanwhile”" in text for text in texts) == 1
            assert await bot.sessions.verify() == []
