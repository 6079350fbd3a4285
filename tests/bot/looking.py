"""A bot with its server for operations, and what that server says."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.operations_server import OperationsServer
from bot.prometheus_meter import PrometheusMeter
from bot.readiness import Readiness
from bot.spans import NOT_TRACED, Spans
from bot.watch import Watch
from tests.bot.running import Bot, running

_LINE = re.compile(r"^([a-z_]+)(\{[^}]*\})? (\S+)$", re.MULTILINE)


def free_address() -> str:
    """Give an address on this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    text: str
    media_type: str


async def get(address: str, path: str, *, method: str = "GET") -> Answered:
    """Ask the server for operations."""
    async with aiohttp.ClientSession() as client, client.request(method, f"http://{address}{path}") as answer:
        return Answered(answer.status, await answer.text(), answer.content_type)


async def numbers(address: str) -> Mapping[str, float]:
    """Give every number of /metrics under its name and labels."""
    page = (await get(address, "/metrics")).text
    return {name + (labels or ""): float(value) for name, labels, value in _LINE.findall(page)}


@dataclass(frozen=True)
class Looking:
    """A bot that is looked at; a clock of its own decides how long an answer of the store counts."""

    bot: Bot
    readiness: Readiness
    address: str

    async def numbers(self) -> Mapping[str, float]:
        """Give every number of /metrics under its name and labels."""
        return await numbers(self.address)


@asynccontextmanager
async def looked_at(
    home: Path,
    environ: Mapping[str, str],
    *,
    platforms: tuple[str, ...] = ("telegram",),
    backend: str = "echo",
    clock: Callable[[], float] = time.time,
    ready_clock: Callable[[], float] = time.monotonic,
    spans: Spans = NOT_TRACED,
) -> AsyncIterator[Looking]:
    """Run a bot with its server for operations until the block ends."""
    meter, address = PrometheusMeter(platforms, backend, "1.2.3"), free_address()
    async with running(home, environ, clock=clock, paced=False, watch=Watch(meter, spans)) as bot:
        readiness = Readiness(bot.sessions, bot.channels, ready_clock)
        async with OperationsServer(address, readiness, meter.page):
            yield Looking(bot, readiness, address)
