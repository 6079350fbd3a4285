"""A stand-in for PgBouncer in transaction mode, as far as the wire protocol makes a difference to a client.

Each transaction gets a server connection, the one that has waited longest, so that whatever somebody leaves on a
connection is not there the next time. Everybody is let in; the servers are reached through the socket of a server that
asks for no password.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_SSL, _GSS, _CANCEL, _VERSION = 80877103, 80877104, 80877102, 196608
# What a pooler keeps for each client; it refuses every other setting.
_KNOWN = {b"user", b"database", b"application_name", b"client_encoding", b"datestyle", b"timezone"}
_ANSWERED = (b"Q", b"S", b"F")  # each of these is followed by one ReadyForQuery
_BROKEN = (OSError, asyncio.IncompleteReadError)


@dataclass(slots=True, eq=False)
class Backend:
    """A connection to the server, which is nobody's between two transactions."""

    source: asyncio.StreamReader
    target: asyncio.StreamWriter
    greeting: bytes  # what the server says of itself
    key: bytes = b""


@dataclass(slots=True, eq=False)
class Client:
    """Somebody who believes to have a connection."""

    source: asyncio.StreamReader
    target: asyncio.StreamWriter
    startup: bytes = b""
    backend: Backend | None = None
    answering: asyncio.Task[None] | None = None
    awaited: int = 0  # answers that are still to come
    key: bytes = field(default=b"")


class Pooler:
    """Serves on a port of this machine with a few connections to one server."""

    def __init__(self, server: str, size: int) -> None:
        self._server, self._size = server, size
        self._idle: deque[Backend] = deque()
        self._all: set[Backend] = set()
        self._freed = asyncio.Condition()
        self._clients: dict[Client, asyncio.Task[None]] = {}
        self._listener: asyncio.Server | None = None
        self.port = 0
        self.refused: list[bytes] = []

    @classmethod
    @asynccontextmanager
    async def running(cls, server: str, *, size: int = 4) -> AsyncIterator[Pooler]:
        """Run one in front of the socket of a server until the block ends."""
        pooler = cls(server, size)
        await pooler.start()
        try:
            yield pooler
        finally:
            await pooler.stop()

    async def start(self) -> None:
        """Serve, on the same port as before if there was one."""
        self._listener = await asyncio.start_server(self._begin, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop everybody, in the middle of whatever they do."""
        assert self._listener is not None
        self._listener.close()
        tasks = list(self._clients.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for backend in list(self._all):
            self._drop(backend)
        self._idle.clear()
        await asyncio.sleep(0)  # they close with the next round

    def _begin(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        client = Client(source, target)
        task = asyncio.ensure_future(self._serve(client))
        self._clients[client] = task
        task.add_done_callback(lambda _: self._clients.pop(client, None))

    async def _serve(self, client: Client) -> None:
        try:
            if await self._let_in(client):
                while True:
                    kind, body = await _read(client.source)
                    if kind == b"X":
                        break
                    await self._pass_on(client, kind, body)
        except _BROKEN:
            pass
        finally:
            await self._see_off(client)

    async def _let_in(self, client: Client) -> bool:
        code, body = await _read_startup(client.source)
        while code in (_SSL, _GSS):
            client.target.write(b"N")
            code, body = await _read_startup(client.source)
        if code == _CANCEL:
            await self._cancel(body)
            return False
        names = body.split(b"\0")[0:-2:2]
        if strange := [name for name in names if name not in _KNOWN]:
            self.refused += strange
            client.target.write(_error(b"unsupported startup parameter: " + strange[0]))
            return False
        client.startup = body
        backend = await self._take(client)
        client.key = struct.pack("!II", id(client) & 0x7FFFFFFF, 1)
        client.target.write(_message(b"R", b"\0\0\0\0") + backend.greeting)
        client.target.write(_message(b"K", client.key) + _message(b"Z", b"I"))
        await self._give_back(backend)
        return True

    async def _pass_on(self, client: Client, kind: bytes, body: bytes) -> None:
        if client.backend is None:
            client.backend = await self._take(client)
            client.answering = asyncio.ensure_future(self._answer(client, client.backend))
        client.awaited += kind in _ANSWERED
        client.backend.target.write(_message(kind, body))
        await asyncio.sleep(0)

    async def _answer(self, client: Client, backend: Backend) -> None:
        try:
            while True:
                kind, body = await _read(backend.source)
                last = kind == b"Z"
                client.awaited -= last
                free = last and body == b"I" and client.awaited == 0
                if free:
                    client.backend = client.answering = None
                    await self._give_back(backend)
                client.target.write(_message(kind, body))
                if free:
                    return
        except _BROKEN:
            client.target.transport.abort()

    async def _see_off(self, client: Client) -> None:
        if client.answering is not None:
            client.answering.cancel()
            await asyncio.wait([client.answering])
        if client.backend is not None:
            self._drop(client.backend)  # in the middle of a transaction
            async with self._freed:
                self._freed.notify()
        client.target.close()
        with suppress(OSError):
            await client.target.wait_closed()

    async def _take(self, client: Client) -> Backend:
        async with self._freed:
            while not self._idle and len(self._all) >= self._size:
                await self._freed.wait()
            if len(self._all) >= self._size:
                return self._idle.popleft()
            backend = await self._connect(client.startup)
            self._all.add(backend)
            return backend

    async def _give_back(self, backend: Backend) -> None:
        async with self._freed:
            if backend in self._all:
                self._idle.append(backend)
            self._freed.notify()

    def _drop(self, backend: Backend) -> None:
        self._all.discard(backend)
        backend.target.transport.abort()

    async def _connect(self, startup: bytes) -> Backend:
        source, target = await asyncio.open_unix_connection(self._server)
        target.write(struct.pack("!II", 8 + len(startup), _VERSION) + startup)
        backend = Backend(source, target, b"")
        while True:
            kind, body = await _read(source)
            if kind == b"S":
                backend.greeting += _message(kind, body)
            elif kind == b"K":
                backend.key = body
            elif kind == b"Z":
                return backend
            elif kind == b"E":
                target.transport.abort()
                raise ConnectionError

    async def _cancel(self, key: bytes) -> None:
        for client in self._clients:
            if client.key == key and client.backend is not None:
                _, target = await asyncio.open_unix_connection(self._server)
                target.write(struct.pack("!II", 8 + len(client.backend.key), _CANCEL) + client.backend.key)
                target.close()
                await target.wait_closed()


async def _read(source: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await source.readexactly(5)
    return head[:1], await source.readexactly(int.from_bytes(head[1:]) - 4)


async def _read_startup(source: asyncio.StreamReader) -> tuple[int, bytes]:
    length, code = struct.unpack("!II", await source.readexactly(8))
    return code, await source.readexactly(length - 8)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _error(words: bytes) -> bytes:
    return _message(b"E", b"SFATAL\0VFATAL\0C08P01\0M" + words + b"\0\0")
