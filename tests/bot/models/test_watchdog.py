"""Waits that are ended when they take too long."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.models.watchdog import Watchdog

LIMIT = 0.1


def _soon(seconds: float = LIMIT) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_what_comes_in_time_is_given() -> None:
    """A wait gives what it waited for."""
    with Watchdog() as watchdog:
        assert await watchdog.watch(asyncio.sleep(0, "word"), _soon()) == "word"


async def test_what_takes_too_long_is_ended() -> None:
    """It ends as a TimeoutError, what was waited for is cancelled, and the task is free to go on."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with Watchdog() as watchdog, pytest.raises(TimeoutError):
        await watchdog.watch(work(), _soon())
    task = asyncio.current_task()
    assert ended.is_set()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_each_wait_has_its_own_limit() -> None:
    """Many short waits may take longer together than one of them may."""
    with Watchdog() as watchdog:
        for _ in range(5):
            await watchdog.watch(asyncio.sleep(0.6 * LIMIT), _soon())


async def test_a_limit_may_come_before_that_of_an_earlier_wait() -> None:
    """The timer of a long limit does not keep a short one from being held."""
    began = asyncio.get_running_loop().time()
    with Watchdog() as watchdog:
        await watchdog.watch(asyncio.sleep(0), _soon(60))
        with pytest.raises(TimeoutError):
            await watchdog.watch(asyncio.sleep(60), _soon())
    assert asyncio.get_running_loop().time() - began < 10


async def test_nothing_is_ended_between_the_waits() -> None:
    """Who takes long over what came is left alone, and the next wait is watched again."""
    with Watchdog() as watchdog:
        await watchdog.watch(asyncio.sleep(0), _soon())
        await asyncio.sleep(2 * LIMIT)
        with pytest.raises(TimeoutError):
            await watchdog.watch(asyncio.sleep(60), _soon())


async def test_nothing_is_ended_afterwards() -> None:
    """Who has left the block is no longer watched."""
    with Watchdog() as watchdog:
        await watchdog.watch(asyncio.sleep(0), _soon())
    await asyncio.sleep(2 * LIMIT)


async def test_who_cancels_the_task_has_it_cancelled() -> None:
    """A cancellation that somebody else asked for passes."""
    task = asyncio.create_task(_watch(_soon(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_counts_also_when_the_limit_is_reached_just_then() -> None:
    """It is never taken for the limit."""
    loop, until = asyncio.get_running_loop(), _soon()
    task = asyncio.create_task(_watch(until))
    await asyncio.sleep(0)
    loop.call_at(until + 0.01, task.cancel)
    loop.call_soon(time.sleep, 2 * LIMIT)  # then both are due in one round of the event loop, the limit first
    with pytest.raises(asyncio.CancelledError):
        await task


async def _watch(until: float) -> None:
    with Watchdog() as watchdog:
        await watchdog.watch(asyncio.sleep(60), until)
