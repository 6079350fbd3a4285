"""Measures: what can be measured of a store. Each runs in a process of its own, on a copy of a filled store."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.filled import Content, copied, opened
from tests.benchmarks.process import memory_mib
from tests.benchmarks.samples import at
from tests.benchmarks.stopwatch import Stopwatch, Values
from tests.benchmarks.store import Store
from tests.benchmarks.stores import STORES
from tests.benchmarks.workload import CONTEXT, Record, drive

BASE = Content(128, CONTEXT)
GROWTH_TURNS, OPENINGS, READINGS = 400, 12, 7
FOOTPRINT = Content(10, 100)


async def turns(work: Path, name: str, *, clients: int, seconds: float) -> Values:
    """Give turns per second and latencies with so many conversations at once."""
    async with opened(work, name, BASE) as store:
        names = BASE.names()[:clients]
        await drive(store, names, seconds=30, turns=2)
        record = await drive(store, names, seconds=seconds)
        await _check(store, names[0], record)
    return _summary(record)


async def growth(work: Path, name: str, content: Content) -> Values:
    """Give the latency of one turn after the other, over at most ten of the sessions there are."""
    async with opened(work, name, content) as store:
        names = content.names()[:: max(1, content.sessions // 10)][:10]
        for session in names:
            await drive(store, [session], seconds=30, turns=3)
        each = GROWTH_TURNS // len(names)
        whole = Record()
        for session in names:
            whole.add(await drive(store, [session], seconds=10, turns=each))
    return _summary(whole)


async def reading(work: Path, name: str, content: Content) -> Values:
    """Give the time to open a store and read the newest messages, and to read a whole session.

    The first opening in a process also pays for what is imported late; it is given apart.
    """
    taken = Stopwatch()
    with copied(work, name, content) as folder:
        for number in range(1 + OPENINGS):
            store = STORES[name].load()(folder)
            await taken.time("open_ms" if number else "first_open_ms", _open_and_read(store))
            await store.close()
        store = STORES[name].load()(folder)
        await store.open()
        for _ in range(READINGS):
            found = await taken.time("read_ms", store.all("s0"))
            if len(found) != content.messages:
                raise AssertionError(f"{len(found)} of {content.messages} messages were read")
        await store.close()
    return taken.medians()


async def _open_and_read(store: Store) -> None:
    await store.open()
    if len(await store.last("s0", CONTEXT)) != CONTEXT:
        raise AssertionError("the newest messages were not read")


async def footprint(work: Path, name: str) -> Values:
    """Give the bytes on disk for each message after sessions of real turns."""
    folder = Path(tempfile.mkdtemp(dir=work, prefix="footprint-"))
    store = STORES[name].load()(folder)
    await store.open()
    for session in FOOTPRINT.names():
        await drive(store, [session], seconds=60, turns=FOOTPRINT.messages // 2)
    await store.close()
    return {"bytes_per_message": _remove(folder) / (FOOTPRINT.sessions * FOOTPRINT.messages)}


def _remove(folder: Path) -> int:
    """Remove a store; give the bytes it took on the disk."""
    size = sum(path.stat().st_blocks * 512 for path in folder.glob("store.db*"))
    shutil.rmtree(folder)
    return size


async def memory(work: Path, name: str, *, seconds: float) -> Values:
    """Give the peak of this process's memory with 128 conversations at once."""
    async with opened(work, name, BASE) as store:
        record = await drive(store, BASE.names(), seconds=seconds)
        await _check(store, "s0", record)
    return {"peak_mib": memory_mib("self").peak}


async def _check(store: Store, session: str, record: Record) -> None:
    """See that the store holds what it was given, newest last."""
    if record.errors:
        return
    found = await store.last(session, CONTEXT)
    if len(found) != CONTEXT or store.text(found[-1]) != record.newest[session]:
        raise AssertionError("the newest messages are not those that were stored")


def _summary(record: Record) -> Values:
    if not record.latencies:
        raise AssertionError(f"no turn succeeded: {next(iter(record.errors), 'none was tried')}")
    ordered = sorted(record.latencies)
    return {
        "tps": len(ordered) / record.seconds,
        "p50_ms": median(ordered) * 1e3,
        "p99_ms": at(ordered, 0.99) * 1e3,
        "turns": len(ordered),
        "failed": sum(record.errors.values()),
    }
