"""The ticker: a real scheduler that rings, late if it must, and does not trust a clock that jumped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from sessions.errors import StoreError
from sessions.manager import SessionManager
from sessions.reset_policy import ResetPolicy
from sessions.reset_warning import ResetWarning
from sessions.resets import ResetEvent
from sessions.session import Session
from sessions.ticker import INTERVAL_SECONDS, ResetTicker
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, person

HOUR = 3600


class Announcer:
    """Notes the resets it is told of, and of how many at once."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.told: list[str] = []
        self.at_once = self.most_at_once = 0
        self.begun = asyncio.Event()
        self._seconds = seconds

    async def __call__(self, event: ResetEvent) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.set()
        await asyncio.sleep(self._seconds)
        self.told.append(event.archived.id)
        self.at_once -= 1


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as opened:
        yield opened


async def begin(sessions: SessionManager, user: str = "ann") -> Session:
    """Begin a session in which something was said."""
    session = await sessions.get_or_create_session(person(user))
    await sessions.add_message(session.id, role="user", content="hello")
    return session


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for knows of no event
            await asyncio.sleep(0.005)


# -- ringing -----------------------------------------------------------------------------------------


async def test_what_comes_due_is_reset_and_told_once(sessions: SessionManager, clock: ManualClock) -> None:
    """Again and again, as long as the ticker runs, each reset once."""
    announcer = Announcer()
    ticker = ResetTicker(sessions, announcer, seconds=0.02)
    ticker.start()
    expected = []
    for _ in range(3):
        expected.append((await begin(sessions)).id)
        await asyncio.sleep(0.1)
        clock.advance(HOUR)
        await until(lambda: len(announcer.told) == len(expected))
    await asyncio.sleep(0.1)
    await ticker.stop()
    assert announcer.told == expected


async def test_it_rings_often_enough_to_keep_its_word() -> None:
    """A reset comes at most a minute after it is due."""
    assert INTERVAL_SECONDS <= 60


def block(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_blocked_program_sweeps_late_and_not_never(sessions: SessionManager, clock: ManualClock) -> None:
    """What should have rung while nothing could run rings as soon as it can, and not at the next turn only."""
    await begin(sessions)
    announcer = Announcer()
    clock.advance(HOUR)
    ticker = ResetTicker(sessions, announcer, seconds=2.5)
    ticker.start()
    await asyncio.sleep(0.01)
    block(3.6)  # the first ring is 1.1 seconds late by now, more than the scheduler forgives by itself
    await until(lambda: bool(announcer.told), 1)  # the next one would be due later than this
    await ticker.stop()


class Slow(SessionManager):
    """A manager whose sweeps take their time."""

    at_once = most_at_once = 0

    async def sweep(self) -> list[ResetEvent]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.05)
        self.at_once -= 1
        return await super().sweep()


async def test_a_slow_sweep_does_not_meet_the_next_one(clock: ManualClock) -> None:
    """While one sweep is not done no other begins, and nothing is told twice."""
    announcer = Announcer(seconds=0.01)
    async with Slow.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        for number in range(5):
            await begin(sessions, f"{number}")
        clock.advance(HOUR)
        ticker = ResetTicker(sessions, announcer, seconds=0.01)
        ticker.start()
        await until(lambda: len(announcer.told) == 5)
        await asyncio.sleep(0.1)
        await ticker.stop()
        assert (sessions.most_at_once, announcer.most_at_once, len(announcer.told)) == (1, 1, 5)


async def test_stopping_waits_for_the_sweep_in_progress(sessions: SessionManager, clock: ManualClock) -> None:
    """What was reset is told to the end; after the stop nothing rings any more."""
    for number in range(3):
        await begin(sessions, f"{number}")
    clock.advance(HOUR)
    announcer = Announcer(seconds=0.03)
    ticker = ResetTicker(sessions, announcer, seconds=0.01)
    ticker.start()
    await announcer.begun.wait()
    await ticker.stop()
    assert len(announcer.told) == 3
    await begin(sessions, "late")
    clock.advance(HOUR)
    await asyncio.sleep(0.05)
    assert len(announcer.told) == 3


async def test_a_ticker_that_was_not_started_can_be_stopped(sessions: SessionManager) -> None:
    """Also twice."""
    ticker = ResetTicker(sessions)
    await ticker.stop()
    ticker.start()
    await ticker.stop()
    await ticker.stop()


# -- going on ----------------------------------------------------------------------------------------


class Failing(SessionManager):
    """A manager whose next sweeps fail."""

    failures = 2

    async def sweep(self) -> list[ResetEvent]:
        if self.failures:
            self.failures -= 1
            raise StoreError("the database refused")
        return await super().sweep()


