"""Two workers behind a pooler that gives each transaction another connection: turns, /stop, and standing in."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.bot.running import TELEGRAM_TOKEN, Bot, running
from tests.bot.shell import Shell
from tests.bot.test_telegram_visit import playing
from tests.bot.test_workers import (
    PATIENCE,
    Crowd,
    all_share,
    group_elsewhere,
    many,
    program,
    stored,
    streaming,
)
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.pooler import Pooler
from tests.fakes.telegram.server import FakeTelegram
from tests.postgres_server import PostgresServer, database_of
from tests.sessions.test_postgres import ours

PROMPT = 30.0  # seconds within which somebody is answered after a worker has died


@pytest.fixture
async def pooler(postgres: PostgresServer) -> AsyncIterator[Pooler]:
    """A pooler with fewer connections than two workers would open."""
    async with Pooler.running(ours(postgres).socket, size=4) as made:
        yield made


def pooled(telegram: FakeTelegram, pooler: Pooler, database: str, **more: str) -> Mapping[str, str]:
    """Give the settings of one of several workers behind a pooler."""
    address = f"postgresql://postgres@127.0.0.1:{pooler.port}/{database_of(database)}"
    return {**many(telegram, address, **more), "PALAVER_STORE__CONNECTION": "pooled"}


def check(bots: list[Bot], pooler: Pooler) -> None:
    """Check that nobody is called, and nothing was asked for that a pooler refuses."""
    assert pooler.refused == []
    for bot in bots:
        coordinator = bot.sessions._store.coordinator
        assert coordinator is not None
        assert not coordinator.hears


async def test_they_share_the_work(tmp_path: Path, database: str, pooler: Pooler) -> None:
    """Everybody is answered once and in order, also when the pooler is restarted in the middle of it."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram, 8)
        settings = pooled(telegram, pooler, database)
        bots = [await stack.enter_async_context(running(tmp_path, settings, paced=False)) for _ in range(2)]
        await all_share(*bots)
        for turn in range(4):
            await crowd.say(f"word {turn}")
            if turn == 1:
                await pooler.stop()
                await pooler.start()
        await crowd.hear("word 3")
        await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
        crowd.check(*(f"word {turn}" for turn in range(4)))
        check(bots, pooler)
        for bot in bots:
            assert await bot.sessions.verify() == []


async def test_a_stop_reaches_the_worker_that_streams(tmp_path: Path, database: str, pooler: Pooler) -> None:
    """In a conversation that two chats share, /stop in one chat ends the reply in the other."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        ModelServer.open() as model,
        AsyncExitStack() as stack,
    ):
        ann = telegram.person(42, "Ann")
        settings = pooled(telegram, pooler, database, **playing(model), PALAVER_SESSIONS__SCOPE="per-peer")
        bots = [await stack.enter_async_context(running(tmp_path, settings, paced=False)) for _ in range(2)]
        await all_share(*bots)
        here = telegram.private_chat(ann)
        elsewhere = group_elsewhere(telegram, ann, bots, here.id)
        model.default = Answer(words=["on "] * 400, word_delay=0.05)
        await telegram.say(ann, "a question", chat=here)
        await telegram.until(lambda: len(telegram.drafts(here)) > 0, timeout=PATIENCE)
        asked = await telegram.say(ann, "/stop@palaver_bot", chat=elsewhere)
        began = time.monotonic()
        await telegram.wait_for(elsewhere, "Stopped", PATIENCE, after=asked)
        await telegram.wait_for(here, "on", PATIENCE)
        assert time.monotonic() - began < 10  # all of it would take twenty seconds
        check(bots, pooler)


@pytest.mark.soak
@pytest.mark.parametrize("how", ["killed", "held up"])
async def test_who_is_gone_in_the_middle_of_a_stream_is_stood_in_for(
    tmp_path: Path, database: str, pooler: Pooler, how: str
) -> None:
    """Each person gets one answer within half a minute, and what they said is stored once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as model:
        crowd = Crowd(telegram, 6)
        settings = pooled(telegram, pooler, database, **playing(model))
        model.default = Answer(words=["a ", "slow ", *["word "] * 30, "ends"], word_delay=0.1)
        async with program(Shell(tmp_path), settings) as first:
            await crowd.say("a question")
            await streaming(crowd)
            async with running(tmp_path, settings, paced=False) as bot:
                first.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
                began = time.monotonic()
                for chat in crowd.chats.values():
                    await telegram.wait_for(chat, "ends", PATIENCE)
                assert time.monotonic() - began < PROMPT
                first.process.send_signal(signal.SIGCONT)
                model.default = Answer(words=["quick"])
                await crowd.say("another question")
                for chat in crowd.chats.values():
                    await telegram.wait_for(chat, "quick", PATIENCE)
                await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
                for person in crowd.people:
                    assert [answer.split()[-1] for answer in crowd.answers(person)] == ["ends", "quick"]
                said = ("a question", "another question")
                wanted = sorted([f"{words} of {person.id}" for words in said] for person in crowd.people)
                assert await stored(bot.sessions) == wanted
                assert await bot.sessions.verify() == []
                check([bot], pooler)
