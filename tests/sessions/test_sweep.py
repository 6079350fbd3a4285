"""The sweep: it resets what is due and nothing else, once, and takes nothing from anybody."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from sessions.address import Address, ChatKind
from sessions.errors import InvalidValue, StoreReadOnly
from sessions.manager import SessionManager
from sessions.message import Message
from sessions.records import SessionRow
from sessions.reset_policy import ResetPolicy
from sessions.resets import PlannedReset, ResetEvent
from sessions.session import Session, Status
from sessions.sqlite.store import SqliteStore
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

ANN, BOB = person("ann"), person("bob")
MINUTE, HOUR, DAY = 60, 3600, 86_400
HALF_AN_HOUR = ResetPolicy(idle=timedelta(minutes=30))


@pytest.fixture
def idle(clock: ManualClock) -> SessionManager:
    """A store in memory whose sessions reset after half an hour."""
    return SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30)


async def begin(sessions: SessionManager, address: Address, *turns: str) -> Session:
    """Begin a session in which something was said."""
    session = await sessions.get_or_create_session(address)
    await say(sessions, session.id, *(turns or ("hello",)))
    return await sessions.get_session(session.id)


def archived(events: list[ResetEvent]) -> list[str]:
    return [event.archived.id for event in events]


# -- what is due -------------------------------------------------------------------------------------


async def test_only_what_is_due_is_reset(idle: SessionManager, clock: ManualClock) -> None:
    """Whoever was silent long enough gets a fresh session, at that very moment and not before; others keep theirs."""
    async with idle as sessions:
        anns = await begin(sessions, ANN)
        clock.advance(10 * MINUTE)
        bobs = await begin(sessions, BOB)
        clock.advance(20 * MINUTE - 0.001)
        assert await sessions.sweep() == []
        clock.advance(0.002)
        (event,) = await sessions.sweep()
        assert (event.address, event.archived.id, event.reason) == (ANN, anns.id, "idle")
        assert event.at == datetime.fromtimestamp(int(clock.now * 1000) / 1000, UTC)
        assert (await sessions.get_session(anns.id)).status is Status.EXPIRED
        assert await texts(sessions, anns.id) == ["hello", "re: hello"]
        current = await sessions.current_session(ANN)
        assert current == event.fresh
        assert (event.fresh.status, event.fresh.message_count) == (Status.ACTIVE, 0)
        assert await sessions.current_session(BOB) == bobs
        assert await sessions.sweep() == []


async def test_a_reset_keeps_the_settings(idle: SessionManager, clock: ManualClock) -> None:
    """Title, tags and model go on in the fresh session."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        await sessions.update_session(session.id, title="Plans", tags=["home"], model="big")
        clock.advance(HOUR)
        (event,) = await sessions.sweep()
        assert (event.fresh.title, event.fresh.tags, event.fresh.model) == ("Plans", ("home",), "big")


