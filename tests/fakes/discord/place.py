"""Servers, their channels and threads, and direct messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fakes.discord.document import Document, timestamp
from tests.fakes.discord.person import ALL_PERMISSIONS, User

TEXT, DIRECT, GROUP, THREAD, PRIVATE_THREAD = 0, 1, 3, 11, 12
IN_SERVER, WITH_BOT, AMONG_PEOPLE = 0, 1, 2


@dataclass(slots=True, eq=False)
class Guild:
    """A server; the bot is in it unless `has_bot` is False."""

    id: int
    name: str
    members: list[User]
    has_bot: bool = True
    channels: list[Channel] = field(default_factory=list)

    def document(self, bot: User) -> Document:
        """Write what GUILD_CREATE carries."""
        people = [*self.members, bot]
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str((self.members or people)[0].id),
            "unavailable": False,
            "large": False,
            "member_count": len(people),
            "joined_at": timestamp(1_700_000_000),
            "roles": [self.everyone()],
            "members": [person.member() for person in people],
            "channels": [channel.document() for channel in self.channels if not channel.is_thread],
            "threads": [channel.document() for channel in self.channels if channel.is_thread and not channel.archived],
            "emojis": [],
            "stickers": [],
            "features": [],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "preferred_locale": "en-US",
            "icon": None,
            "afk_timeout": 300,
            "system_channel_flags": 0,
            "premium_progress_bar_enabled": False,
        }

    def everyone(self) -> Document:
        """Write the role that all have, which allows all."""
        flags = {"color": 0, "hoist": False, "position": 0, "managed": False, "mentionable": False, "flags": 0}
        return {"id": str(self.id), "name": "@everyone", "permissions": ALL_PERMISSIONS, **flags}


@dataclass(slots=True, eq=False)
class Channel:
    """Somewhere to talk. `readable` and `writable` are the bot's permissions, to be taken away at any time."""

    id: int
    kind: int
    name: str
    guild: Guild | None = None
    people: tuple[User, ...] = ()
    parent: Channel | None = None
    owner: User | None = None
    archived: bool = False
    locked: bool = False
    auto_archive_minutes: int = 1440
    made_at: float = 0.0
    last_message: int | None = None
    messages: int = 0
    has_bot: bool = True
    readable: bool = True
    writable: bool = True

    @property
    def is_thread(self) -> bool:
        """Whether it hangs on another channel."""
        return self.kind in (THREAD, PRIVATE_THREAD)

    @property
    def context(self) -> int:
        """Where an interaction here happens: in a server, with the bot, among other people."""
        if self.guild:
            return IN_SERVER
        return WITH_BOT if self.has_bot else AMONG_PEOPLE

    @property
    def title(self) -> str:
        """What a transcript calls it."""
        return f"#{self.parent.name}/{self.name}" if self.parent else f"#{self.name}" if self.guild else self.name

    def document(self) -> Document:
        """Write the channel object."""
        last = str(self.last_message) if self.last_message else None
        head: Document = {"id": str(self.id), "type": self.kind, "last_message_id": last, "flags": 0}
        if self.guild is None:
            return {**head, "recipients": [person.document() for person in self.people]}
        head |= {"guild_id": str(self.guild.id), "name": self.name, "rate_limit_per_user": 0, "nsfw": False}
        if self.is_thread:
            return {**head, **self._thread()}
        return {**head, "position": 0, "topic": None, "parent_id": None, "permission_overwrites": []}

    def _thread(self) -> Document:
        when = timestamp(self.made_at)
        state = {"archived": self.archived, "locked": self.locked, "auto_archive_duration": self.auto_archive_minutes}
        return {
            "parent_id": str(self.parent.id if self.parent else 0),
            "owner_id": str(self.owner.id if self.owner else 0),
            "message_count": self.messages,
            "total_message_sent": self.messages,
            "member_count": 1,
            "thread_metadata": {**state, "archive_timestamp": when, "create_timestamp": when},
        }