async def test_a_sweep_that_fails_is_tried_again(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged, the next ring sweeps."""
    async with Failing.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        session = await begin(sessions)
        clock.advance(HOUR)
        announcer = Announcer()
        ticker = ResetTicker(sessions, announcer, seconds=0.02)
        ticker.start()
        await until(lambda: bool(announcer.told))
        await ticker.stop()
    assert announcer.told == [session.id]
    assert [record.message for record in caplog.records if record.name == "sessions.ticker"] == [
        "the sweep for due resets failed"
    ] * 2


async def test_an_announcement_that_fails_keeps_no_other_back(
    sessions: SessionManager, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are told of theirs."""
    first, second = await begin(sessions, "ann"), await begin(sessions, "bob")
    told: list[str] = []

    async def announce(event: ResetEvent) -> None:
        if event.archived.id == first.id:
            raise ConnectionError("nobody there")
        told.append(event.archived.id)

    clock.advance(HOUR)
    await ResetTicker(sessions, announce).tick()
    assert told == [second.id]
    assert [record.message for record in caplog.records] == ["a reset could not be announced"]


# -- warning -----------------------------------------------------------------------------------------


async def test_what_comes_soon_is_warned_of_after_what_is_due(sessions: SessionManager, clock: ManualClock) -> None:
    """Each tick tells of resets first, then of those to come, each once."""
    told: list[tuple[str, str]] = []

    async def on_reset(event: ResetEvent) -> None:
        told.append(("reset", event.archived.id))

    async def on_warning(warning: ResetWarning) -> None:
        told.append(("warning", warning.session.id))

    late = await begin(sessions, "late")
    clock.advance(5 * 60)
    soon = await begin(sessions, "soon")
    clock.advance(25 * 60)
    tick = ResetTicker(sessions, on_reset, on_warning=on_warning).tick
    await tick()
    await tick()
    assert told == [("reset", late.id), ("warning", soon.id)]


async def test_a_warning_that_fails_keeps_nothing_back(
    sessions: SessionManager, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are warned, and resets go on as ever."""
    first, second = await begin(sessions, "ann"), await begin(sessions, "bob")
    told: list[str] = []

    async def warn(warning: ResetWarning) -> None:
        if warning.session.id == first.id:
            raise ConnectionError("nobody there")
        told.append(warning.session.id)

    clock.advance(25 * 60)
    tick = ResetTicker(sessions, on_warning=warn).tick
    await tick()
    assert told == [second.id]
    assert [record.message for record in caplog.records] == ["nobody could be warned of a reset"]
    clock.advance(5 * 60)
    await tick()
    assert await is_reset(sessions, first)


class Blind(Failing):
    """A manager that can neither sweep nor look ahead the first times."""

    blind = 1

    async def sweep_warnings(self) -> list[ResetWarning]:
        if self.blind:
            self.blind -= 1
            raise StoreError("the database refused")
        return await super().sweep_warnings()


async def test_a_look_ahead_that_fails_is_tried_again(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a sweep that fails keep a warning back."""
    async with Blind.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        session = await begin(sessions)
        clock.advance(25 * 60)
        told: list[str] = []

        async def warn(warning: ResetWarning) -> None:
            told.append(warning.session.id)

        tick = ResetTicker(sessions, on_warning=warn).tick
        await tick()
        assert told == []
        await tick()
    assert told == [session.id]
    assert [record.message for record in caplog.records if record.name == "sessions.ticker"] == [
        "the sweep for due resets failed",
        "the look for resets that come soon failed",
        "the sweep for due resets failed",
    ]


async def test_who_does_not_ask_for_warnings_gets_none(sessions: SessionManager, clock: ManualClock) -> None:
    """And none is noted as given."""
    await begin(sessions)
    clock.advance(25 * 60)
    await ResetTicker(sessions).tick()
    assert len(await sessions.sweep_warnings()) == 1


# -- clocks that jump --------------------------------------------------------------------------------


class Watch:
    """A wall clock and the machine's own, which only counts."""

    def __init__(self, wall: ManualClock) -> None:
        self.wall, self.monotonic = wall, ManualClock(1000.0)

    def pass_by(self, seconds: float) -> None:
        """Let time go by on both."""
        self.wall.advance(seconds)
        self.monotonic.advance(seconds)


@pytest.fixture
def watch(clock: ManualClock) -> Watch:
    return Watch(clock)


def on_watch(sessions: SessionManager, watch: Watch) -> Callable[[], Awaitable[None]]:
    """Give the tick of a ticker that goes by this watch."""
    return ResetTicker(sessions, wall=watch.wall, monotonic=watch.monotonic).tick


async def is_reset(sessions: SessionManager, session: Session) -> bool:
    return not (await sessions.get_session(session.id)).status.is_current


async def test_a_clock_that_jumped_ahead_is_not_believed_at_once(
    sessions: SessionManager, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    """For a minute nobody is reset by it; if it still says so then, it is right."""
    session = await begin(sessions)
    tick = on_watch(sessions, watch)
    watch.wall.advance(2 * HOUR)
    for _ in range(2):
        await tick()
        assert not await is_reset(sessions, session)
        watch.pass_by(29.9)
    assert "jumped ahead by 120 minutes" in caplog.text
    watch.pass_by(1)
    await tick()
    assert await is_reset(sessions, session)


async def test_a_clock_that_is_set_right_within_the_minute_has_reset_nobody(
    sessions: SessionManager, watch: Watch
) -> None:
    """As if it had never been wrong."""
    session = await begin(sessions)
    tick = on_watch(sessions, watch)
    watch.wall.advance(48 * HOUR)
    await tick()
    watch.pass_by(30)
    watch.wall.advance(-48 * HOUR)
    for _ in range(4):
        watch.pass_by(30)
        await tick()
        assert not await is_reset(sessions, session)


@pytest.mark.parametrize("jump", [-HOUR, -48 * HOUR, HOUR - 40])
async def test_a_clock_set_back_or_a_little_ahead_holds_nothing_up(
    sessions: SessionManager, watch: Watch, jump: float
) -> None:
    """What is due by it is reset at the next ring."""
    tick = on_watch(sessions, watch)
    await tick()
    watch.wall.advance(jump)
    watch.pass_by(30)
    session = await begin(sessions)
    await sessions.update_session(session.id, reset_policy=ResetPolicy(idle=timedelta(minutes=30)))
    watch.pass_by(30 * 60)
    await tick()
    assert await is_reset(sessions, session)


async def test_time_that_passed_is_no_jump(sessions: SessionManager, watch: Watch) -> None:
    """Hours without a ring, as when the program was blocked, are believed."""
    session = await begin(sessions)
    tick = on_watch(sessions, watch)
    watch.pass_by(5 * HOUR)
    await tick()
    assert await is_reset(sessions, session)
