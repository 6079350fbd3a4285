"""Timeline: what Palaver's ways back cost in a session of a given length. The peers have none like them."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.filled import Content, opened
from tests.benchmarks.own import PalaverStore
from tests.benchmarks.stopwatch import Stopwatch, Values
from tests.benchmarks.stores import OWN
from tests.benchmarks.workload import reply, user

STEPS = 30


async def timeline(work: Path, content: Content) -> Values:
    """Time checkpoint, restore, undo and fork, each on a session that was just written to."""
    async with opened(work, OWN, content) as store:
        if not isinstance(store, PalaverStore):
            raise TypeError("only Palaver has these")
        taken = Stopwatch()
        await _back_and_forth(store, taken, content.messages)
        await _forks(store, taken, content.messages)
    return taken.medians()


async def _back_and_forth(store: PalaverStore, taken: Stopwatch, length: int) -> None:
    sessions, session = store.sessions, store.id("s0")
    for number in range(STEPS):
        await store.turn("s0", user(number), reply(number))
        saved = await taken.time("checkpoint_ms", sessions.save_checkpoint(session, name=f"place {number}"))
        await store.turn("s0", "left behind", "left behind")
        await taken.time("restore_ms", sessions.restore_checkpoint(saved.id))
        await store.turn("s0", "taken back", "taken back")
        await taken.time("undo_ms", sessions.undo(store.address("s0")))
    (newest,) = await sessions.get_history(session, limit=1)
    if newest.seq != length + 2 * STEPS or newest.content != reply(STEPS - 1):
        raise AssertionError("going back and forth ended in another place than it should")


async def _forks(store: PalaverStore, taken: Stopwatch, length: int) -> None:
    for _ in range(STEPS):
        fork = await taken.time("fork_ms", store.sessions.fork(store.id("s0")))
        if fork.message_count != length + 2 * STEPS:
            raise AssertionError("the fork has another length than its origin")
