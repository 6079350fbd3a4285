"""Faults: full and failing disks, and clocks that are wrong."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sessions.errors import StoreError, StoreFull
from sessions.manager import SessionManager
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts
from tests.sessions.power import SQLITE_FULL, SQLITE_IOERR, SQLITE_OK, Disk, Event, put_in
from tests.sessions.stage import ANN, IN_STEPS, WHOLE, Stage, built, outcome_of, portrait, stage
from tests.sessions.test_cancelled import goes_on

__all__ = ["built", "stage"]  # fixtures


# -- disks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
async def test_a_full_disk_is_told_and_leaves_everything_as_it_was(stage: Stage, name: str) -> None:
    """The act fails with what to do, nothing of it is stored or remembered, reading goes on; with space it works."""
    before, after = await outcome_of(stage, WHOLE[name])
    disk = Disk()
    with put_in(disk):
        async with stage() as scene:
            disk.refuse = lambda event: SQLITE_FULL if event.kind == "write" else SQLITE_OK
            for _ in range(2):
                with pytest.raises(StoreFull, match="Free some space"):
                    await WHOLE[name](scene)
                assert await portrait(scene.sessions) == before
            disk.refuse = lambda event: SQLITE_OK
            await WHOLE[name](scene)
            assert await portrait(scene.sessions) == after


async def test_a_full_disk_refuses_each_of_many(open_store: Opener) -> None:
    """Writes that share a transaction all fail, and all succeed when there is room again."""
    disk = Disk()
    with put_in(disk):
        async with open_store() as sessions:
            ids = [(await sessions.get_or_create_session(person(f"{number}"))).id for number in range(30)]
            disk.refuse = lambda event: SQLITE_FULL if event.kind == "write" else SQLITE_OK

            async def all_speak() -> list[object]:
                speaking = (sessions.add_message(i, role="user", content="hello") for i in ids)
                return list(await asyncio.gather(*speaking, return_exceptions=True))

            assert {type(result) for result in await all_speak()} == {StoreFull}
            disk.refuse = lambda event: SQLITE_OK
            assert not [result for result in await all_speak() if isinstance(result, Exception)]
            assert [await texts(sessions, i) for i in ids] == [["hello"]] * 30


class FailsOnce:
    """Refuses the n-th call to the disk with an I/O error."""

    def __init__(self, call: int) -> None:
        self.call, self.calls = call, 0

    def __call__(self, event: Event) -> int:
        self.calls += 1
        return SQLITE_IOERR if self.calls == self.call else SQLITE_OK


@pytest.mark.parametrize("name", ["add_message", "reset", "fork", "delete", "restore", "finish_turn"])
async def test_a_failing_disk_leaves_no_half_step(stage: Stage, name: str) -> None:
    """Whichever call to the disk fails, the act has happened whole or not at all; what was acknowledged has."""
    act = (WHOLE | IN_STEPS)[name]
    before, after = await outcome_of(stage, act)
    for call in range(1, 200):
        disk, fails = Disk(), FailsOnce(call)
        with put_in(disk):
            async with stage() as scene:
                disk.refuse = fails
                try:
                    await act(scene)
                except StoreError:
                    failed = True
                else:
                    failed = False
                disk.refuse = lambda event: SQLITE_OK
                found = await portrait(scene.sessions)
                if name in WHOLE:
                    assert found in ((before, after) if failed else (after,)), f"call {call}"
                await goes_on(scene)
        if fails.calls < call:
            break
    assert call > 2


async def test_a_disk_that_does_not_sync_gets_no_acknowledgement(open_store: Opener) -> None:
    """A message whose sync failed is refused, and is not there."""
    disk = Disk()
    with put_in(disk):
        async with open_store() as sessions:
            session = await sessions.get_or_create_session(ANN)
            disk.refuse = lambda event: SQLITE_IOERR if event.kind == "sync" else SQLITE_OK
            with pytest.raises(StoreError, match="disk I/O error"):
                await sessions.add_message(session.id, role="user", content="hello")
            disk.refuse = lambda event: SQLITE_OK
            assert await texts(sessions, session.id) == []


async def test_a_write_waits_for_another_program_to_let_go(open_store: Opener, db_path: Path) -> None:
    """A backup tool that locks the file for a moment makes a message late, and loses none."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with closing(sqlite3.connect(db_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            saying = asyncio.ensure_future(say(sessions, session.id, "hello"))
            await asyncio.sleep(0.3)
            assert not saying.done()
            assert await texts(sessions, session.id) == []
            other.execute("ROLLBACK")
            await saying
        assert await texts(sessions, session.id) == ["hello", "re: hello"]


# -- clocks ------------------------------------------------------------------------------------------


async def test_times_within_a_session_never_decrease(clock: ManualClock) -> None:
    """However the clock jumps, forwards, back or to 1970, also before a fork, what is said later is not earlier."""
    chance = random.Random(3)
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        session = await sessions.get_or_create_session(ANN)
        for step in range(120):
            clock.now = max(1.0, clock.now + chance.choice([1, 60, 3600, -3600, -86_400, 172_800]))
            if step % 40 == 33:
                clock.now = 1.0
            if step % 10 == 9:
                session = await sessions.fork(session.id)
            elif step % 5 == 4:
                turn = await sessions.begin_turn(session.id, content=f"{step}")
                clock.advance(-10)
                await sessions.finish_turn(turn, content="because")
            else:
                await sessions.add_message(session.id, role="user", content=f"{step}")
            now = await sessions.get_session(session.id)
            assert now.created_at <= now.updated_at
        times = [message.created_at for message in await sessions.get_history(session.id, limit=None)]
        assert times == sorted(times)
        assert await sessions.verify() == []


@pytest.mark.parametrize("jump", [3600, -3600, 172_800, -1_700_000_000], ids=["+1 h", "-1 h", "+2 days", "to 1971"])
async def test_a_clock_that_jumps_takes_nobodys_conversation(clock: ManualClock, jump: float) -> None:
    """What was said stays, undo and redo and checkpoints work, and one can go on talking."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        mark = await sessions.save_checkpoint(session.id, name="here")
        clock.advance(jump)
        await say(sessions, session.id, "two")
        await sessions.undo(ANN)
        await sessions.redo(ANN)
        assert await texts(sessions, session.id) == ["one", "re: one", "two", "re: two"]
        await sessions.restore_checkpoint(mark.id)
        assert await texts(sessions, session.id) == ["one", "re: one"]
        (found,) = await sessions.list_checkpoints(session.id)
        assert found == mark