async def test_only_what_a_person_says_postpones_an_idle_reset(idle: SessionManager, clock: ManualClock) -> None:
    """Replies, titles, checkpoints and looking at it do not make a session less idle."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        for bookkeeping in (
            lambda: sessions.add_message(session.id, role="assistant", content="still there?"),
            lambda: sessions.update_session(session.id, title="Plans"),
            lambda: sessions.save_checkpoint(session.id, name="here"),
            lambda: sessions.get_history(session.id),
        ):
            clock.advance(7 * MINUTE)
            await bookkeeping()
        clock.advance(2 * MINUTE)
        assert archived(await sessions.sweep()) == [session.id]


async def test_an_empty_session_is_not_reset(idle: SessionManager, clock: ManualClock) -> None:
    """Where nothing was said, or all of it was cleared, there is nothing to make room for."""
    async with idle as sessions:
        await sessions.get_or_create_session(ANN)
        bobs = await begin(sessions, BOB)
        await sessions.clear_history(bobs.id)
        clock.advance(DAY)
        assert await sessions.sweep() == []


async def test_days_that_were_missed_are_one_reset(open_store: Opener, db_path: Path, clock: ManualClock) -> None:
    """After a week without the program a session is reset once, and the fresh one waits for its own day."""

    def daily() -> SessionManager:
        return SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock, daily_reset="04:00")

    async with daily() as sessions:
        session = await begin(sessions, ANN)
    clock.advance(7 * DAY)
    async with daily() as sessions:
        (event,) = await sessions.sweep()
        assert (event.archived.id, event.reason) == (session.id, "daily")
        await say(sessions, event.fresh.id, "good morning")
        assert await sessions.sweep() == []
        clock.advance(DAY)
        assert archived(await sessions.sweep()) == [event.fresh.id]


async def test_more_than_one_batch_is_reset_in_one_sweep(idle: SessionManager, clock: ManualClock) -> None:
    """However many are due, they need not wait for the next sweep."""
    async with idle as sessions:
        for number in range(450):
            session = await sessions.get_or_create_session(person(f"{number}"))
            await sessions.add_message(session.id, role="user", content="hello")
        clock.advance(HOUR)
        assert len(await sessions.sweep()) == 450


# -- once --------------------------------------------------------------------------------------------


async def test_two_sweeps_at_once_are_one_reset(idle: SessionManager, clock: ManualClock) -> None:
    """Also together with messages that come in: everybody finds the same fresh session."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        clock.advance(HOUR)
        first, second, lazy, again = await asyncio.gather(
            sessions.sweep(),
            sessions.sweep(),
            sessions.get_or_create_session(ANN),
            sessions.reset_if_due(ANN),
        )
        told = archived([*first, *second, *([again] if again else [])])
        assert len(told) <= 1
        current = await sessions.current_session(ANN)
        assert current is not None
        assert lazy.id == current.id != session.id
        assert len(await sessions.own_sessions(ANN)) == 2
        assert await sessions.verify() == []


async def test_a_message_finds_the_reset_done(idle: SessionManager, clock: ManualClock) -> None:
    """What is due when somebody writes is reset first, without any sweep."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        clock.advance(HOUR)
        fresh = await sessions.get_or_create_session(ANN)
        assert fresh.id != session.id
        assert (await sessions.get_session(session.id)).status is Status.EXPIRED
        assert await sessions.sweep() == []


async def test_who_wants_to_announce_a_reset_is_told(idle: SessionManager, clock: ManualClock) -> None:
    """Asked before a message is stored, the reset that is due happens and is described; else there is nothing."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        assert await sessions.reset_if_due(ANN) is None
        assert await sessions.reset_if_due(BOB) is None
        clock.advance(HOUR)
        event = await sessions.reset_if_due(ANN)
        assert event is not None
        assert (event.archived.id, event.reason) == (session.id, "idle")
        assert await sessions.get_or_create_session(ANN) == event.fresh


async def test_a_reset_that_was_taken_back_does_not_happen_again_at_once(
    idle: SessionManager, clock: ManualClock
) -> None:
    """Undo brings the session back, and it has its whole time of silence before it."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        clock.advance(HOUR)
        await sessions.sweep()
        (step,) = await sessions.undo(ANN)
        assert (step.op, step.session.id) == ("expire", session.id)
        assert await sessions.sweep() == []
        assert (await sessions.get_or_create_session(ANN)).id == session.id
        clock.advance(30 * MINUTE)
        assert archived(await sessions.sweep()) == [session.id]


async def test_a_session_that_one_returned_to_is_not_reset_at_once(idle: SessionManager, clock: ManualClock) -> None:
    """Old as it is, it was chosen just now."""
    async with idle as sessions:
        old = await begin(sessions, ANN)
        await sessions.new_session(ANN)
        clock.advance(DAY)
        await sessions.switch_session(ANN, old.id)
        assert await sessions.sweep() == []
        assert (await sessions.get_or_create_session(ANN)).id == old.id


# -- nobody is disturbed -----------------------------------------------------------------------------


async def test_a_session_in_the_middle_of_a_turn_waits(idle: SessionManager, clock: ManualClock) -> None:
    """While a turn runs neither the sweep nor a message resets its session; the sweep after it does."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        async with sessions.lanes.enter(session.id, "ann"):
            clock.advance(HOUR)
            assert await sessions.sweep() == []
            assert (await sessions.get_or_create_session(ANN)).id == session.id
            assert await sessions.reset_if_due(ANN) is None
        assert archived(await sessions.sweep()) == [session.id]


