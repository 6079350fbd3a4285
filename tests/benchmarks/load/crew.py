"""Crew: the workers and the town, as processes, and how they are told what to do."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.load.member import ANSWER_SECONDS
from tests.benchmarks.own import KEY
from tests.bot.running import TELEGRAM_TOKEN

TOWN, MEMBER = (Path(__file__).with_name(f"{name}.py") for name in ("town", "member"))
ENDING = 20.0  # seconds until a process that was told to end is killed
LONGEST_LINE = 64 * 1024 * 1024
Seen = dict[str, Any]


@dataclass(slots=True)
class TownProcess:
    """The town."""

    process: Process
    url: str = ""

    async def order(self, **order: float) -> Seen:
        """Have something done, and give what was seen."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> Seen:
        """Read the next line."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("the town broke off")
        seen: Seen = json.loads(line)
        return seen


@dataclass(slots=True)
class Crew:
    """The workers on one database."""

    home: Path
    environ: Mapping[str, str]
    members: list[Process] = field(default_factory=list)

    async def add(self) -> Process:
        """Start a worker, and wait until it has begun."""
        process = await _start(MEMBER, environ=self.environ, stderr=(self.home / f"{len(self.members)}.log"))
        self.members.append(process)
        assert process.stdout is not None
        if await process.stdout.readline() != b"begun\n":
            raise RuntimeError("a worker did not begin")
        return process

    def kill(self, member: Process) -> None:
        """End a worker as a fault would."""
        member.send_signal(signal.SIGKILL)
        self.members.remove(member)

    async def end(self) -> None:
        """Have all workers end in order."""
        for member in self.members:
            member.terminate()
        await asyncio.gather(*map(_ended, self.members))
        self.members.clear()


@asynccontextmanager
async def town(people: int, errors: Path) -> AsyncIterator[TownProcess]:
    """Open a town with so many people."""
    process = await _start(TOWN, str(people), environ={}, stderr=errors)
    found = TownProcess(process)
    try:
        found.url = str((await found.answer())["url"])
        yield found
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await _ended(process)


@asynccontextmanager
async def crew(home: Path, database: str, url: str, *, answer_seconds: float, lease: int) -> AsyncIterator[Crew]:
    """Have workers for a town, one that shares with nobody if `lease` is 0; none of them outlives the block."""
    environ = {**environ_of(home, database, url, lease=lease), ANSWER_SECONDS: str(answer_seconds)}
    found = Crew(home, environ)
    try:
        yield found
    finally:
        await found.end()


def environ_of(home: Path, database: str, url: str, *, lease: int) -> dict[str, str]:
    """Give the settings of a worker; everybody may speak, as fast as they like."""
    shared = {"PALAVER_STORE__WORKERS": "many", "PALAVER_STORE__LEASE_SECONDS": str(lease)}
    return {
        **(shared if lease else {}),
        "PALAVER_HOME": str(home),
        "PALAVER_KEY": base64.b64encode(KEY).decode(),
        "PALAVER_STORE__URL": database,
        "PALAVER_SESSIONS__TIMEZONE": "UTC",
        "PALAVER_ACCESS__MODE": "open",
        "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0",
        "PALAVER_TELEGRAM__TOKEN": TELEGRAM_TOKEN,
        "PALAVER_TELEGRAM__API_URL": url,
    }


async def _start(program: Path, *arguments: str, environ: Mapping[str, str], stderr: Path) -> Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PALAVER_")}
    with stderr.open("wb") as errors:  # a file of its own, opened once
        return await asyncio.create_subprocess_exec(
            sys.executable, str(program), *arguments,
            stdin=PIPE, stdout=PIPE, stderr=errors, env={**kept, **environ}, limit=LONGEST_LINE,
        )  # fmt: skip


async def _ended(process: Process) -> None:
    try:
        async with asyncio.timeout(ENDING):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
