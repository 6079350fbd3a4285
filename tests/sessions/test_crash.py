"""Crashes: what was acknowledged survives the death of the process, whenever it comes."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sessions.manager import SessionManager
from tests.sessions.crash_writer import KEY, Ledger, Note

ROOT = Path(__file__).parent.parent.parent
KILLS_PER_STORE = 10


class Nursery:
    """The program `crash_writer`, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def talk_and_die(self, path: Path, seed: int, seconds: float) -> list[Note]:
        """Let a child talk for so long, kill it, and give what it told up to its death."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path} {seed}\n".encode())
        pid = int((await self._line())["pid"])
        asyncio.get_running_loop().call_later(seconds, os.kill, pid, signal.SIGKILL)
        notes: list[Note] = []
        while "gone" not in (note := await self._line()):
            notes.append(note)
        assert note["gone"] == f"{-signal.SIGKILL}"
        return notes

    async def _line(self) -> Note:
        assert self._process.stdout is not None
        note: Note = json.loads(await self._process.stdout.readline())
        return note


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Start the program, and end it by taking its standard input away."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.sessions.crash_writer",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield Nursery(process)
    finally:
        process.stdin.close()
        await process.wait()


async def kill_and_check(tmp_path: Path, kills: int) -> int:
    """Kill that many writers, compare after each, and give the number of messages that were acknowledged."""
    chance = random.Random(kills)
    acknowledged = 0
    async with nursery() as program:
        for first in range(0, kills, KILLS_PER_STORE):
            path, ledger = tmp_path / f"{first}" / "palaver.db", Ledger()
            for seed in range(first, min(first + KILLS_PER_STORE, kills)):
                # The first ones of a store die while it is being made.
                seconds = chance.uniform(0, 0.02 if seed < first + 2 else 0.2)
                ledger.feed(await program.talk_and_die(path, seed, seconds))
                async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
                    await ledger.check(sessions, everything=seed % KILLS_PER_STORE == KILLS_PER_STORE - 1)
            acknowledged += ledger.messages
    return acknowledged


async def test_what_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    """After SIGKILL at random times every acknowledged message is there, in order, once; the rest is as it was left."""
    assert await kill_and_check(tmp_path, 50) > 500


@pytest.mark.soak
async def test_what_was_acknowledged_survives_a_thousand_kills(tmp_path: Path) -> None:
    """None of a hundred thousand acknowledged messages is lost over a thousand kills."""
    assert await kill_and_check(tmp_path, 1_000) >= 100_000


async def believe_too_early(tmp_path: Path) -> None:
    """Kill thirty writers, and take every message for acknowledged as soon as it is under way."""
    path, ledger = tmp_path / "palaver.db", Ledger()
    async with nursery() as program:
        for seed in range(30):
            ledger.feed(await program.talk_and_die(path, seed, 0.1))
            ledger.feed([{"who": who, "done": ""} for who, note in ledger.pending.items() if "text" in note])
            async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
                await ledger.check(sessions)


async def test_a_store_that_acknowledged_too_early_would_be_noticed(tmp_path: Path) -> None:
    """If what had only begun were taken for acknowledged, the comparison would fail at one of thirty kills."""
    with pytest.raises(AssertionError):
        await believe_too_early(tmp_path)


async def test_the_process_after_a_killed_one_need_not_wait(tmp_path: Path) -> None:
    """The lock of a killed process keeps nobody out, though its file is still there."""
    path = tmp_path / "palaver.db"
    async with nursery() as program:
        await program.talk_and_die(path, 1, 0.1)
    assert path.with_name("palaver.db.lock").exists()
    async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
        assert await sessions.verify() == []
