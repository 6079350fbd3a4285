"""Warnings come in good time, once for each reset; keeping and snoozing do what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from sessions.address import Address
from sessions.errors import InvalidValue, StoreError, StoreReadOnly
from sessions.manager import SessionManager
from sessions.records import Change, Mail, SessionRow
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session import Session
from sessions.sqlite.store import SqliteStore
from sessions.store import Recount
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, person, say

ANN, BOB = person("ann"), person("bob")
MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.fixture
def daily(clock: ManualClock) -> SessionManager:
    """A store in memory whose sessions reset at four in the morning; it is midnight."""
    return SessionManager.open(encryption_key=KEY, clock=clock, daily_reset="04:00")


@pytest.fixture
def idle(clock: ManualClock) -> SessionManager:
    """A store in memory whose sessions reset after half an hour."""
    return SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30)


async def begin(sessions: SessionManager, address: Address = ANN) -> Session:
    """Begin a session in which something was said."""
    session = await sessions.get_or_create_session(address)
    await say(sessions, session.id, "hello")
    return await sessions.get_session(session.id)


def at(clock: ManualClock, text: str) -> None:
    """Set the clock to a moment in UTC, as `02 03:50` of January 2026."""
    clock.now = datetime.fromisoformat(f"2026-01-{text}").replace(tzinfo=UTC).timestamp()


async def warned(sessions: SessionManager) -> list[str]:
    return [warning.session.id for warning in await sessions.sweep_warnings()]


async def is_current(sessions: SessionManager, session: Session) -> bool:
    await sessions.sweep()
    return (await sessions.get_session(session.id)).status.is_current


# -- warning -----------------------------------------------------------------------------------------


async def test_a_reset_is_warned_of_ten_minutes_before(daily: SessionManager, clock: ManualClock) -> None:
    """Not sooner, and with all there is to say."""
    async with daily as sessions:
        session = await begin(sessions)
        at(clock, "01 03:49:59")
        assert await sessions.sweep_warnings() == []
        at(clock, "01 03:50")
        (warning,) = await sessions.sweep_warnings()
        assert (warning.address, warning.session.id, warning.reason) == (ANN, session.id, "daily")
        assert (warning.at, warning.now) == (
            datetime(2026, 1, 1, 4, tzinfo=UTC),
            datetime(2026, 1, 1, 3, 50, tzinfo=UTC),
        )
        assert warning.timezone == "UTC"
        assert await is_current(sessions, session)


async def test_each_reset_is_warned_of_once(daily: SessionManager, clock: ManualClock) -> None:
    """Also when somebody talks on and the reset waits; the next day's is another one."""
    async with daily as sessions:
        session = await begin(sessions)
        at(clock, "01 03:51")
        assert await warned(sessions) == [session.id]
        for _ in range(4):
            assert await warned(sessions) == []
            clock.advance(4 * MINUTE)
            await say(sessions, session.id, "still here")
        at(clock, "01 04:30")
        (event,) = await sessions.sweep()
        await say(sessions, event.fresh.id, "good morning")
        at(clock, "02 03:55")
        assert await warned(sessions) == [event.fresh.id]


async def test_a_warning_is_not_given_again_after_a_restart(db_path: Path, clock: ManualClock) -> None:
    """What was warned of is kept, with the session."""

    def describe() -> SessionManager:
        return SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock, daily_reset="04:00")

    async with describe() as sessions:
        session = await begin(sessions)
        at(clock, "01 03:50")
        assert await warned(sessions) == [session.id]
    async with describe() as sessions:
        assert await warned(sessions) == []
        assert await sessions.verify() == []


