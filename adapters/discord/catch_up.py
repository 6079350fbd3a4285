"""CatchUp: finds over REST what was written while nobody listened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import discord

from adapters.discord.refusals import MISHAPS
from adapters.discord.seen import MOST, Seen
from sessions.errors import SessionError
from sessions.manager import SessionManager
from sessions.message import JsonValue

NOTE = "discord/seen"
BETWEEN_NOTES = 30.0  # seconds
_AT_ONCE, _MOST = 4, 100  # channels that are asked at a time, messages of each
log = logging.getLogger(__name__)

Hear = Callable[[discord.Message], Awaitable[None]]
"""Takes a message as if it had just come in."""


class CatchUp:
    """Remembers how far each channel was read, and reads on where the gateway left off."""

    def __init__(self, sessions: SessionManager, account: str, hear: Hear, clock: Callable[[], float]) -> None:
        self._sessions, self._account, self._hear, self._clock = sessions, account, hear, clock
        self._seen = Seen()
        self._changed = asyncio.Event()
        self._written: dict[str, object] = {}
        self._busy: set[int] = set()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read where it stood, and keep that up to date from now on."""
        await self.learn()
        self._spawn(self._keep())

    async def learn(self) -> None:
        """Read how far other workers have read: what they listened to may be this one's now."""
        self._seen.load(await self._sessions.note(NOTE), self._account)

    async def tell(self) -> None:
        """Note how far was read, for other workers that go on with it."""
        await self._write()

    def knows(self, channel: int) -> bool:
        """Tell whether anything was ever taken in from a channel."""
        return channel in self._seen.marks

    def read(self, message: discord.Message) -> None:
        """Note that a message was read, whomever it was for."""
        self._seen.read(message.channel.id, message.id)
        self._changed.set()

    def handled(self, channel: int, guild: int | None, message: int) -> None:
        """Note that a message was taken in."""
        self._seen.handled(channel, guild, message, self._clock())
        self._changed.set()

    def connected(self, client: discord.Client) -> None:
        """Look everywhere: what came before this session of the gateway was not told."""
        self._seen.open(self._clock())
        self._search(client, None)

    def available(self, client: discord.Client, guild: int) -> None:
        """Look in a server that is there again."""
        self._seen.open(self._clock(), guild)
        self._search(client, guild)

    async def stop(self) -> None:
        """Stop looking, and note where it stands."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._write()

    def _search(self, client: discord.Client, guild: int | None) -> None:
        for channel in self._seen.gaps.keys() - self._busy:
            mark = self._seen.marks.get(channel)
            if guild is None or (mark is not None and mark.guild == guild):
                self._busy.add(channel)
                self._spawn(self._look(client, channel))

    async def _look(self, client: discord.Client, channel: int) -> None:
        try:
            async with self._room:
                await self._read_on(client, channel)
            self._seen.gaps.pop(channel, None)
            self._changed.set()
        except (discord.Forbidden, discord.NotFound):
            self._seen.gaps.pop(channel, None)
            log.info("a channel can not be read any more")
        except MISHAPS as error:
            log.warning("what came meanwhile in a channel could not be read: %s", type(error).__name__)
        finally:
            self._busy.discard(channel)

    async def _read_on(self, client: discord.Client, channel: int) -> None:
        place = client.get_channel(channel) or await client.fetch_channel(channel)
        if not isinstance(place, discord.abc.Messageable):
            return
        after = discord.Object(self._seen.gaps[channel])
        async for message in place.history(after=after, limit=_MOST, oldest_first=True):
            await self._hear(message)

    async def _keep(self) -> None:
        while True:
            await self._changed.wait()
            await self._write()
            await asyncio.sleep(BETWEEN_NOTES)

    async def _write(self) -> None:
        self._changed.clear()
        said = self._seen.written(self._account)
        if said == self._written:
            return
        try:
            await self._sessions.change_note(NOTE, partial(merged, said))
            self._written = dict(said)
        except SessionError as error:
            log.warning("how far was read could not be noted: %s", type(error).__name__)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def merged(ours: Mapping[str, JsonValue], noted: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Add what this program has read to what others noted: of each channel the newest mark counts.

    What is noted of another account is forgotten, and so are the channels that were quiet longest.
    """
    marks, known = _marks(ours), _marks(noted) if noted.get("account") == ours.get("account") else {}
    for channel, mark in known.items():
        if channel not in marks or _order(mark) > _order(marks[channel]):
            marks[channel] = mark
    newest = sorted(marks.items(), key=lambda one: int(str(one[1][2])))[-MOST:]
    return {**ours, "channels": {channel: list(mark) for channel, mark in newest}}


def _marks(said: Mapping[str, JsonValue]) -> dict[str, list[JsonValue]]:
    channels = said.get("channels")
    whole = channels if isinstance(channels, dict) else {}
    return {channel: mark for channel, mark in whole.items() if isinstance(mark, list) and len(mark) == 3}


def _order(mark: list[JsonValue]) -> tuple[int, int]:
    return int(str(mark[0])), int(str(mark[2]))
