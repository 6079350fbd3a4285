"""Batches that fail, or do not come: whoever asked is told, and nothing is left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from bot.operator.crew import CrewOptions, Slices, work_together
from sessions.errors import InvalidValue
from sessions.manager import SessionManager
from tests.bot.operator.crewed import ALONE, PAIR, Told
from tests.bot.operator.test_crew import alive, children, opened
from tests.bot.shell import Shell


class Breaking:
    """Gives numbers one by one, slowly, and then fails; sees that nobody asks too early or too late."""

    def __init__(self, count: int, error: Exception) -> None:
        self._cut, self._error, self._asked, self._failed = Slices(range(count), 1), error, False, False

    async def next(self) -> Sequence[int] | None:
        assert (self._asked, self._failed) == (False, False)
        self._asked = True
        await asyncio.sleep(0.01)
        self._asked = False
        batch = await self._cut.next()
        if batch is None:
            self._failed = True
            raise self._error
        return batch

    def share(self) -> float:
        return self._cut.share()


@pytest.mark.parametrize("crew", [ALONE, PAIR], ids=["alone", "crew"])
@pytest.mark.parametrize("error", [InvalidValue("b.json: no"), OSError(5, "no")], ids=["of ours", "any"])
async def test_an_error_in_giving_batches_has_its_place(here: Shell, crew: CrewOptions, error: Exception) -> None:
    """The answers of all batches before it come first, whatever kind of error it is; nobody waits for ever."""
    before = children(os.getpid())
    async with opened() as sessions:
        for count in (0, 9):
            answers: list[int] = []

            async def consume(batches: Breaking, answers: list[int]) -> None:
                async for number, _ in work_together(sessions, Told(0.02), batches, crew):
                    answers.append(number)  # kept also where it fails

            with pytest.raises(type(error)) as raised:
                await asyncio.wait_for(consume(Breaking(count, error), answers), 20)
            assert (raised.value, answers) == (error, list(range(count)))
            assert children(os.getpid()) == before


class Stuck(Slices[int]):
    """Gives some numbers and no end."""

    async def next(self) -> Sequence[int] | None:
        return await super().next() or await asyncio.sleep(3_600, ())


@pytest.mark.parametrize("batches", [Slices(range(5_000), 1), Stuck(range(6), 1)], ids=["working", "waiting"])
async def test_whoever_cancels_waits_for_all(here: Shell, batches: Slices[int]) -> None:
    """Also while a batch is still looked for: no process stays, and no task."""
    before = children(os.getpid())
    enough = asyncio.Event()

    async def consume(sessions: SessionManager) -> None:
        async with aclosing(work_together(sessions, Told(0.01), batches, PAIR)) as answers:
            async for number, _ in answers:
                if number == 1:
                    enough.set()

    async with opened() as sessions, asyncio.timeout(20):
        tasks = asyncio.all_tasks()
        consuming = asyncio.create_task(consume(sessions))
        await enough.wait()
        members = children(os.getpid()) - before
        consuming.cancel()
        await asyncio.wait([consuming])
        assert (len(members), any(map(alive, members))) == (2, False)
        assert consuming.cancelled()
        assert asyncio.all_tasks() <= tasks