class Interrupted(SqliteStore):
    """A store in memory; when the sweep has read what is due, something else comes in between."""

    def __init__(self) -> None:
        super().__init__(None)
        self.interrupt: Callable[[list[SessionRow]], Awaitable[object]] | None = None

    async def due(self, until_ms: int, limit: int) -> list[SessionRow]:
        rows = await super().due(until_ms, limit)
        if self.interrupt is not None and rows:
            interrupt, self.interrupt = self.interrupt, None
            await interrupt(rows)
        return rows


async def test_a_message_on_its_way_keeps_its_session(clock: ManualClock) -> None:
    """Who speaks at the moment of the sweep is not cut off: the session is no longer idle and stays."""
    store = Interrupted()
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        session = await begin(sessions, ANN)
        clock.advance(HOUR)
        writing: list[asyncio.Task[Message]] = []

        async def write(rows: list[SessionRow]) -> None:
            said = sessions.add_message(session.id, role="user", content="I am back")
            writing.append(asyncio.ensure_future(said))
            await asyncio.sleep(0)

        store.interrupt = write
        assert await sessions.sweep() == []
        await asyncio.gather(*writing)
        current = await sessions.current_session(ANN)
        assert current is not None
        assert current.id == session.id
        assert (await texts(sessions, session.id))[-1] == "I am back"


async def test_a_session_erased_meanwhile_does_not_keep_the_others_waiting(clock: ManualClock) -> None:
    """The sweep passes over it and resets the rest."""
    store = Interrupted()
    async with SessionManager.open(
        store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30, hot_sessions=1
    ) as sessions:
        ids = [(await begin(sessions, address)).id for address in (ANN, BOB, person("cem"))]
        clock.advance(HOUR)
        store.interrupt = lambda rows: sessions.delete_session(rows[1].id)
        assert sorted(archived(await sessions.sweep())) == sorted([ids[0], ids[2]])


async def test_a_damaged_session_does_not_keep_the_others_waiting(clock: ManualClock) -> None:
    """The sweep passes over what does not open, however much of it comes first."""
    store = Interrupted()
    async with SessionManager.open(
        store=store, encryption_key=KEY, clock=clock, idle_reset_minutes=30, hot_sessions=1
    ) as sessions:
        for number in range(250):
            session = await sessions.get_or_create_session(person(f"{number}"))
            await sessions.add_message(session.id, role="user", content="hello")
        bobs = await begin(sessions, BOB)
        damage = "UPDATE session SET wrapped = zeroblob(70) WHERE id <> ?"
        await store._writer.submit(lambda connection: connection.execute(damage, (bobs.id,)).rowcount)
        clock.advance(HOUR)
        assert archived(await sessions.sweep()) == [bobs.id]


async def test_a_program_that_only_reads_resets_nothing(open_store: Opener, clock: ManualClock, db_path: Path) -> None:
    """It says that it can not, and the owner's session stays as it is."""
    async with SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock, idle_reset_minutes=30) as owner:
        session = await begin(owner, ANN)
        clock.advance(HOUR)
        async with SessionManager.open(
            db_path=db_path, encryption_key=KEY, clock=clock, idle_reset_minutes=30, read_only=True
        ) as reader:
            with pytest.raises(StoreReadOnly):
                await reader.sweep()
        assert (await owner.get_session(session.id)).status is Status.ACTIVE


# -- which rule --------------------------------------------------------------------------------------


