"""Processes: one program owns a store, others are told so or only read; and files that can not be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from sessions.errors import StoreError, StoreHeld, StoreReadOnly, StoreTooNew
from sessions.manager import SessionManager
from tests.sessions.conftest import Opener, person, say, texts

ROOT = Path(__file__).parent.parent.parent
ANN = person("ann")


HOLD = """
import asyncio, os, sys
from sessions.manager import SessionManager

async def hold():
    async with SessionManager.open(db_path=sys.argv[1], encryption_key=bytes(range(32))):
        print(os.getpid(), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""


@asynccontextmanager
async def another_program(path: Path) -> AsyncIterator[int]:
    """Let another process own the store; give its process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, path, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        assert await process.wait() == 0


async def test_a_second_program_is_told_who_has_the_store(open_store: Opener, db_path: Path) -> None:
    """It is refused with the number of the process, may read, and may write when the other one has ended."""
    async with another_program(db_path) as pid:
        with pytest.raises(StoreHeld, match=f"held by process {pid}; stop it first, or open the store read-only") as held:
            async with open_store():
                pass
        assert held.value.pid == pid
        async with open_store(read_only=True) as sessions:
            assert await sessions.verify() == []
    async with open_store() as sessions:
        assert await sessions.verify() == []


async def test_a_program_can_not_have_a_store_twice(open_store: Opener) -> None:
    """A second manager of the same process is refused as well."""
    async with open_store():
        with pytest.raises(StoreHeld) as held:
            async with open_store():
                pass
        assert held.value.pid == os.getpid()


async def test_the_lock_file_stays(open_store: Opener, db_path: Path) -> None:
    """It is the same file for ever: with a new one two programs could each hold a lock."""
    lock = db_path.with_name("palaver.db.lock")
    files = set()
    for _ in range(3):
        async with open_store():
            files.add(lock.stat().st_ino)
        files.add(lock.stat().st_ino)
    assert len(files) == 1
    assert lock.stat().st_mode & 0o777 == 0o600


async def test_of_programs_that_start_together_one_gets_the_store(tmp_path: Path) -> None:
    """The others are told that it is held, whoever was first, also where no store is yet."""

    async def try_to_hold(path: Path) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            HOLD,
            path,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        waits = [asyncio.ensure_future(process.stdout.readline()), asyncio.ensure_future(process.stderr.read())]
        await asyncio.sleep(1.5)
        process.stdin.close()
        owner, error = await asyncio.gather(*waits)
        await process.wait()
        return owner or error.splitlines()[-1]

    results = await asyncio.gather(*(try_to_hold(tmp_path / "new" / "palaver.db") for _ in range(3)))
    assert sum(result.strip().isdigit() for result in results) == 1
    assert sum(b"StoreHeld" in result for result in results) == 2
