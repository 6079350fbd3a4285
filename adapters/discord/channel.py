"""DiscordChannel: one bot account on Discord."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

import aiohttp
import discord
from discord.gateway import KeepAliveHandler

from adapters.channel import Handler, Suggester
from adapters.discord.client import PalaverClient, route
from adapters.discord.desk import Desk, mailbox_name
from adapters.discord.errors import IntentMissing, TokenRefused
from adapters.discord.interactions import Interaction, Interactions, Knows
from adapters.discord.place import PLATFORM
from adapters.discord.refusals import MISHAPS
from adapters.discord.shards import ALL, Shards, ShardTable
from adapters.discord.target import Target
from adapters.discord.tree import Tree
from adapters.discord.wire import Wire
from adapters.envelope import Envelope
from adapters.menu import MenuCommand
from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.pauses import Pauses
from adapters.reply import Reply
from sessions.address import Address
from sessions.errors import SessionError
from sessions.manager import SessionManager

COMMANDS = "discord/commands"  # the note of which commands Discord was told
FIRST_PAUSE = 4.0  # seconds between attempts to connect; at least half of it passes
_BAD_TOKEN, _BAD_INTENTS = 4004, 4014
_THREAD_PATIENCE = 1.0  # seconds
log = logging.getLogger(__name__)


class DiscordChannel:
    """Connects, and connects again; `always` are channels in which everything is for the bot.

    `knows` tells who may speak; the answers to everybody else are theirs alone to see. `shards` are those to connect;
    if not given, all, or this worker's part of them.
    `api_url` and `gateway_url` are those of proxies. They hold for the whole process, as discord.py keeps them.
    """

    platform = PLATFORM

    def __init__(
        self,
        *,
        token: str,
        sessions: SessionManager,
        menu: Sequence[MenuCommand],
        suggester: Suggester,
        knows: Knows,
        api_url: str | None = None,
        gateway_url: str | None = None,
        always: Collection[str] = (),
        shards: Shards | None = None,
        clock: Callable[[], float] = time.time,
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        self._token, self._sessions, self._menu = token, sessions, menu
        self._suggester, self._knows = suggester, knows
        self._api_url, self._gateway_url, self._clock = api_url, gateway_url, clock
        self._always = frozenset(map(int, always))
        self._wire, self._meter = Wire(), meter
        self._trouble, self._standing_by = "starting", False
        self._shards = ShardTable(sessions, shards)
        self._client: PalaverClient | None = None
        self._desk: Desk | None = None
        self._interactions: Interactions | None = None
        self._stopped = asyncio.Event()

    # -- the channel -----------------------------------------------------------------------------

    async def run(self, handler: Handler) -> None:
        """Receive and answer until `drain` or being cancelled; raises `TokenRefused` or `IntentMissing`."""
        route(self._api_url, self._gateway_url)
        pauses = Pauses(FIRST_PAUSE)
        try:
            while not self._stopped.is_set():
                try:
                    if await self._attend(handler):
                        continue  # other shards are ours now
                    return
                except discord.LoginFailure:
                    raise TokenRefused from None
                except discord.PrivilegedIntentsRequired:
                    raise IntentMissing from None
                except discord.ConnectionClosed as closed:
                    _tell_why(closed)
                    self._trouble = "disconnected"
                    log.warning("Discord closed the connection with code %s", closed.code)
                except MISHAPS as error:
                    self._trouble = "unreachable"
                    log.warning("Discord can not be reached (%s); trying again", type(error).__name__)
                except RuntimeError:
                    if not self._stopped.is_set():  # else it was closed while it was about to connect
                        raise
                await pauses.wait(self._stopped)
        finally:
            await self.stop()
            await self.drain(0)

    async def notify(self, address: Address, reply: Reply) -> None:
        """Post something that answers no message; before the first connection it is kept for then."""
        try:
            envelope = Envelope(Target.of(address).encode(), reply)
        except ValueError:
            log.warning("an address is none of Discord's")
            return
        if self._desk is not None and self._desk.account == address.account:
            await self._desk.courier.post(envelope)
        else:
            mailbox = self._sessions.mailbox
            await mailbox.post(mailbox.parcel(mailbox_name(address.account), envelope.encode(), envelope.place))

    @property
    def shards(self) -> tuple[int, ...]:
        """The shards that are connected here."""
        return () if self._client is None else tuple(sorted(self._client.shards))

    def place(self, address: Address) -> str:
        """Give the channel or thread of an address."""
        return Envelope(Target.of(address).encode(), Reply(text="")).place

    def trouble(self) -> str | None:
        """Say in one word what keeps it from receiving; None while it does."""
        client = self._client
        if self._standing_by:
            return None  # other workers have all the connections there are
        if client is None or client.is_closed() or not client.is_ready():
            return self._trouble
        return "disconnected" if any(shard.is_closed() for shard in client.shards.values()) else None

    async def stop(self) -> None:
        """Leave the gateway and take in nothing more; what was taken in goes on."""
        self._stopped.set()
        if self._client is not None and not self._client.is_closed():
            shards = [asyncio.ensure_future(shard.disconnect()) for shard in self._client.shards.values()]
            if shards:
                await asyncio.wait(shards)
        if self._desk is not None:
            await self._desk.stop()

    async def drain(self, seconds: float) -> None:
        """Go on handling and delivering for a while, then end `run`."""
        if self._desk is not None:
            await self._desk.drain(seconds)
        if self._client is not None:
            await self._client.close()
            await _heartbeats_ended(self._client)

    # -- what the client hears -------------------------------------------------------------------

    def heard(self, message: discord.Message) -> None:
        """Take a new message."""
        if self._desk is not None and not self._stopped.is_set():
            self._desk.heard(message)

    def changed(self, message: discord.Message) -> None:
        """Take a message that was changed."""
        if self._desk is not None and not self._stopped.is_set():
            self._desk.changed(message)

    async def pressed(self, interaction: Interaction) -> None:
        """Take the press of a button."""
        if self._interactions is not None and not self._stopped.is_set():
            await self._interactions.pressed(interaction)

    def connected(self) -> None:
        """Look for what came before this session of the gateway."""
        if self._desk is not None and self._client is not None and not self._stopped.is_set():
            self._desk.catch_up.connected(self._client)

    def available(self, guild: int) -> None:
        """Look for what came while a server was away."""
        if self._desk is not None and self._client is not None and not self._stopped.is_set():
            self._desk.catch_up.available(self._client, guild)

    async def _used(self, interaction: Interaction, command: MenuCommand, options: Mapping[str, str | int]) -> None:
        if self._interactions is not None and not self._stopped.is_set():
            await self._interactions.used(interaction, command, options)

    async def _completed(self, interaction: Interaction, command: MenuCommand, typed: str) -> Sequence[tuple[str, str]]:
        return await self._interactions.completed(interaction, command, typed) if self._interactions else ()

    # -- connecting ------------------------------------------------------------------------------

    async def _attend(self, handler: Handler) -> bool:
        """Connect, and stay connected as long as discord.py can; tell whether it is to be done again."""
        follows = self._api_url is not None or self._gateway_url is not None
        self._client = client = PalaverClient(self, self._gateway_url, follows=follows)
        tree = Tree(client, self._menu, invoke=self._used, complete=self._completed)
        syncing: asyncio.Task[None] | None = None
        try:
            await client.login(self._token)
            self._wire.client = client
            account = str(client.user.id if client.user else 0)
            log.info("Discord knows this bot as %s", client.user)
            await self._open_desk(account, handler)
            syncing = asyncio.get_running_loop().create_task(self._sync(tree, account))
            return await self._connect(client, account)
        finally:
            if syncing is not None:
                syncing.cancel()
                await asyncio.wait({syncing})
            await client.close()

    async def _connect(self, client: PalaverClient, account: str) -> bool:
        """Connect the shards that are ours until others are; True then."""

        async def needed() -> int:
            return (await client.sessions_left()).needed

        self._standing_by = True
        try:
            shards = await self._shards.settle(account, needed, self._stopped)
        finally:
            self._standing_by = False
        if shards is None:
            return False
        if shards is not ALL:
            client.take(shards)
        if not await self._may_connect(client):
            return False
        if self._desk is not None and shards.ids is not None:
            await self._desk.catch_up.learn()
        connecting = asyncio.ensure_future(client.connect())
        changed = asyncio.ensure_future(self._shards.changed())
        try:
            await asyncio.wait({connecting, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            if not connecting.done():
                await client.close()
                if self._desk is not None:
                    await self._desk.catch_up.tell()
        await connecting
        return changed.done() and not self._stopped.is_set()

    async def _may_connect(self, client: PalaverClient) -> bool:
        """Wait until sessions may be begun: one too many ends all others and voids the token. False when stopped."""
        while not self._stopped.is_set():
            left = await client.sessions_left()
            if left.remaining >= left.needed:
                return True
            self._trouble = "limited"
            wait = max(FIRST_PAUSE, left.seconds)
            log.warning(
                "Discord lets no more sessions begin today (%d are left, %d needed), as happens when a bot is started "
                "very often; trying again in %d minutes",
                left.remaining,
                left.needed,
                math.ceil(wait / 60),
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), wait)
        return False

    async def _open_desk(self, account: str, handler: Handler) -> None:
        if self._desk is not None:
            return
        desk = Desk(
            account,
            sessions=self._sessions,
            handler=handler,
            wire=self._wire,
            always=self._always,
            clock=self._clock,
            meter=self._meter,
        )
        self._desk, self._interactions = desk, Interactions(desk, self._suggester, self._knows, self._clock)
        await desk.start()

    async def _sync(self, tree: Tree, account: str) -> None:
        """Tell Discord of the commands, if they are others than last time: only so many may be made a day."""
        try:
            said = {"account": account, "hash": tree.fingerprint()}
            if await self._sessions.note(COMMANDS) != said:
                await tree.sync()
                await self._sessions.set_note(COMMANDS, said)
        except (*MISHAPS, SessionError) as error:
            log.warning("Discord could not be told of the commands: %s", type(error).__name__)


async def _heartbeats_ended(client: PalaverClient) -> None:
    """End the threads of discord.py that would ask for one more heartbeat when nothing can answer any more.

    The library forgets the one of a connection that was broken off while it began.
    """
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler) and thread.ws.loop is client.loop:
            thread.stop()
            with suppress(aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
                async with asyncio.timeout(_THREAD_PATIENCE):
                    await thread.ws.socket.close()  # nothing else does
            await asyncio.to_thread(thread.join, _THREAD_PATIENCE)


def _tell_why(closed: discord.ConnectionClosed) -> None:
    """Raise what says what to do, if the bot is not let in as it is."""
    if closed.code == _BAD_TOKEN:
        raise TokenRefused from None
    if closed.code == _BAD_INTENTS:
        raise IntentMissing from None
