"""PalaverClient: the connection to Discord, which hands on what happens there."""

from __future__ import annotations

import logging
from typing import NamedTuple, Protocol

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.shards import Shards
from adapters.discord.wire import NOBODY

LONGEST_WAIT = 60.0  # seconds for a rate limit; what has to wait longer is tried again by the courier
_API = "https://discord.com/api/v10"
_GATEWAY = "wss://gateway.discord.gg/"
log = logging.getLogger(__name__)


class Ears(Protocol):
    """What wants to know."""

    def heard(self, message: discord.Message) -> None:
        """Take a new message."""

    def changed(self, message: discord.Message) -> None:
        """Take a message that was changed."""

    async def pressed(self, interaction: discord.Interaction[discord.Client]) -> None:
        """Take the press of a button."""

    def connected(self) -> None:
        """Learn that a session of the gateway has begun: what came before was not told."""

    def available(self, guild: int) -> None:
        """Learn that a server is there, or there again."""


class SessionsLeft(NamedTuple):
    """How many sessions may be begun, how many there are to begin, and the seconds until there are more."""

    remaining: int
    needed: int
    seconds: float


def route(api_url: str | None, gateway_url: str | None) -> None:
    """Have the library talk to other addresses than Discord's own; they hold for the whole process."""
    Route.BASE = (api_url or _API).rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url or _GATEWAY)


class PalaverClient(discord.AutoShardedClient):
    """Keeps nothing in memory but servers and channels: no messages, no members."""

    def __init__(self, ears: Ears, gateway_url: str | None, *, follows: bool) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=True)
        super().__init__(
            intents=intents,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=NOBODY,
            max_ratelimit_timeout=LONGEST_WAIT,
        )
        self._ears, self._gateway_url, self._follows = ears, gateway_url, follows

    def take(self, shards: Shards) -> None:
        """Connect these, not all."""
        self.shard_ids = None if shards.ids is None else list(shards.ids)
        if shards.total is not None:
            self.shard_count = shards.total

    async def sessions_left(self) -> SessionsLeft:
        """Ask how many sessions of the gateway may still be begun."""
        said = await self.http.request(Route("GET", "/gateway/bot"))
        limit = said.get("session_start_limit", {})
        needed = len(self.shard_ids or ()) or self.shard_count or int(said.get("shards", 1))
        return SessionsLeft(int(limit.get("remaining", needed)), needed, int(limit.get("reset_after", 0)) / 1_000)

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect a shard. Where it is to start anew the library would go to Discord's own gateway."""
        if self._gateway_url is not None:
            gateway = yarl.URL(self._gateway_url)
        if self._follows:
            DiscordWebSocket.DEFAULT_GATEWAY = gateway
        await super().launch_shard(gateway, shard_id, initial=initial)

    async def on_shard_connect(self, shard_id: int) -> None:
        """Learn that a shard has begun a session."""
        self._ears.connected()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Learn that a server is there again."""
        self._ears.available(guild.id)

    async def on_message(self, message: discord.Message) -> None:
        """Take a message."""
        self._ears.heard(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Take a message that was changed."""
        self._ears.changed(payload.message)

    async def on_interaction(self, interaction: discord.Interaction[discord.Client]) -> None:
        """Take the press of a button; native commands come through the tree."""
        if interaction.type is discord.InteractionType.component:
            await self._ears.pressed(interaction)

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        """Log what went wrong without its words: they may be somebody's."""
        log.error("an event could not be taken: %s", event_method)
