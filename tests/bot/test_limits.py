"""How often a person may write, and how much they may use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.reply import Reply
from bot.silence import SILENT
from config.settings import AccessSettings
from sessions import Address, SessionManager, Usage
from sessions.postgres.store import PostgresStore
from tests.bot.commands.person import manager
from tests.bot.doorway import Doorway, in_group, private
from tests.conftest import ManualClock

DAY = 86_400
CONSOLE = Address(platform="console", account="local", chat_id="console", user_id="ann")


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    async with manager(clock) as opened:
        yield opened


@pytest.fixture
def doorway(sessions: SessionManager, clock: ManualClock) -> Doorway:
    settings = AccessSettings(operators=("telegram:1",), messages_per_minute=3, daily_tokens=1_000)
    return Doorway(sessions, clock, settings)


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def spend(doorway: Doorway, tokens: int, address: Address | None = None) -> str:
    reply = await doorway.limits.spent(address or private(), Usage(tokens - 1, 1), doorway.clock())
    return "" if reply is None else reply.text


async def allowed(doorway: Doorway, address: Address | None = None, *, costs: bool = True) -> object:
    return await doorway.limits.allow(address or private(), doorway.clock(), costs=costs)


async def test_a_person_may_write_so_often_in_all_chats_together(doorway: Doorway) -> None:
    """The burst is a minute's worth; then one is told once how long to wait, and is let in when time has passed."""
    for address in (private(), in_group(), in_group(chat="-200")):
        assert await allowed(doorway, address) is None
    refused = await allowed(doorway)
    assert isinstance(refused, Reply)
    assert "3 messages a minute" in refused.text
    assert "in 20 seconds" in refused.text
    assert refused.private
    assert await allowed(doorway) is SILENT
    doorway.clock.advance(20)
    assert await allowed(doorway) is None
    assert isinstance(await allowed(doorway), Reply)


async def test_others_are_not_slowed_down(doorway: Doorway) -> None:
    """Everybody has a pace of their own; the same number on another platform is somebody else."""
    for _ in range(3):
        await allowed(doorway)
    assert await allowed(doorway, private("43")) is None
    assert await allowed(doorway, private(platform="discord")) is None


async def test_a_clock_that_is_set_back_gives_nothing_and_locks_nobody_out(doorway: Doorway) -> None:
    """What may still be written does not shrink, and fills again from there."""
    for _ in range(3):
        await allowed(doorway)
    doorway.clock.advance(-DAY)
    assert isinstance(await allowed(doorway), Reply)
    doorway.clock.advance(20)
    assert await allowed(doorway) is None


async def test_the_console_has_no_pace(doorway: Doorway) -> None:
    """A pipe brings any number of lines."""
    assert [await allowed(doorway, CONSOLE) for _ in range(50)] == [None] * 50


async def test_zero_is_no_limit(sessions: SessionManager, clock: ManualClock) -> None:
    """With both settings at 0 nothing is counted and nothing is stored."""
    doorway = Doorway(sessions, clock, AccessSettings(messages_per_minute=0))
    assert [await allowed(doorway) for _ in range(50)] == [None] * 50
    assert await spend(doorway, 10**9) == ""
    assert await sessions.note("spent/telegram:42") == {}


async def test_a_warning_comes_once_a_day_and_then_an_end(doorway: Doorway) -> None:
    """At 80 % there is a warning, at 100 % an end that says when it begins anew; the next day is a new one."""
    doorway.clock.advance(22 * 3600 + 1800)
    assert await spend(doorway, 799) == ""
    assert await spend(doorway, 1) == (
        "You have used 80 % of your 1,000 tokens of today. They begin anew at 00:00 UTC, in 1 h 30 min."
    )
    assert await spend(doorway, 100) == ""
    assert await allowed(doorway) is None
    assert await spend(doorway, 500) == ""
    refused = await allowed(doorway)
    assert isinstance(refused, Reply)
    assert refused.text.startswith("Your 1,000 tokens of today are used up. They begin anew at 00:00 UTC, in 1 h 30")
    doorway.clock.advance(5400)
    assert await allowed(doorway) is None
    assert "95 %" in await spend(doorway, 950)


async def test_one_long_answer_brings_the_warning_and_the_end(doorway: Doorway) -> None:
    """Who jumps over both is warned with 100 %."""
    assert "100 %" in await spend(doorway, 5_000)
    assert isinstance(await allowed(doorway), Reply)


async def test_what_costs_nothing_is_let_in(doorway: Doorway) -> None:
    """Without tokens commands still work."""
    await spend(doorway, 1_000)
    assert await allowed(doorway, costs=False) is None
    assert isinstance(await allowed(doorway), Reply)


async def test_answers_that_end_at_once_are_all_counted(doorway: Doorway) -> None:
    """Several chats of one person add up, whatever the order of writes."""
    warnings = await asyncio.gather(*(spend(doorway, 100, in_group(chat=str(chat))) for chat in range(10)))
    assert len([text for text in warnings if text]) == 1
    assert isinstance(await allowed(doorway), Reply)


async def test_operators_and_others_are_exempt(doorway: Doorway) -> None:
    """An operator has no budget; what one person used is not missing to another."""
    assert await spend(doorway, 5_000, private("1")) == ""
    assert await allowed(doorway, private("1")) is None
    await spend(doorway, 5_000)
    assert await allowed(doorway, private("43")) is None
    assert await allowed(doorway, private(platform="discord")) is None


async def test_having_everything_erased_renews_nobodys_tokens(doorway: Doorway, sessions: SessionManager) -> None:
    """What was used today is kept in memory alone until the day is over, also when more is used and erased again."""
    for tokens in (600, 300):
        await spend(doorway, tokens)
        await doorway.limits.keep_in_memory(private(), doorway.clock())
        await sessions.erase_person(private(), notes=["spent/telegram:42"])
        assert await sessions.note("spent/telegram:42") == {}
    assert await allowed(doorway) is None
    await spend(doorway, 100)
    assert isinstance(await allowed(doorway), Reply)
    doorway.clock.advance(DAY)
    assert await allowed(doorway) is None


async def test_what_was_used_survives_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    """The day's tokens are in the store, sealed."""
    settings = AccessSettings(daily_tokens=1_000)
    for said in ("", "100 %"):
        async with SessionManager.open(db_path=tmp_path / "p.db", encryption_key=bytes(32), clock=clock) as sessions:
            doorway = Doorway(sessions, clock, settings)
            assert said in await spend(doorway, 700, private("4242424242"))
            stopped = await allowed(doorway, private("4242424242"))
            assert isinstance(stopped, Reply) is bool(said)
    assert b"4242424242" not in written(tmp_path)


async def test_of_several_workers_each_has_its_pace_and_all_one_budget(database: str, clock: ManualClock) -> None:
    """In a chat, which one worker has, both hold; who writes in several chats gains pace by that, and no tokens."""
    settings = AccessSettings(messages_per_minute=3, daily_tokens=1_000)
    async with AsyncExitStack() as stack:
        doorways = []
        for _ in range(2):
            store = PostgresStore(database, many=True, size=4)
            opened = SessionManager.open(store=store, encryption_key=bytes(32), clock=clock)
            doorways.append(Doorway(await stack.enter_async_context(opened), clock, settings))
        for doorway in doorways:
            assert [await allowed(doorway) is None for _ in range(4)] == [True, True, True, False]
        clock.advance(60)
        assert await spend(doorways[0], 500) == ""
        assert "100 %" in await spend(doorways[1], 500)
        for doorway in doorways:
            stopped = await allowed(doorway)
            assert isinstance(stopped, Reply)
            assert "used up" in stopped.text
