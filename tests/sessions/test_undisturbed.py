"""Work that is done to its end."""

from __future__ import annotations

import asyncio
import gc

import pytest

from sessions.undisturbed import ended, undisturbed


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


async def test_an_error_at_the_end_of_what_was_cancelled_is_named_and_no_mishap(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is there to take it; the event loop would complain that nobody did."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))

    async def fail() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise LookupError("secret words") from None

    waiting = asyncio.ensure_future(ended(asyncio.ensure_future(fail())))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    del waiting
    gc.collect()
    assert complaints == []
    assert "ended with an error: LookupError" in caplog.text
    assert "secret" not in caplog.text
