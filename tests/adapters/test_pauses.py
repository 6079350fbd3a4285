"""Pauses between attempts: longer each time, never all at once."""

from __future__ import annotations

import asyncio

from adapters.pauses import Pauses


def test_each_is_twice_as_long_up_to_the_limit() -> None:
    """Drawn between half and whole; begun anew it is short again."""
    pauses = Pauses(1.0, 8.0)
    for whole in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert whole / 2 <= pauses.next() <= whole
    pauses.restart()
    assert 0.5 <= pauses.next() <= 1.0


def test_they_are_not_all_alike() -> None:
    """Whoever was refused together does not come back together."""
    assert len({Pauses().next() for _ in range(20)}) > 10


async def test_who_is_told_waits_no_longer() -> None:
    """The program ends at once, however long the pause is."""
    told = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, told.set)
    async with asyncio.timeout(5):
        await Pauses(1_000.0, 1_000.0).wait(told)
    assert told.is_set()
    await Pauses(0.001, 0.001).wait(asyncio.Event())
