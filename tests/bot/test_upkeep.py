"""What a running program does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.retention import Retention
from bot.upkeep import Upkeep
from sessions import Address, SessionManager, Status
from sessions.catalogue import Wanted
from sessions.reset_warning import ResetWarning
from sessions.resets import ResetEvent
from sessions.scope import Scope
from tests.conftest import ManualClock

ANN = Address(platform="console", account="local", chat_id="terminal", user_id="ann")
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    opened = SessionManager.open(encryption_key=bytes(range(32)), clock=clock, idle_reset_minutes=30)
    async with opened as manager:
        session = await manager.get_or_create_session(ANN)
        await manager.add_message(session.id, role="user", content="long ago")
        yield manager


class Notices:
    """Waits for resets to be told."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[ResetEvent] = asyncio.Queue()

    async def __call__(self, event: ResetEvent) -> None:
        await self.events.put(event)

    async def first(self) -> ResetEvent:
        async with asyncio.timeout(10):
            return await self.events.get()


async def test_resets_that_come_due_are_carried_out_and_told(sessions: SessionManager, clock: ManualClock) -> None:
    """Nobody has to write for it; it happens once, with its reason."""
    notices = Notices()
    clock.advance(HOUR)
    upkeep = Upkeep(sessions, notices, after=0.0, every=0.05)
    upkeep.start()
    event = await notices.first()
    await asyncio.sleep(0.2)
    await upkeep.stop()

    assert (event.address, event.reason) == (ANN, "idle")
    assert (await sessions.get_session(event.archived.id)).status is Status.EXPIRED
    assert notices.events.empty()


async def test_a_program_that_ends_at_once_does_nothing(sessions: SessionManager, clock: ManualClock) -> None:
    """What is due waits for the next message or the next program."""
    notices = Notices()
    clock.advance(HOUR)
    upkeep = Upkeep(sessions, notices, after=60.0)
    upkeep.start()
    await asyncio.sleep(0)
    await upkeep.stop()

    assert notices.events.empty()


async def test_what_is_past_its_time_is_erased(sessions: SessionManager, clock: ManualClock) -> None:
    """After the days that the settings name, and not before."""
    old = await sessions.current_session(ANN)
    await sessions.new_session(ANN)
    clock.advance(8 * DAY)
    fresh = await sessions.get_or_create_session(ANN)
    await sessions.add_message(fresh.id, role="user", content="just now")

    for days, left in ((30, 2), (7, 1)):
        upkeep = Upkeep(sessions, Notices(), retention=Retention.everywhere(days), after=0.0, every=60.0)
        upkeep.start()
        await asyncio.sleep(0.3)
        await upkeep.stop()
        assert len([one for one in await sessions.own_sessions(ANN) if one.message_count]) == left
    assert old is not None
    assert old.id not in {one.id for one in await sessions.own_sessions(ANN)}


async def test_each_scope_has_a_time_of_its_own(sessions: SessionManager, clock: ManualClock) -> None:
    """What is archived goes by the days of its scope; what is in use stays, and what 0 keeps."""
    bob, eve = replace(ANN, user_id="bob"), replace(ANN, user_id="eve")
    await sessions.set_scope(bob, Scope.PER_PEER)
    await sessions.set_scope(eve, Scope.PER_CHANNEL)
    for one in (bob, eve):
        await sessions.add_message((await sessions.new_session(one)).id, role="user", content="long ago")
    old = {one: await sessions.current_session(one) for one in (ANN, bob, eve)}
    for one in (ANN, bob):
        await sessions.new_session(one)
    clock.advance(40 * DAY)
    days = {Scope.PER_CHANNEL_PEER: 0, Scope.PER_PEER: 30, Scope.PER_CHANNEL: 30, Scope.MAIN: 1}
    upkeep = Upkeep(sessions, Notices(), retention=Retention(days), after=0.0, every=60.0)
    upkeep.start()
    await asyncio.sleep(0.3)
    await upkeep.stop()

    left = {one.session.id async for one in sessions.catalogue.each(Wanted())}
    assert {who.user_id for who, session in old.items() if session is not None and session.id in left} == {"ann", "eve"}


async def test_nothing_is_erased_unless_asked_for(sessions: SessionManager, clock: ManualClock) -> None:
    """0 days keeps everything."""
    await sessions.new_session(ANN)
    clock.advance(10_000 * DAY)
    upkeep = Upkeep(sessions, Notices(), retention=Retention.everywhere(0), after=0.0, every=60.0)
    upkeep.start()
    await asyncio.sleep(0.2)
    await upkeep.stop()

    assert any(one.message_count for one in await sessions.own_sessions(ANN))


async def test_resets_that_come_soon_are_warned_of(sessions: SessionManager, clock: ManualClock) -> None:
    """Once, while the conversation is still there."""
    warnings: asyncio.Queue[ResetWarning] = asyncio.Queue()
    clock.advance(HOUR / 2 - 300)
    upkeep = Upkeep(sessions, Notices(), on_warning=warnings.put, after=0.0, every=0.05)
    upkeep.start()
    async with asyncio.timeout(10):
        warning = await warnings.get()
    await asyncio.sleep(0.2)
    await upkeep.stop()

    assert (warning.address, warning.reason) == (ANN, "idle")
    assert (await sessions.get_session(warning.session.id)).status is Status.ACTIVE
    assert warnings.empty()
