"""Two programs of one store pull at the same moment: what one has taken in, the other takes for arrived."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sessions.exchange.folder import FolderPlace
from tests.conftest import ManualClock
from tests.sessions.exchange.conftest import Machine, Workshop, introduce
from tests.sessions.test_workers import manager


class InStep(FolderPlace):
    """A folder of which two read each bundle at the same moment."""

    def __init__(self, path: Path, meetings: dict[str, asyncio.Barrier]) -> None:
        super().__init__(path)
        self._meetings, self._met = meetings, set[str]()

    async def read(self, box: str, slot: str) -> bytes:
        """Wait for the other one before the first time."""
        if slot not in self._met:
            self._met.add(slot)
            await self._meetings.setdefault(slot, asyncio.Barrier(2)).wait()
        return await super().read(box, slot)


async def test_two_programs_take_in_the_same_and_nothing_is_wrong(
    workshop: Workshop, clock: ManualClock, database: str
) -> None:
    """Each conversation comes in once, new ones as well as what continues them, and nothing is told of."""
    workshop.place()
    path = workshop.folder / "place"
    async with (
        manager(database, clock=clock) as first,
        manager(database, clock=clock) as second,
        workshop.machines("laptop") as (laptop,),
    ):
        desks = [Machine("desk", one, FolderPlace(path), clock) for one in (first, second)]
        await introduce([desks[0], laptop])
        idents = [await laptop.begins(f"{number}") for number in range(6)]
        for turn in ("", "more"):
            for ident in idents if turn else ():
                await laptop.says(ident, turn)
            await laptop.push()
            clock.advance(1)
            meetings: dict[str, asyncio.Barrier] = {}
            pulls = (desk.sessions.exchange.pull(InStep(path, meetings)) for desk in desks)
            done = await asyncio.gather(*pulls)
            assert [one.troubles for one in done] == [[], []]
            assert sum(one.continued if turn else one.added for one in done) == len(idents)
            assert len(meetings) == len(idents)
        for number, ident in enumerate(idents):
            for desk in desks:
                assert await desk.reads(ident) == [f"{number}", "more"]
        assert await first.verify() == []
