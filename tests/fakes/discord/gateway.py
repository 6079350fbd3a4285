"""The gateway: websockets, sessions, heartbeats and resuming."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable

from aiohttp import WSMsgType, web

from tests.fakes.discord import event as events
from tests.fakes.discord.document import Document
from tests.fakes.discord.event import Event
from tests.fakes.discord.packing import packer
from tests.fakes.discord.place import Guild
from tests.fakes.discord.rate import Rate, Window
from tests.fakes.discord.session import (
    ACK,
    HEARTBEAT,
    HELLO,
    IDENTIFY,
    INVALID,
    REQUEST_MEMBERS,
    RESUME,
    Connection,
    Session,
)
from tests.fakes.discord.world import World

_UNKNOWN_OP, _DECODE, _NOT_AUTHENTICATED, _BAD_TOKEN = 4001, 4002, 4003, 4004
_TOO_FAST, _BAD_SHARD, _BAD_VERSION, _DISALLOWED = 4008, 4010, 4012, 4014
_SENDS = Rate(120, 60.0)
_LARGEST_BYTES, _DAY_MS, IDENTIFIES_A_DAY = 4096, 86_400_000, 1000
_ENDS_SESSION = (1000, 1001)


class Gateway:
    """What bots connect to. `identifies` counts how often a session was started anew, `resumes` how often continued."""

    def __init__(self, world: World, *, heartbeat: float, shards: int) -> None:
        self.world, self.heartbeat, self.shards = world, heartbeat, shards
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.identifies = self.resumes = 0
        self.acks, self.duplicates, self.drops = True, (0, 1), 0
        self.held: list[Event] | None = None
        self.url = ""
        self.changed: Callable[[], None] = world.chronicle.touch
        world.emit = self.emit

    def emit(self, event: Event) -> None:
        """Hand an event to every session that it is for, unless a fault says otherwise."""
        if self.drops:
            self.drops -= 1
        elif self.held is not None:
            self.held.append(event)
        else:
            self._hand_out(event)

    def _hand_out(self, event: Event) -> None:
        for session in self.sessions.values():
            if session.covers(event.guild.id if event.guild else None):
                data = event.seen_with(session.intents)
                if data is not None:
                    session.dispatch(event.kind, data, times=self._times())

    def release(self, *, reverse: bool) -> None:
        """Hand out what was held back."""
        events_held, self.held = self.held or [], None
        for event in reversed(events_held) if reverse else events_held:
            self._hand_out(event)

    def connected(self) -> list[Session]:
        """Give the sessions that have a connection now."""
        return [session for session in self.sessions.values() if session.connection]

    def document(self) -> Document:
        """Write the answer of GET /gateway/bot."""
        left = max(0, IDENTIFIES_A_DAY - self.identifies)
        limit = {"total": IDENTIFIES_A_DAY, "remaining": left, "reset_after": _DAY_MS, "max_concurrency": 1}
        return {"url": self.url, "shards": self.shards, "session_start_limit": limit}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        pack = packer(request.query.get("compress"))
        socket = web.WebSocketResponse(max_msg_size=64 * 1024, timeout=0.2)
        await socket.prepare(request)
        if pack is None or request.query.get("encoding", "json") != "json" or request.query.get("v") not in ("9", "10"):
            await socket.close(code=_BAD_VERSION)
            return socket
        connection = Connection(socket, pack, lambda: request.transport.abort() if request.transport else None)
        connection.send(HELLO, {"heartbeat_interval": int(self.heartbeat * 1000)})
        writer = asyncio.create_task(connection.write())
        self.connections.append(connection)
        try:
            await self._read(connection)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self.connections.remove(connection)
            self._ended(connection, socket.close_code)
        return socket

    async def _read(self, connection: Connection) -> None:
        sent = Window()
        async for message in connection.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            if sent.take(_SENDS, time.monotonic()) > 0:
                connection.close(_TOO_FAST)
                continue
            try:
                payload = json.loads(message.data) if len(message.data) <= _LARGEST_BYTES else None
            except ValueError:
                payload = None
            if isinstance(payload, dict):
                self._received(connection, payload)
            else:
                connection.close(_DECODE)

    def _received(self, connection: Connection, payload: Document) -> None:
        op, data = payload.get("op"), payload.get("d")
        session = next((one for one in self.sessions.values() if one.connection is connection), None)
        if op == HEARTBEAT:
            if self.acks:
                connection.send(ACK)
        elif op == IDENTIFY and isinstance(data, dict):
            self._identify(connection, data)
        elif op == RESUME and isinstance(data, dict):
            self._resume(connection, data)
        elif session is None:
            connection.close(_NOT_AUTHENTICATED)
        elif op == REQUEST_MEMBERS and isinstance(data, dict):
            self._members(session, data)
        elif op not in (3, 4):
            connection.close(_UNKNOWN_OP)

    def _identify(self, connection: Connection, data: Document) -> None:
        intents, shard = int(data.get("intents", 0)), tuple(data.get("shard") or (0, 1))
        self.identifies += 1
        if code := self._objection(data, intents, shard):
            connection.close(code)
            return
        for old in [one for one in self.sessions.values() if one.shard == shard and not one.connection]:
            del self.sessions[old.id]
        session = Session(secrets.token_hex(16), (int(shard[0]), int(shard[1])), intents, connection)
        self.sessions[session.id] = session
        self._greet(session)
        self.changed()

    def _objection(self, data: Document, intents: int, shard: tuple[int, ...]) -> int:
        content = 0 if self.world.message_content else events.MESSAGE_CONTENT
        if data.get("token") != self.world.token:
            return _BAD_TOKEN
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            return _BAD_SHARD
        return _DISALLOWED if intents & (content | events.GUILD_MEMBERS | events.PRESENCES) else 0

    def _greet(self, session: Session) -> None:
        world = self.world
        guilds = [guild for guild in world.guilds.values() if guild.has_bot and session.covers(guild.id)]
        ready = {
            "v": 10,
            "user": world.bot.document(),
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "shard": list(session.shard),
            "application": {"id": str(world.application_id), "flags": app_flags(world)},
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "user_settings": {},
        }
        session.dispatch("READY", ready)
        for guild in guilds if session.intents & events.GUILDS else ():
            session.dispatch("GUILD_CREATE", guild.document(world.bot))

    def _resume(self, connection: Connection, data: Document) -> None:
        if data.get("token") != self.world.token:
            connection.close(_BAD_TOKEN)
            return
        session = self.sessions.get(str(data.get("session_id")))
        if session is None:
            connection.send(INVALID, False)
            return
        session.connection = connection
        if not session.replay(int(data.get("seq") or 0)):
            session.connection = None
            connection.send(INVALID, False)
            return
        self.resumes += 1
        session.dispatch("RESUMED", {})
        self.changed()

    def _members(self, session: Session, data: Document) -> None:
        guild = self.world.guilds.get(int(str(data.get("guild_id"))))
        people = _matching(guild, self.world, data) if guild and guild.has_bot else []
        chunk = {"guild_id": data.get("guild_id"), "members": people, "chunk_index": 0, "chunk_count": 1}
        session.dispatch("GUILD_MEMBERS_CHUNK", {**chunk, "not_found": [], "nonce": data.get("nonce")})

    def _ended(self, connection: Connection, code: int | None) -> None:
        for session in [one for one in self.sessions.values() if one.connection is connection]:
            session.connection = None
            if code in _ENDS_SESSION:
                del self.sessions[session.id]
        self.changed()

    def _times(self) -> int:
        left, times = self.duplicates
        if left:
            self.duplicates = (left - 1, times)
        return times if left else 1


def app_flags(world: World) -> int:
    """Give the application's flags: whether it may read content."""
    return 1 << 19 if world.message_content else 0


def _matching(guild: Guild, world: World, data: Document) -> list[Document]:
    wanted = data.get("user_ids")
    ids = {str(one) for one in (wanted if isinstance(wanted, list) else [wanted])} if wanted else None
    start = str(data.get("query") or "").lower()
    people = [one for one in (*guild.members, world.bot) if ids is None or str(one.id) in ids]
    return [one.member() for one in people if one.name.lower().startswith(start)]
