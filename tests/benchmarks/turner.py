"""Turner: does turns in sessions of its own on a database server, in a process of its own, whenever it is asked.

It fills its sessions, prints a line, and answers each line it reads with one. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.store import Store

FILLED = 50  # messages in each session before anything is timed


async def main(about: dict[str, str | int]) -> None:
    """Fill, then do turns until told to end."""
    make = getattr(import_module(str(about["module"])), str(about["adapter"]))
    store: Store = make(Path(str(about["folder"])), str(about["address"]))
    await store.open()
    names = [f"{about['prefix']}{number}" for number in range(int(about["sessions"]))]
    await _fill(store, names)
    _say({})
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        _say(await _turns(store, names[: int(asked["clients"]) or len(names)], asked["seconds"]))
    await store.close()


async def _fill(store: Store, names: list[str]) -> None:
    from tests.benchmarks.workload import history

    room = asyncio.Semaphore(store.at_once)

    async def fill(name: str) -> None:
        async with room:
            await store.fill(name, history(FILLED))

    await asyncio.gather(*map(fill, names))


async def _turns(store: Store, names: list[str], seconds: float) -> dict[str, float]:
    from tests.benchmarks.samples import at
    from tests.benchmarks.workload import drive

    used = time.process_time()
    record = await drive(store, names, seconds=seconds)
    used = time.process_time() - used
    if record.errors:
        raise AssertionError(f"a turn failed: {next(iter(record.errors))}")
    newest = [store.text(message) for message in await store.last(names[0], 1)]
    if newest != [record.newest[names[0]]]:
        raise AssertionError("the newest message is not the one that was stored last")
    ordered = sorted(record.latencies)
    return {
        "turns": len(ordered),
        "seconds": record.seconds,
        "p50_ms": at(ordered, 0.5) * 1e3,
        "p99_ms": at(ordered, 0.99) * 1e3,
        "cpu": used,
    }


def _say(values: dict[str, float]) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    asyncio.run(main(json.loads(sys.argv[1])))
