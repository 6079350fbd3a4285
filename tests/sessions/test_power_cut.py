"""Power cuts: what was acknowledged is on the disk, whatever the disk had not been made to write yet."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Collection, Iterator
from pathlib import Path

from sessions.errors import SessionError
from sessions.manager import SessionManager
from sessions.sqlite import store
from tests.sessions.crash_writer import KEY, Ledger, Talker
from tests.sessions.power import Disk, Event, Surface, put_in

PEOPLE = 8
RUNS = (10, 60, 10)  # steps of each person between two starts; so many that SQLite folds its log in once on the way
CUTS = 500
NAME = "palaver.db"


async def record(folder: Path) -> list[Event | object]:
    """Let people talk, with two clean restarts in between, and give all that happened on the disk and was told."""
    disk = Disk()
    with put_in(disk):
        for run, steps in enumerate(RUNS):
            async with SessionManager.open(db_path=folder / NAME, encryption_key=KEY) as sessions:
                chances = [random.Random(f"{run}/{who}") for who in range(PEOPLE)]
                talkers = [Talker(sessions, f"{who}", chance, disk.note) for who, chance in enumerate(chances)]
                await asyncio.gather(*(talker.talk(steps) for talker in talkers))
    return disk.events


def cut(events: list[Event | object], points: Collection[int], folder: Path) -> Iterator[tuple[Path, Ledger]]:
    """Take the power away after each of these events; give the disk as it is then, and what had been acknowledged."""
    surface, ledger, chance = Surface(), Ledger(), random.Random(len(points))
    for number, event in enumerate(events):
        if isinstance(event, Event):
            surface.feed(event)
        elif isinstance(event, dict):
            ledger.feed([event])
        if number in points:
            left = folder / f"cut-{number}"
            left.mkdir(parents=True)
            share = chance.choice([0.0, 0.0, 0.5, 0.9, 1.0])
            for path, content in surface.after_a_cut(chance, share).items():
                (left / Path(path).name).write_bytes(content)
            yield left / NAME, copy.deepcopy(ledger)


async def count_losses(cuts: Iterator[tuple[Path, Ledger]]) -> int:
    """Count the cuts after which something that was acknowledged is not there, or anything is damaged."""
    losses = 0
    for path, ledger in cuts:
        try:
            async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
                await ledger.check(sessions)
        except (AssertionError, SessionError):
            losses += 1
    return losses


async def test_nothing_acknowledged_is_lost_in_500_power_cuts(tmp_path: Path) -> None:
    """Whatever part of the unsynced writes survives, every acknowledged message is there and nothing is damaged."""
    events = await record(tmp_path)
    points = set(random.Random(1).sample(range(len(events)), CUTS))
    assert await count_losses(cut(events, points, tmp_path)) == 0


async def test_a_store_can_be_opened_after_a_power_cut_at_any_moment_of_its_making(tmp_path: Path) -> None:
    """A store that was not finished is made anew; one that was is there."""
    events = await record(tmp_path)
    first_told = next(number for number, event in enumerate(events) if not isinstance(event, Event))
    assert await count_losses(cut(events, range(first_told), tmp_path)) == 0


async def test_with_less_syncing_power_cuts_would_lose_what_was_acknowledged(tmp_path: Path) -> None:
    """The same with synchronous=NORMAL loses messages: the comparison notices, and FULL is needed."""
    usual = store.SYNCHRONOUS
    store.SYNCHRONOUS = "NORMAL"
    try:
        events = await record(tmp_path)
    finally:
        store.SYNCHRONOUS = usual
    points = set(random.Random(1).sample(range(len(events)), 30))
    assert await count_losses(cut(events, points, tmp_path)) > 5
