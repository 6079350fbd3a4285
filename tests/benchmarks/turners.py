"""Turners: one or more processes that do turns on one database at the same time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.stopwatch import Values

PROGRAM = Path(__file__).with_name("turner.py")
ENDING = 30.0


class Kind(NamedTuple):
    """A store by its module and class, and the interpreter that has its package; None for this one."""

    module: str
    adapter: str
    python: Path | None = None

    def is_there(self) -> bool:
        """Tell whether its package is installed."""
        if self.python is None:
            return True
        if not self.python.exists():
            return False
        command = [str(self.python), "-c", "import langgraph.checkpoint.postgres, sqlalchemy, asyncpg"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Turners:
    """Processes that are ready: each has filled sessions of its own."""

    processes: Sequence[Process]

    async def turns(self, seconds: float, *, clients: int = 0) -> Values:
        """Have all do turns at once, in all their sessions or in so many; give what they did together."""
        asked = json.dumps({"seconds": seconds, "clients": clients}).encode() + b"\n"
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(asked)
        seen = await asyncio.gather(*map(_answer, self.processes))
        done = sum(one["turns"] for one in seen)
        return {
            "tps": sum(one["turns"] / one["seconds"] for one in seen),
            "p50_ms": max(one["p50_ms"] for one in seen),
            "p99_ms": max(one["p99_ms"] for one in seen),
            "cpu_ms": sum(one["cpu"] for one in seen) / done * 1e3,
            "turns": done,
        }


@asynccontextmanager
async def turners(kind: Kind, work: Path, address: str, count: int, sessions: int) -> AsyncIterator[Turners]:
    """Have so many processes, which share so many sessions among them; none outlives the block, their folders do."""
    processes: list[Process] = []
    try:
        for number in range(count):
            about = {
                "module": kind.module,
                "adapter": kind.adapter,
                "folder": tempfile.mkdtemp(dir=work),
                "address": address,
                "sessions": sessions // count,
                "prefix": f"w{number}-",
            }
            command = [str(kind.python or sys.executable), str(PROGRAM), json.dumps(about)]
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
            processes.append(process)
            await _answer(process)  # one after the other: the first makes the tables
        yield Turners(processes)
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        await asyncio.gather(*map(_end, processes))


async def _answer(process: Process) -> Values:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("a process that does turns broke off")
    seen: Values = json.loads(line)
    return seen


async def _end(process: Process) -> None:
    try:
        async with asyncio.timeout(ENDING):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
