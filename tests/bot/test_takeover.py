"""A bot on two database servers, of which one goes: everybody is answered, once and in order, within half a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sessions.catalogue import Wanted
from tests.bot.running import TELEGRAM_TOKEN, running
from tests.bot.test_telegram_visit import environ
from tests.fakes.telegram.server import FakeTelegram
from tests.postgres_pair import Pair, postgres_pair

PATIENCE = 30.0
PEOPLE = 8


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    """Two servers for the tests of this module."""
    with postgres_pair() as made:
        yield made


async def killed(pair: Pair) -> None:
    """Kill the primary, and let the standby take over."""
    await asyncio.to_thread(pair.primary.kill)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(pair.take_over)


async def standby_away(pair: Pair) -> None:
    """Kill the standby, and have another one a moment later."""
    await asyncio.to_thread(pair.standby.kill)
    await asyncio.sleep(1.0)
    await asyncio.to_thread(pair.rejoin)


@pytest.mark.parametrize("fault", [killed, standby_away])
async def test_nobody_misses_anything_when_a_server_goes(
    tmp_path: Path, servers: Pair, fault: Callable[[Pair], Awaitable[None]]
) -> None:
    """Everybody gets one answer to each thing said, in order, and it is stored once."""
    servers.mend()
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        people = [telegram.person(100 + number, f"P{number}") for number in range(PEOPLE)]
        chats = {person.id: telegram.private_chat(person) for person in people}
        settings = environ(telegram, PALAVER_STORE__URL=servers.make_database())
        async with running(tmp_path, settings, paced=False) as bot:
            for turn in range(3):
                for person in people:
                    await telegram.say(person, f"word {turn} of {person.id}", chat=chats[person.id])
                if turn == 1:
                    await fault(servers)
            async with asyncio.timeout(PATIENCE):
                for person in people:
                    await telegram.wait_for(chats[person.id], f"word 2 of {person.id}", PATIENCE)
            await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
            for person in people:
                texts = [message.text for message in telegram.messages(chats[person.id])]
                at = [
                    [place for place, text in enumerate(texts) if f"You said: “word {turn} of {person.id}”" in text]
                    for turn in range(3)
                ]
                assert [len(places) for places in at] == [1, 1, 1], texts
                assert at == sorted(at)
            stored = [
                [m.content for m in await bot.sessions.get_history(one.session.id) if m.role == "user"]
                async for one in bot.sessions.catalogue.each(Wanted())
            ]
            assert sorted(stored) == [[f"word {turn} of {person.id}" for turn in range(3)] for person in people]
            assert await bot.sessions.verify() == []
