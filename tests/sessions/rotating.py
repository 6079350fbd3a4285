"""A program that rotates keys and is killed after a given write: `python -m tests.sessions.rotating DB WRITES FORM`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sessions.keys import RawKey
from sessions.manager import SessionManager
from sessions.records import KeyringRow, Mail, PreferenceRow, Resealing, Rewrap
from sessions.sqlite.store import SqliteStore
from sessions.store import Recount

OLD, NEW = bytes(range(32)), bytes(range(50, 82))
LIMIT = 2  # sessions in one step


class Killed(SqliteStore):
    """A store whose process is killed when so many writes of a rotation are durable."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path)
        self._left = writes

    async def put_keyring(
        self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None = None
    ) -> None:
        await super().put_keyring(rows, secrets, mail)
        self._count()

    async def put_preference(
        self, row: PreferenceRow, recount: Recount, mail: Mail | None = None, *, after: int | None = None
    ) -> None:
        await super().put_preference(row, recount, mail, after=after)
        self._count()

    async def rewrap(self, changes: Sequence[Rewrap]) -> int:
        count = await super().rewrap(changes)
        self._count()
        return count

    async def reseal(self, change: Resealing) -> int:
        count = await super().reseal(change)
        self._count()
        return count

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def rotate(sessions: SessionManager, *, deep: bool) -> int:
    """Make the new key primary and move everything; give how many sessions are left under others."""
    begun = await sessions.rotation.begin(await sessions.keyring.adopt(RawKey(NEW)), deep=deep)
    after, done = 0, False
    while not done:
        step = await sessions.rotation.step(after, limit=LIMIT)
        after, done = step.after, step.done
        assert step.failed == ()
    assert begun.deep is deep
    return await sessions.rotation.end()


async def _main(path: Path, writes: int, *, deep: bool) -> None:
    store = Killed(path, writes)
    async with SessionManager.open(store=store, encryption_key=[RawKey(NEW), RawKey(OLD)]) as sessions:
        await rotate(sessions, deep=deep)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), deep=sys.argv[3] == "deep"))
