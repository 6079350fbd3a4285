"""Faults: full and failing disks, and clocks that are wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

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
