"""Channels: what can be measured of a whole bot: on the platforms' stand-ins, and with a channel that costs nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bot.models.backend import ModelBackend
from sessions.address import Address
from tests.benchmarks.filled import Content, filled_path, settle
from tests.benchmarks.instant import InstantChannel
from tests.benchmarks.own import PalaverStore
from tests.benchmarks.process import memory_mib
from tests.benchmarks.samples import at
from tests.benchmarks.service import Endless, attending, echo, serving, settings_of
from tests.benchmarks.stopwatch import Values
from tests.benchmarks.stores import OWN
from tests.benchmarks.workload import user

VISIT = Path(__file__).with_name("visit.py")
CONVERSATIONS, TURNS, WARM_UP = 20, 25, 3
AT_ONCE = 100  # people who are met side by side where only their number counts
KIB = 1024  # in a MiB


async def talk(work: Path, platform: str, people: int, seconds: float) -> Values:
    """Give the updates per second through a platform, end to end, and what each cost this process."""
    figures = await _visited(work, [platform, "talk", str(people), str(seconds)], echo())
    return {**figures, "cpu_ms": figures["busy"] / figures["updates_per_second"] * 1e3}


async def resets(work: Path, platform: str, people: int) -> Values:
    """Give the time from a reset during a reply to its answer."""
    return await _visited(work, [platform, "reset", str(people), "0"], Endless())


async def cost(work: Path, content: Content) -> Values:
    """Give our own cost of a turn, one after the other, in conversations of a store that was filled.

    The store itself is used: a copy takes longer than all the turns, which are few beside what it holds.
    """
    folder = filled_path(work, OWN, content)
    settle(folder)
    names = content.names()[:: max(1, content.sessions // CONVERSATIONS)][:CONVERSATIONS]
    taken: list[float] = []
    async with serving(settings_of(folder), echo()) as application:
        channel = InstantChannel(application, PalaverStore.address)
        used = 0.0
        for name in names:
            await _turns(channel, name, WARM_UP)
            before = time.process_time()
            taken += await _turns(channel, name, TURNS)
            used += time.process_time() - before
    cpu = used / len(taken)
    taken.sort()
    return {"p50_ms": at(taken, 0.5) * 1e3, "p99_ms": at(taken, 0.99) * 1e3, "cpu_ms": cpu * 1e3}


async def _turns(channel: InstantChannel, name: str, count: int) -> list[float]:
    """Do one turn after the other; give how long each took."""
    taken = []
    for number in range(count):
        began = time.perf_counter()
        answer = await channel.turn(name, user(number))
        taken.append(time.perf_counter() - began)
        if f"{number:09d}" not in answer:
            raise AssertionError("the answer is not the one to what was said")
    return taken


async def known(work: Path, people: int) -> Values:
    """Give the memory of a bot that so many people have spoken to once since it started."""
    with _folder(work) as folder:
        async with serving(settings_of(folder), echo()) as application:
            channel = InstantChannel(application, _chat_with)
            await channel.turn("first", user(0))
            before = memory_mib().now
            numbers = iter(range(people))
            await asyncio.gather(*(_meet(channel, numbers) for _ in range(AT_ONCE)))
            after = memory_mib()
    grown = (after.now - before) * KIB / people
    return {"now_mib": after.now, "peak_mib": after.peak, "empty_mib": before, "each_kib": grown}


def _chat_with(person: str) -> Address:
    return Address(platform="bench", account="1", chat_id=person, user_id=person)


async def _meet(channel: InstantChannel, numbers: Iterator[int]) -> None:
    for number in numbers:
        await channel.turn(f"p{number}", user(number))


async def _visited(work: Path, visit: list[str], backend: ModelBackend) -> Values:
    """Have a bot in this process visited by people in another one."""
    with _folder(work) as folder:
        async with _visit(visit) as process:
            environ = json.loads(await _line(process))
            async with attending(settings_of(folder, environ), backend):
                await _line(process)
                began, used = time.perf_counter(), time.process_time()
                figures: Values = json.loads(await _line(process))
                busy = (time.process_time() - used) / (time.perf_counter() - began)
    return {**figures, "busy": busy}


@asynccontextmanager
async def _visit(visit: list[str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(VISIT), *visit, stdin=PIPE, stdout=PIPE)
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _line(process: Process) -> bytes:
    line = b"" if process.stdout is None else await process.stdout.readline()
    if not line:
        raise RuntimeError("the visit broke off")
    return line


@contextmanager
def _folder(work: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=work, prefix="bot-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
