"""Cancelled callers: whoever is cancelled, wherever, leaves no half step and no lock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Generator
from typing import Any

import pytest

from tests.sessions.conftest import Opener, person, texts
from tests.sessions.stage import ANN, BOB, IN_STEPS, WHOLE, Scene, Stage, built, outcome_of, portrait, stage

__all__ = ["built", "stage"]  # fixtures


class CancelledAt:
    """Awaits something and has the task cancelled at its n-th pause: when that begins, or when it ends."""

    def __init__(self, awaited: Awaitable[object], pause: int, *, at_its_end: bool) -> None:
        self._awaited, self._pause, self._at_its_end = awaited, pause, at_its_end
        self.reached = False

    def __await__(self) -> Generator[Any, None, object]:  # whatever asyncio waits for
        steps, pause = self._awaited.__await__(), 0
        error: BaseException | None = None
        while True:
            try:
                waited = next(steps) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value
            pause, error = pause + 1, None
            if pause == self._pause:
                self._cancel(waited)
            try:
                yield waited
            except BaseException as raised:  # noqa: BLE001  # passed on
                error = raised

    def _cancel(self, waited: asyncio.Future[object] | None) -> None:
        self.reached = True
        task = asyncio.current_task()
        assert task is not None
        if self._at_its_end and waited is not None:
            waited.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


async def cancel_at(act: Awaitable[object], pause: int, *, at_its_end: bool) -> bool:
    """Run an act in a task that is cancelled at its n-th pause; tell whether it had so many."""
    disturbed = CancelledAt(act, pause, at_its_end=at_its_end)

    async def run() -> object:
        return await disturbed

    await asyncio.wait([task := asyncio.ensure_future(run())], timeout=10)
    assert task.done()
    if not task.cancelled():
        task.result()
    return disturbed.reached


async def goes_on(scene: Scene) -> None:
    """Check that nothing is locked or half done: the same conversation and another one go on at once."""
    async with asyncio.timeout(5):
        for address in (ANN, BOB):
            session = await scene.sessions.get_or_create_session(address)
            await scene.sessions.add_message(session.id, role="user", content="go on")
            assert (await texts(scene.sessions, session.id))[-1] == "go on"
            await scene.sessions.undo(address)
        await scene.sessions.delete_session((await scene.sessions.get_or_create_session(BOB)).id)


@pytest.mark.parametrize("at_its_end", [False, True], ids=["as a pause begins", "as a pause ends"])
@pytest.mark.parametrize("name", [*WHOLE, *IN_STEPS])
async def test_cancelling_anywhere_leaves_no_half_step(stage: Stage, name: str, at_its_end: bool) -> None:
    """Cancelled at any await, an act has happened whole or not at all, and nothing is locked."""
    act = (WHOLE | IN_STEPS)[name]
    before, after = await outcome_of(stage, act)
    for pause in range(1, 100):
        async with stage() as scene:
            reached = await cancel_at(act(scene), pause, at_its_end=at_its_end)
            found = await portrait(scene.sessions)
            if name in WHOLE:
                assert found in (before, after), f"cancelled at pause {pause}"
            if name not in ("set_scope", "delete current", "erase_person"):
                await goes_on(scene)
        if not reached:
            break
    assert pause > 2


async def test_a_cancelled_caller_does_not_disturb_its_neighbours(open_store: Opener) -> None:
    """Many talk at once, every third is cancelled on its way: all others are stored, each of the cancelled whole."""
    chance = random.Random(5)
    async with open_store() as sessions:
        ids = [(await sessions.get_or_create_session(person(f"{number}"))).id for number in range(12)]
        said = [(ids[number % 12], f"{number}") for number in range(360)]
        tasks = [asyncio.ensure_future(sessions.add_message(i, role="user", content=text)) for i, text in said]
        for number in range(0, 360, 3):
            if chance.random() < 0.3:
                await asyncio.sleep(0)
            tasks[number].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        sure = {text for (_, text), result in zip(said, done, strict=True) if not isinstance(result, BaseException)}
        for session_id in ids:
            there = await texts(sessions, session_id)
            asked = [text for i, text in said if i == session_id]
            assert there == [text for text in asked if text in there]  # in order, and once
            assert sure.intersection(asked) <= set(there)
        assert await sessions.verify() == []