async def test_the_nearest_rule_wins(clock: ManualClock) -> None:
    """Session before chat, before platform, before kind of chat, before the default; and it is told which."""

    def after(hours: int) -> ResetPolicy:
        return ResetPolicy(idle=timedelta(hours=hours))

    async with SessionManager.open(
        encryption_key=KEY,
        clock=clock,
        idle_reset_minutes=5 * 60,
        chat_kind_resets={ChatKind.GROUP: after(4)},
        platform_resets={"discord": after(3)},
    ) as sessions:
        addresses = {
            "default": person("a", platform="console"),
            "chat kind": person("b", platform="console", kind=ChatKind.GROUP),
            "platform": person("c", platform="discord", kind=ChatKind.GROUP),
            "chat": person("d", platform="discord", kind=ChatKind.GROUP),
            "session": person("e", platform="discord", kind=ChatKind.GROUP),
        }
        ids = {source: (await begin(sessions, address)).id for source, address in addresses.items()}
        for source in ("chat", "session"):
            await sessions.set_chat_resets(addresses[source], idle=timedelta(hours=2))
        await sessions.update_session(ids["session"], reset_policy=after(1))
        rules = [await sessions.reset_rule(ids[source]) for source in addresses]
        assert [rule.source for rule in rules] == list(addresses)
        assert [rule.policy for rule in rules] == [after(hours) for hours in (5, 4, 3, 2, 1)]
        for source in reversed(addresses):
            clock.advance(HOUR)
            assert archived(await sessions.sweep()) == [ids[source]]


async def test_a_rule_can_say_never(clock: ManualClock) -> None:
    """A chat that switched resets off is not reset, though the default would; switching on again counts from then."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        session = await begin(sessions, ANN)
        await sessions.set_chat_resets(ANN, idle=None)
        clock.advance(DAY)
        assert await sessions.sweep() == []
        assert (await sessions.get_or_create_session(ANN)).id == session.id
        await sessions.set_chat_resets(ANN, idle=timedelta(minutes=30))
        assert await sessions.sweep() == []
        clock.advance(30 * MINUTE)
        assert archived(await sessions.sweep()) == [session.id]


async def test_a_chats_rule_holds_for_the_sessions_to_come(idle: SessionManager, clock: ManualClock) -> None:
    """It belongs to the conversation and not to the session it was set in."""
    async with idle as sessions:
        await sessions.set_chat_resets(ANN, idle=timedelta(hours=5))
        session = await sessions.new_session(ANN)
        await say(sessions, session.id, "hello")
        clock.advance(4 * HOUR)
        assert await sessions.sweep() == []
        clock.advance(HOUR)
        assert archived(await sessions.sweep()) == [session.id]


# -- the preview -------------------------------------------------------------------------------------


async def test_what_is_previewed_is_what_happens(clock: ManualClock) -> None:
    """Each planned reset happens at its moment, for its reason, not a moment sooner, and no other one happens."""
    chance = random.Random(7)
    zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]
    async with SessionManager.open(encryption_key=KEY, clock=clock, daily_reset="04:00") as sessions:
        for number in range(40):
            address = person(f"{number}")
            await begin(sessions, address)
            daily = time(chance.randrange(24), chance.randrange(60)) if chance.random() < 0.7 else None
            silence = timedelta(minutes=chance.randrange(300, 6000)) if chance.random() < 0.7 else None
            await sessions.set_chat_resets(address, daily_at=daily, timezone=chance.choice(zones), idle=silence)
            clock.advance(chance.randrange(HOUR))
            if chance.random() < 0.3:
                await sessions.sweep()
        plans = [*await sessions.preview_resets(days=3), None]
        assert len(plans) > 15
        end = clock.now + 3 * DAY
        happened: list[PlannedReset] = []
        for plan in plans:
            clock.now = max(clock.now, plan.at.timestamp() - 0.001 if plan else end)
            happened += map(_as_planned, await sessions.sweep())
            if plan and clock.now < plan.at.timestamp():
                assert plan not in happened
                clock.now = plan.at.timestamp()
                happened += map(_as_planned, await sessions.sweep())
        due = [plan for plan in plans if plan is not None]
        assert sorted(happened, key=_order) == sorted(due, key=_order)


def _as_planned(event: ResetEvent) -> PlannedReset:
    return PlannedReset(address=event.address, session=event.archived, at=event.at, reason=event.reason)


def _order(plan: PlannedReset) -> tuple[datetime, str]:
    return plan.at, plan.session.id


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_a_preview_is_bounded(idle: SessionManager, days: int) -> None:
    """It looks ahead between one day and a year, and says so."""
    async with idle as sessions:
        with pytest.raises(InvalidValue, match="from 1 to 366"):
            await sessions.preview_resets(days=days)


# -- cleaning up -------------------------------------------------------------------------------------


async def test_cleanup_erases_what_nobody_used_for_long(idle: SessionManager, clock: ManualClock) -> None:
    """Older sessions go, younger ones stay, and so do those with a checkpoint unless one says otherwise."""
    async with idle as sessions:

        async def there(*wanted: Session) -> list[str]:
            found = await asyncio.gather(*(sessions.get_session(each.id) for each in wanted), return_exceptions=True)
            return [each.id for each in found if isinstance(each, Session)]

        old = await begin(sessions, ANN)
        marked = await begin(sessions, BOB)
        await sessions.save_checkpoint(marked.id, name="keep me")
        clock.advance(10 * DAY)
        young = await begin(sessions, person("cem"))
        assert await sessions.cleanup(older_than="10d") == 0
        clock.advance(1)
        assert await sessions.cleanup(older_than="10d") == 1
        assert await there(old, marked, young) == [marked.id, young.id]
        assert await sessions.cleanup(older_than="10d", keep_checkpoints=False) == 1
        assert await there(old, marked, young) == [young.id]
        assert await sessions.verify() == []


async def test_cleanup_spares_a_session_in_use(idle: SessionManager, clock: ManualClock) -> None:
    """A turn that runs or waits keeps its session, however old it is."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        clock.advance(60 * DAY)
        async with sessions.lanes.enter(session.id, "ann"):
            assert await sessions.cleanup() == 0
        assert await sessions.cleanup() == 1


