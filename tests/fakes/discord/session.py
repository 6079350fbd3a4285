"""One session of the gateway: what it was sent, and the connection that it has now, if any."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, web

from tests.fakes.discord.document import Document
from tests.fakes.discord.packing import Packer

_KEPT_EVENTS = 10_000
DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT = 0, 1, 2, 6, 7
REQUEST_MEMBERS, INVALID, HELLO, ACK = 8, 9, 10, 11


class Connection:
    """A websocket that sends in order, without anybody waiting for it."""

    def __init__(self, socket: web.WebSocketResponse, pack: Packer, cut: Callable[[], None]) -> None:
        self.socket, self._pack, self.cut = socket, pack, cut
        self._queue: asyncio.Queue[Document | int] = asyncio.Queue()

    def send(self, op: int, data: object = None, *, kind: str | None = None, seq: int | None = None) -> None:
        """Send one message."""
        self._queue.put_nowait({"op": op, "d": data, "t": kind, "s": seq})

    def close(self, code: int = WSCloseCode.OK) -> None:
        """Close with a code, after what was sent before."""
        self._queue.put_nowait(code)

    async def write(self) -> None:
        """Send what is queued until the end."""
        while True:
            item = await self._queue.get()
            if isinstance(item, int):
                await self.socket.close(code=item)
                return
            packed = self._pack(json.dumps(item))
            if isinstance(packed, str):
                await self.socket.send_str(packed)
            else:
                await self.socket.send_bytes(packed)


@dataclass(slots=True, eq=False)
class Session:
    """What RESUME can go on with."""

    id: str
    shard: tuple[int, int]
    intents: int
    connection: Connection | None = None
    seq: int = 0
    log: deque[tuple[int, str, Document]] = field(default_factory=lambda: deque(maxlen=_KEPT_EVENTS))

    def dispatch(self, kind: str, data: Document, *, times: int = 1) -> None:
        """Send an event, or keep it for RESUME."""
        self.seq += 1
        self.log.append((self.seq, kind, data))
        for _ in range(times):
            if self.connection:
                self.connection.send(DISPATCH, data, kind=kind, seq=self.seq)

    def replay(self, after: int) -> bool:
        """Send again all after a sequence number, if all of it is still there."""
        if after > self.seq or (self.log and self.log[0][0] > after + 1):
            return False
        for seq, kind, data in list(self.log):
            if seq > after and self.connection:
                self.connection.send(DISPATCH, data, kind=kind, seq=seq)
        return True

    def covers(self, guild_id: int | None) -> bool:
        """Tell whether this shard is the one for a server, or for direct messages."""
        index, count = self.shard
        return (guild_id >> 22) % count == index if guild_id else index == 0
