"""A message that ends every worker that answers it: few die of it, who sent it is told, and nobody else waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.bot.running import TELEGRAM_TOKEN
from tests.bot.shell import Running, Shell
from tests.bot.test_telegram_visit import playing
from tests.bot.test_workers import PATIENCE, Crowd, looking, many, stored
from tests.fakes.model_server import Answer, ModelServer, Request
from tests.fakes.telegram.server import FakeTelegram

POISON = "poison"
WORKERS = 2
MOST_DEATHS = 3


class Deadly(ModelServer):
    """A model of which one question ends whoever asks it, as one does that needs more memory than there is."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: dict[str, Running] = {}  # by the key that they show
        self.deaths = 0

    async def _received(self, request: web.Request) -> tuple[Answer, Request]:
        answer, seen = await super()._received(request)
        asked = seen.turns[-1][1]
        if asked == POISON:
            self.deaths += 1
            self.workers[request.headers["Authorization"].split()[-1]].process.kill()
        return replace(answer, words=["you ", "said ", asked]), seen


async def supervised(model: Deadly, shell: Shell, key: str, settings: Mapping[str, str]) -> None:
    """Run a worker, and another one whenever it has died, as systemd does."""
    while True:
        with shell.start("run", **{**settings, "PALAVER_MODEL__API_KEY": key}) as worker:
            model.workers[key] = worker
            while worker.process.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def crew(model: Deadly, folder: Path, settings: Mapping[str, str]) -> AsyncIterator[None]:
    """Have two workers run until the block ends."""
    tasks = [
        asyncio.create_task(supervised(model, Shell(folder / f"{number}"), f"sk-worker{number}", settings))
        for number in range(WORKERS)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.soak
async def test_a_message_that_ends_every_worker_is_let_go(tmp_path: Path, database: str) -> None:
    """After three of them its sender is told what to do; everybody else is answered in order, and all is stored once.

    An answer that was just out when its worker died may be seen twice. Who was being answered beside it each time is
    told to ask once more, as the worker does not know which of them it was.
    """
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        model = await stack.enter_async_context(Deadly.open())
        assert isinstance(model, Deadly)
        crowd = Crowd(telegram, 8)
        settings = many(telegram, database, **playing(model))
        await stack.enter_async_context(crew(model, tmp_path, settings))
        bad = telegram.person(99, "Bad")
        chat = telegram.private_chat(bad)
        await crowd.say("word 0")
        await crowd.hear("word 0")
        await telegram.say(bad, POISON, chat=chat)
        began = time.monotonic()
        for turn in range(1, 5):
            await crowd.say(f"word {turn}")
            await asyncio.sleep(1)
        await telegram.wait_for(chat, "/retry", 2 * PATIENCE)
        assert model.deaths <= MOST_DEATHS
        await telegram.until(lambda: telegram.pending == 0, timeout=2 * PATIENCE)
        await telegram.until(
            lambda: all(len(set(crowd.answers(one))) >= 5 for one in crowd.people), timeout=2 * PATIENCE
        )
        assert time.monotonic() - began < 2 * PATIENCE
        await telegram.say(bad, "something else", chat=chat)
        await telegram.wait_for(chat, "something else", PATIENCE)
        await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
        for person in crowd.people:
            answers = list(dict.fromkeys(crowd.answers(person)))
            told = [answer for answer in answers if "/retry" in answer]
            heard = [answer.splitlines()[-1].split(" of ")[0][-6:] for answer in answers if answer not in told]
            assert heard == sorted(heard)
            assert len(heard) + len(told) == 5, answers
        async with looking(tmp_path / "0", settings) as sessions:
            words = [[f"word {turn} of {person.id}" for turn in range(5)] for person in crowd.people]
            assert await stored(sessions) == sorted([*words, [POISON, "something else"]])
            assert await sessions.verify() == []