@pytest.mark.parametrize(("minutes", "warnings"), [(29, 0), (30, 1), (600, 1)])
async def test_short_silences_are_not_warned_of(clock: ManualClock, minutes: int, warnings: int) -> None:
    """Whoever is reset after a few minutes would hear of little else."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=minutes) as sessions:
        session = await begin(sessions)
        clock.advance(minutes * MINUTE - 5 * MINUTE)
        found = await sessions.sweep_warnings()
        assert [(warning.session.id, warning.reason) for warning in found] == [(session.id, "idle")] * warnings


async def test_another_silence_has_a_warning_of_its_own(idle: SessionManager, clock: ManualClock) -> None:
    """After a word the silence begins anew, and so does the warning."""
    async with idle as sessions:
        session = await begin(sessions)
        for _ in range(3):
            clock.advance(25 * MINUTE)
            assert await warned(sessions) == [session.id]
            assert await warned(sessions) == []
            await say(sessions, session.id, "I am here")
            assert await warned(sessions) == []


async def test_an_empty_session_and_a_late_reset_are_not_warned_of(idle: SessionManager, clock: ManualClock) -> None:
    """There is nothing to keep in the one, and the other is for the sweep."""
    async with idle as sessions:
        await sessions.get_or_create_session(ANN)
        await begin(sessions, BOB)
        clock.advance(30 * MINUTE)
        assert await warned(sessions) == []


async def test_nobody_is_warned_in_the_middle_of_a_turn(idle: SessionManager, clock: ManualClock) -> None:
    """The next look comes soon enough."""
    async with idle as sessions:
        session = await begin(sessions)
        clock.advance(25 * MINUTE)
        async with sessions.lanes.enter(session.id, "ann"):
            assert await warned(sessions) == []
        assert await warned(sessions) == [session.id]


async def test_two_looks_at_once_are_one_warning(idle: SessionManager, clock: ManualClock) -> None:
    """Who looks second finds it noted."""
    async with idle as sessions:
        session = await begin(sessions)
        clock.advance(25 * MINUTE)
        first, second = await asyncio.gather(warned(sessions), warned(sessions))
        assert first + second == [session.id]


class Counting(SqliteStore):
    """A store in memory that counts the sessions it reads, and fails to write when told to."""

    def __init__(self) -> None:
        super().__init__(None)
        self.read: list[str] = []
        self.commits = 0
        self.refuses_after: int | None = None
        self.interrupt: Callable[[list[SessionRow]], Awaitable[object]] | None = None

    async def session(self, session_id: str) -> SessionRow | None:
        self.read.append(session_id)
        return await super().session(session_id)

    async def due(self, until_ms: int, limit: int) -> list[SessionRow]:
        rows = await super().due(until_ms, limit)
        if self.interrupt is not None and rows:
            interrupt, self.interrupt = self.interrupt, None
            await interrupt(rows)
        return rows

    async def commit(self, changes: Sequence[Change], recount: Recount | None = None, mail: Mail | None = None) -> None:
        self.commits += 1
        if self.refuses_after is not None and self.commits > self.refuses_after:
            raise StoreError("the disk is full")
        await super().commit(changes, recount, mail)


async def test_a_look_costs_what_is_due(clock: ManualClock) -> None:
    """What is not due soon is not read, what was warned of is not read again; more than a batch is one look."""
    store = Counting()
    async with SessionManager.open(
        store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30, hot_sessions=1
    ) as sessions:
        soon = [(await begin(sessions, person(f"soon{number}"))).id for number in range(210)]
        clock.advance(15 * MINUTE)
        for number in range(5):
            await begin(sessions, person(f"later{number}"))
        clock.advance(10 * MINUTE)
        store.read, store.commits = [], 0
        assert sorted(await warned(sessions)) == sorted(soon)
        assert set(store.read) <= set(soon)
        assert store.commits == len(soon)
        store.read, store.commits = [], 0
        assert await warned(sessions) == []
        assert (store.read, store.commits) == ([], 0)


async def test_what_was_noted_is_told_though_the_rest_fails(clock: ManualClock) -> None:
    """A warning is not lost because of another; the rest is tried again, and a failure of the first is said."""
    store = Counting()
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        ids = []
        for address in (ANN, BOB):
            ids.append((await begin(sessions, address)).id)
            clock.advance(1)
        clock.advance(25 * MINUTE)
        store.commits, store.refuses_after = 0, 1
        assert await warned(sessions) == ids[:1]
        with pytest.raises(StoreError):
            await sessions.sweep_warnings()
        store.refuses_after = None
        assert await warned(sessions) == ids[1:]


async def test_what_is_erased_or_damaged_keeps_no_other_warning_back(clock: ManualClock) -> None:
    """The look passes over it."""
    store = Counting()
    async with SessionManager.open(
        store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30, hot_sessions=1
    ) as sessions:
        ids = [(await begin(sessions, person(name))).id for name in ("ann", "bob", "cem", "dan")]
        damage = "UPDATE session SET wrapped = zeroblob(70) WHERE id = ?"
        await store._writer.submit(lambda connection: connection.execute(damage, (ids[0],)).rowcount)
        clock.advance(25 * MINUTE)
        store.interrupt = lambda rows: sessions.delete_session(ids[1])
        assert sorted(await warned(sessions)) == sorted(ids[2:])


async def test_who_puts_a_reset_off_at_that_moment_is_warned_when_it_is_time(clock: ManualClock) -> None:
    """What was read before is not believed, nor is the reset forgotten that comes instead."""
    store = Counting()
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        session = await begin(sessions)
        clock.advance(25 * MINUTE)

        async def write(rows: list[SessionRow]) -> None:
            clock.advance(1)
            await sessions.snooze_reset(ANN, for_=timedelta(minutes=10, seconds=1))

        store.interrupt = write
        assert await warned(sessions) == []
        clock.advance(MINUTE)
        assert await warned(sessions) == [session.id]


async def test_a_program_that_only_reads_warns_nobody(db_path: Path, clock: ManualClock) -> None:
    """It could not note it; the owner warns."""
    describe = {"db_path": db_path, "encryption_key": KEY, "clock": clock, "idle_reset_minutes": 30}
    async with SessionManager.open(**describe) as owner:  # type: ignore[arg-type]
        session = await begin(owner)
        clock.advance(25 * MINUTE)
        async with SessionManager.open(**describe, read_only=True) as reader:  # type: ignore[arg-type]
            with pytest.raises(StoreReadOnly):
                await reader.sweep_warnings()
        assert await warned(owner) == [session.id]


# -- keeping -----------------------------------------------------------------------------------------


async def test_a_kept_session_is_reset_a_day_later(daily: SessionManager, clock: ManualClock) -> None:
    """The coming reset is left out once, however often one says so; the next one is warned of as ever."""
    async with daily as sessions:
        session = await begin(sessions)
        at(clock, "01 03:50")
        await sessions.sweep_warnings()
        for _ in range(2):
            planned = await sessions.keep_session(ANN)
            assert planned is not None
            assert planned.at == datetime(2026, 1, 2, 4, tzinfo=UTC)
            assert (await sessions.get_session(session.id)).next_reset_at == planned.at
        at(clock, "01 12:00")
        assert await is_current(sessions, session)
        at(clock, "02 03:50")
        assert await warned(sessions) == [session.id]
        at(clock, "02 04:00")
        assert not await is_current(sessions, session)


async def test_keeping_survives_a_restart_and_ends_with_the_session(db_path: Path, clock: ManualClock) -> None:
    """It is stored with the session, and its successor has the next reset like everybody."""

    def describe() -> SessionManager:
        return SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock, daily_reset="04:00")

    async with describe() as sessions:
        session = await begin(sessions)
        await sessions.keep_session(ANN)
    async with describe() as sessions:
        at(clock, "01 05:00")
        assert await is_current(sessions, session)
        fresh = await sessions.reset(ANN)
        await say(sessions, fresh.id, "hello")
        at(clock, "02 04:00")
        assert not await is_current(sessions, fresh)
        assert await sessions.verify() == []


async def test_a_kept_session_has_its_whole_silence_before_it(idle: SessionManager, clock: ManualClock) -> None:
    """Half an hour from the moment of keeping, with a warning of its own."""
    async with idle as sessions:
        session = await begin(sessions)
        clock.advance(25 * MINUTE)
        assert await warned(sessions) == [session.id]
        await sessions.keep_session(ANN)
        assert await warned(sessions) == []
        clock.advance(29 * MINUTE)
        assert await warned(sessions) == [session.id]
        assert await is_current(sessions, session)
        clock.advance(MINUTE)
        assert not await is_current(sessions, session)


async def test_a_new_rule_is_not_kept_waiting_by_what_was_kept_before(
    daily: SessionManager, clock: ManualClock
) -> None:
    """Who sets another time means the next time it comes."""
    async with daily as sessions:
        session = await begin(sessions)
        await sessions.keep_session(ANN)
        await sessions.snooze_reset(ANN, for_=timedelta(hours=24))
        await sessions.set_chat_resets(ANN, daily_at=time(3))
        assert (await sessions.get_session(session.id)).next_reset_at == datetime(2026, 1, 1, 3, tzinfo=UTC)


# -- snoozing ----------------------------------------------------------------------------------------


async def test_a_snoozed_reset_comes_later_and_is_warned_of_again(daily: SessionManager, clock: ManualClock) -> None:
    """An hour from now, then with a second warning; snoozing again puts it off again."""
    async with daily as sessions:
        session = await begin(sessions)
        at(clock, "01 03:50")
        for moment in (time(4, 50), time(5, 40)):
            assert await warned(sessions) == [session.id]
            planned = await sessions.snooze_reset(ANN)
            assert planned is not None
            assert planned.at == datetime.combine(planned.at, moment, UTC)
            assert await warned(sessions) == []
            clock.advance(50 * MINUTE)
            assert await is_current(sessions, session)
        assert await warned(sessions) == [session.id]
        at(clock, "01 05:40")
        assert not await is_current(sessions, session)


async def test_a_snooze_holds_whatever_is_said_meanwhile(idle: SessionManager, clock: ManualClock) -> None:
    """A message works the next reset out anew, not before the end of the snooze."""
    async with idle as sessions:
        session = await begin(sessions)
        await sessions.snooze_reset(ANN, for_=timedelta(hours=2))
        clock.advance(10 * MINUTE)
        await say(sessions, session.id, "hello again")
        clock.advance(100 * MINUTE)
        assert await is_current(sessions, session)
        clock.advance(10 * MINUTE)
        assert not await is_current(sessions, session)


async def test_a_shorter_snooze_does_not_bring_a_reset_nearer(idle: SessionManager, clock: ManualClock) -> None:
    """And one that ends before the reset changes nothing."""
    async with idle as sessions:
        session = await begin(sessions)
        before = await sessions.next_reset(session.id)
        assert await sessions.snooze_reset(ANN, for_=timedelta(minutes=5)) == before
        later = await sessions.snooze_reset(ANN, for_=timedelta(hours=2))
        assert await sessions.snooze_reset(ANN, for_=timedelta(hours=1)) == later


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=59), timedelta(days=1, seconds=1), -timedelta(1)])
async def test_a_snooze_is_bounded(idle: SessionManager, length: timedelta) -> None:
    """A minute at least, a day at most, and that is said."""
    async with idle as sessions:
        await begin(sessions)
        with pytest.raises(InvalidValue, match="1 minute to 24 hours"):
            await sessions.snooze_reset(ANN, for_=length)


async def test_where_nothing_comes_nothing_is_kept_or_put_off(clock: ManualClock) -> None:
    """No session, nothing said in it, or no rule: there is no next reset, and nothing is written."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, daily_reset="04:00") as sessions:
        assert await sessions.keep_session(ANN) is None
        assert await sessions.snooze_reset(ANN) is None
        assert await sessions.current_session(ANN) is None
        session = await sessions.get_or_create_session(ANN)
        assert await sessions.keep_session(ANN) is None
        assert await sessions.snooze_reset(ANN) is None
        assert await sessions.get_session(session.id) == session
        await begin(sessions)
        await sessions.set_chat_resets(ANN, daily_at=None)
        assert await sessions.keep_session(ANN) is None


