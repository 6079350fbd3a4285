"""Work that is done to its end."""

from __future__ import annotations

import asyncio

import pytest

from bot.undisturbed import ended, undisturbed


async def test_work_goes_on_however_often_it_is_cancelled() -> None:
    """The result comes, and so does the news that somebody cancelled."""

    async def work() -> str:
        await asyncio.sleep(0.05)
        return "done"

    task = asyncio.ensure_future(undisturbed(work()))
    for _ in range(3):
        await asyncio.sleep(0.01)
        task.cancel()
    assert await task == ("done", True)


async def test_work_that_nobody_cancels_just_ends() -> None:
    """There is nothing to tell then."""

    async def work() -> int:
        return 1

    assert await undisturbed(work()) == (1, False)


async def test_an_error_of_the_work_is_passed_on() -> None:
    """Also after a cancellation."""

    async def work() -> None:
        await asyncio.sleep(0.02)
        raise LookupError

    task = asyncio.ensure_future(undisturbed(work()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(LookupError):
        await task


async def test_waiting_for_a_task_passes_its_end_on() -> None:
    """Its error is raised; that somebody cancelled it is no error."""

    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await ended(asyncio.ensure_future(fail()))

    stopped = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(stopped.cancel)
    await ended(stopped)


async def test_who_cancels_the_waiting_waits_for_the_end_of_the_task() -> None:
    """What the task does when it is cancelled is done by then."""
    done = False

    async def tidy_up() -> None:
        nonlocal done
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            done = True

    waiting = asyncio.ensure_future(ended(asyncio.ensure_future(tidy_up())))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done
