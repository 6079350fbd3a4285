"""Visit: a platform's stand-in and its people in a process of their own, so that none of their work counts as ours.

It prints three lines: the settings for the bot, a sign that the clock starts, and the figures. Then it waits until its
input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.stopwatch import Values
    from tests.benchmarks.visitors import Visitors

WARM_UP = 2  # questions of each person before the clock starts
RESETTING_AT_ONCE = 10
STREAMED, END_OF_ECHO, AFRESH = "tide", "”)", "A fresh start"  # stand in what the bot shows
AFTERWARDS = 1.5  # seconds in which something late would show


def main() -> None:
    """Play the visit that the command line names: platform, what they do, people, seconds."""
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    platform, what, people, seconds = sys.argv[1:]
    asyncio.run(_visit(platform, what, int(people), float(seconds)))


async def _visit(platform: str, what: str, people: int, seconds: float) -> None:
    from tests.benchmarks.visitors import visiting

    async with visiting(platform, people) as visitors:
        print(json.dumps(visitors.environ()), flush=True)
        await visitors.connected()
        watching = asyncio.create_task(visitors.watch())
        try:
            figures = await (talk(visitors, seconds) if what == "talk" else resets(visitors))
        finally:
            watching.cancel()
        print(json.dumps(figures), flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def talk(visitors: Visitors, seconds: float) -> Values:
    """Have everybody say the next thing when the reply has arrived; give how many, and how long each took."""
    people = range(len(visitors.seen))
    await asyncio.gather(*(_converse(visitors, person, most=WARM_UP) for person in people))
    _start_clock()
    began = time.perf_counter()
    until = began + seconds
    taken = await asyncio.gather(*(_converse(visitors, person, until=until) for person in people))
    elapsed = time.perf_counter() - began
    return {"updates_per_second": sum(map(len, taken)) / elapsed, **_spread([one for each in taken for one in each])}


async def _converse(
    visitors: Visitors, person: int, *, until: float = float("inf"), most: int = 1_000_000
) -> list[float]:
    from tests.benchmarks.workload import user

    taken: list[float] = []
    while len(taken) < most and (began := time.perf_counter()) < until:
        await visitors.ask(person, user(len(taken)), END_OF_ECHO)
        taken.append(time.perf_counter() - began)
    return taken


async def resets(visitors: Visitors) -> Values:
    """Have everybody reset while a reply streams; nothing of that may show afterwards."""
    _start_clock()
    room = asyncio.Semaphore(RESETTING_AT_ONCE)
    taken = await asyncio.gather(*(_reset(visitors, person, room) for person in range(len(visitors.seen))))
    await asyncio.sleep(AFTERWARDS)
    late = sum(_late(shown) for shown in visitors.seen)
    if late:
        raise AssertionError(f"something of the old reply showed after {late} of {len(taken)} resets")
    return _spread(taken)


async def _reset(visitors: Visitors, person: int, room: asyncio.Semaphore) -> float:
    async with room:
        await visitors.ask(person, "Go on", STREAMED)
        began = time.perf_counter()
        await visitors.ask(person, "/reset", AFRESH)
        return time.perf_counter() - began


def _start_clock() -> None:
    print("the clock starts", flush=True)


def _late(shown: list[str]) -> bool:
    """Tell whether words of the reply showed after the answer to the reset."""
    answer = next(number for number, text in enumerate(shown) if AFRESH in text)
    return any(STREAMED in text for text in shown[answer:])


def _spread(taken: list[float]) -> Values:
    from tests.benchmarks.samples import at

    ordered = sorted(taken)
    return {"p50_ms": at(ordered, 0.5) * 1e3, "p99_ms": at(ordered, 0.99) * 1e3}


if __name__ == "__main__":
    main()