async def test_days_with_snoozes_have_one_reset_each(db_path: Path, clock: ManualClock) -> None:
    """Through two weeks of sweeps every half minute around four, each logical day has one reset, snoozed or not."""
    describe = {"db_path": db_path, "encryption_key": KEY, "clock": clock, "daily_reset": "04:00"}
    happened: list[datetime] = []
    async with SessionManager.open(**describe) as sessions:  # type: ignore[arg-type]
        await begin(sessions)
        for day in range(14):
            start = clock.now
            for step, minutes in ((0, 0), (230, 0), (235, 60 * (day % 3)), (241, 0), (300, 0), (301, 0), (420, 0)):
                clock.now = start + step * MINUTE
                happened += [event.at for event in await sessions.sweep()]
                await sessions.sweep_warnings()
                if minutes:
                    await sessions.snooze_reset(ANN, for_=timedelta(minutes=minutes))
            await begin(sessions)
            clock.now = start + DAY
        assert [moment.day for moment in happened] == list(range(1, 15))
        assert {moment.hour for moment in happened} == {4, 5, 7}


# -- whose rule --------------------------------------------------------------------------------------

SAME_CHAT, OTHER_CHAT = replace(ANN, user_id="bob"), replace(ANN, chat_id="chat-2")


@pytest.mark.parametrize(
    ("scope", "shared_with_bob", "follows_ann"),
    [
        (Scope.PER_CHANNEL_PEER, False, False),
        (Scope.PER_PEER, False, True),
        (Scope.PER_CHANNEL, True, False),
        (Scope.MAIN, True, True),
    ],
)
async def test_hour_and_zone_are_those_of_whom_the_conversation_belongs_to(
    clock: ManualClock, scope: Scope, *, shared_with_bob: bool, follows_ann: bool
) -> None:
    """A person's own where the conversation is theirs alone, in one chat or in all; everybody's where it is shared."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, scope=scope) as sessions:
        await sessions.set_chat_resets(ANN, daily_at=time(4), timezone="Asia/Kathmandu")
        for address, has_it in ((ANN, True), (SAME_CHAT, shared_with_bob), (OTHER_CHAT, follows_ann)):
            session = await sessions.get_or_create_session(address)
            rule = await sessions.reset_rule(session.id)
            expected = ResetPolicy(daily_at=time(4), timezone="Asia/Kathmandu") if has_it else ResetPolicy()
            assert rule.policy == expected, address


async def test_two_people_in_one_chat_are_reset_by_their_own_clocks(clock: ManualClock) -> None:
    """Four in the morning in Berlin and in New York are six hours apart, and so are the warnings."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        anns, bobs = await begin(sessions, ANN), await begin(sessions, SAME_CHAT)
        await sessions.set_chat_resets(ANN, daily_at=time(4), timezone="Europe/Berlin")
        await sessions.set_chat_resets(SAME_CHAT, daily_at=time(4), timezone="America/New_York")
        for moment, session, zone in (
            ("01 02:50", anns, "Europe/Berlin"),
            ("01 08:50", bobs, "America/New_York"),
        ):
            at(clock, moment)
            (warning,) = await sessions.sweep_warnings()
            assert (warning.session.id, warning.timezone) == (session.id, zone)
            clock.advance(10 * MINUTE)
            assert not await is_current(sessions, session)
