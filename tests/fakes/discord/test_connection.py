"""The gateway without discord.py, which does nothing wrong."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.fakes.discord.document import Document
from tests.fakes.discord.server import FakeDiscord

IDENTIFY: Document = {"token": "a-token", "intents": 1, "properties": {}}


@asynccontextmanager
async def connected(fake: FakeDiscord, more: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Connect without any library of the platform."""
    url = f"{fake.gateway_url}?v=10&encoding=json{more}"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        yield socket


async def closed_with(fake: FakeDiscord, *sent: object, query: str = "v=10&encoding=json") -> int | None:
    """Send all, and give the code that the fake closes with."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{fake.gateway_url}?{query}") as socket:
        for one in sent:
            await (socket.send_str(one) if isinstance(one, str) else socket.send_json(one))
        async for _ in socket:
            pass
        return socket.close_code


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 4002),
        ("x" * 4097, 4002),
        ({"op": 8, "d": {}}, 4003),
        ({"op": 2, "d": {**IDENTIFY, "token": "another"}}, 4004),
        ({"op": 6, "d": {"token": "another", "session_id": "x", "seq": 1}}, 4004),
        ({"op": 2, "d": {**IDENTIFY, "shard": [1, 1]}}, 4010),
        ({"op": 2, "d": {**IDENTIFY, "intents": 1 << 8}}, 4014),
    ],
)
async def test_what_is_wrong_is_answered_with_its_code(sent: object, code: int) -> None:
    """The gateway closes with the code that the platform documents."""
    async with FakeDiscord.running() as fake:
        assert await closed_with(fake, sent) == code


@pytest.mark.parametrize("query", ["v=10&encoding=etf", "v=10&encoding=json&compress=lzma", "encoding=json&v=5"])
async def test_what_is_not_spoken_here_is_refused(query: str) -> None:
    """Another version, encoding or compression ends the connection."""
    async with FakeDiscord.running() as fake:
        assert await closed_with(fake, query=query) == 4012


async def test_who_sends_too_fast_is_cut_off() -> None:
    """More than 120 messages in a minute end the connection."""
    async with FakeDiscord.running() as fake:
        assert await closed_with(fake, *[{"op": 1, "d": None}] * 121) == 4008


async def test_a_session_that_nobody_knows_is_invalid() -> None:
    """Resuming an unknown session is answered with op 9."""
    async with FakeDiscord.running() as fake, connected(fake) as socket:
        assert (await socket.receive_json())["op"] == 10
        await socket.send_json({"op": 6, "d": {"token": "a-token", "session_id": "x", "seq": 1}})
        assert await socket.receive_json() == {"op": 9, "d": False, "t": None, "s": None}


async def test_what_is_sent_can_be_one_compressed_stream() -> None:
    """With zlib-stream every message ends in a flush of one stream."""
    stream = zlib.decompressobj()
    async with FakeDiscord.running() as fake, connected(fake, "&compress=zlib-stream") as socket:
        await socket.send_json({"op": 2, "d": IDENTIFY})
        packed = [await socket.receive_bytes() for _ in range(2)]
    assert all(one.endswith(b"\x00\x00\xff\xff") for one in packed)
    assert b'"heartbeat_interval": 41250' in stream.decompress(packed[0])
    assert b'"t": "READY"' in stream.decompress(packed[1])
