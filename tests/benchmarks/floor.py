"""Floor: what this machine can do right now, taken in each process just before what is measured there.

A slow moment of the machine then shows in both numbers, and their ratio stays.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.raw import RawStore, grouped_turn
from tests.benchmarks.workload import CONTEXT, drive, history, reply, user

SESSIONS = 128
SINGLE_TURNS, GROUPS, COMMITS = 60, 6, 30


async def measure_floor(work: Path) -> dict[str, float]:
    """Time raw SQLite with AES-GCM: one commit each, and one commit for all.

    `turn_ms`: a turn with two commits. `group_tps`: 128 sessions' turns with two commits in all.
    `commit_ms`: one small row.
    """
    folder = Path(tempfile.mkdtemp(dir=work))
    store = RawStore(folder)
    await store.open()
    try:
        return await _measure(store)
    finally:
        await store.close()
        shutil.rmtree(folder)


async def _measure(store: RawStore) -> dict[str, float]:
    names = [f"s{number}" for number in range(SESSIONS)]
    texts = history(CONTEXT)
    store.put([store.seal(name, role, text) for name in names for role, text in texts])
    single = await drive(store, names[:1], seconds=5, turns=SINGLE_TURNS)
    groups = []
    for index in range(GROUPS):
        groups.append(grouped_turn(store, names, user(index), reply(index)))
        await asyncio.sleep(0)
    return {
        "turn_ms": median(single.latencies) * 1e3,
        "group_tps": SESSIONS / median(groups),
        "group_ms": median(groups) * 1e3,
        "commit_ms": _commit_ms(store),
    }


def _commit_ms(store: RawStore) -> float:
    taken = []
    for _ in range(COMMITS):
        row = store.seal("s0", "user", "x")
        began = time.perf_counter()
        store.put([row])
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e3