@pytest.mark.parametrize("head_start", range(12))
async def test_cleanup_does_not_take_what_is_being_said(
    idle: SessionManager, clock: ManualClock, head_start: int
) -> None:
    """A message that was acknowledged while old sessions are looked for is still there afterwards."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        clock.advance(60 * DAY)
        cleaning = asyncio.ensure_future(sessions.cleanup())
        for _ in range(head_start):
            await asyncio.sleep(0)
        (outcome,) = await asyncio.gather(
            sessions.add_message(session.id, role="user", content="I am back"), return_exceptions=True
        )
        await cleaning
        if not isinstance(outcome, Exception):
            assert (await texts(sessions, session.id))[-1] == "I am back"
        assert await sessions.verify() == []


# -- clocks that are wrong ---------------------------------------------------------------------------


async def test_a_clock_that_was_set_back_resets_nobody(idle: SessionManager, clock: ManualClock) -> None:
    """Whoever spoke in what is now the future is not idle, and is so half an hour after that at the latest."""
    async with idle as sessions:
        session = await begin(sessions, ANN)
        clock.advance(-DAY)
        assert await sessions.sweep() == []
        clock.advance(DAY + 30 * MINUTE)
        assert archived(await sessions.sweep()) == [session.id]


async def test_a_rule_made_by_a_clock_that_was_ahead_does_not_wait_for_that_day(
    db_path: Path, clock: ManualClock
) -> None:
    """After the clock was set right and the program started again the rule holds from then."""

    def describe() -> SessionManager:
        return SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock, idle_reset_minutes=30)

    clock.advance(300 * DAY)
    async with describe():
        pass
    clock.advance(-300 * DAY)
    async with describe() as sessions:
        session = await begin(sessions, ANN)
        clock.advance(30 * MINUTE)
        assert archived(await sessions.sweep()) == [session.id]


async def test_a_day_that_comes_twice_is_one_day(clock: ManualClock) -> None:
    """When the clock is set back over the time of the daily reset, what is new since is not reset a second time."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, daily_reset="04:00") as sessions:
        session = await begin(sessions, ANN)
        clock.advance(4 * HOUR)
        (event,) = await sessions.sweep()
        assert event.archived.id == session.id
        await say(sessions, event.fresh.id, "good morning")
        clock.advance(-HOUR)
        for _ in range(4):
            clock.advance(HOUR)
            assert await sessions.sweep() == []
