"""The clock of a worker jumps by an hour in the middle of its work: nobody notices."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

from sessions.catalogue import Wanted
from sessions.clock import StoreClock
from tests.bot.running import TELEGRAM_TOKEN, running
from tests.bot.test_workers import PATIENCE, Crowd, all_share, many, stored
from tests.fakes.telegram.server import FakeTelegram

HOUR = 3600.0


async def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, database: str) -> None:
    """No reset comes early or stays away, everything has the right time and order, and no lane changes hands."""
    jumped = [0.0]
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram, 6)
        settings = many(telegram, database, PALAVER_SESSIONS__IDLE_RESET_MINUTES="30")
        clock = StoreClock(lambda: time.time() + jumped[0])
        bots = [
            await stack.enter_async_context(running(tmp_path, settings, paced=False)),
            await stack.enter_async_context(running(tmp_path, settings, paced=False, clock=clock)),
        ]
        await all_share(*bots)
        words = [f"word {turn}" for turn in range(6)]
        for turn, to in enumerate((0.0, HOUR, -HOUR, HOUR, 0.0, -HOUR)):
            jumped[0] = to
            await crowd.say(words[turn])
            assert await bots[1].sessions.sweep() == []
            assert abs(clock() - time.time()) < 60
            await crowd.hear(words[turn])
        await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
        crowd.check(*words)
        assert await stored(bots[0].sessions) == sorted(
            [f"{word} of {person.id}" for word in words] for person in crowd.people
        )
        async for one in bots[0].sessions.catalogue.each(Wanted()):
            assert abs(one.session.last_activity_at.timestamp() - time.time()) < 600
            history = await bots[0].sessions.get_history(one.session.id, limit=None)
            times = [message.created_ms for message in history]
            assert times == sorted(times)
        for bot in bots:
            assert await bot.sessions.verify() == []
            assert bot.sessions.worker is not None
            assert bot.sessions.worker.is_settled
