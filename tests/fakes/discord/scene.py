"""Who and where: accounts, servers, channels, and the bot coming and going."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fakes.discord.event import GUILDS, Event
from tests.fakes.discord.person import User
from tests.fakes.discord.place import TEXT, Channel, Guild
from tests.fakes.discord.world import World


class Scene:
    """Sets up the world, before the bot comes or while it is there."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def bot(self) -> User:
        """The bot's own account."""
        return self.world.bot

    def person(self, name: str, *, bot: bool = False) -> User:
        """Make an account."""
        user = User(self.world.ids(), name, bot)
        self.world.people[user.id] = user
        return user

    def guild(self, name: str, members: Sequence[User] = (), *, has_bot: bool = True) -> Guild:
        """Make a server, with the bot in it or not."""
        guild = Guild(self.world.ids(), name, list(members), has_bot)
        self.world.guilds[guild.id] = guild
        if has_bot:
            self.world.emit(Event("GUILD_CREATE", guild.document(self.bot), guild, GUILDS))
        return guild

    def channel(self, guild: Guild, name: str) -> Channel:
        """Make a text channel in a server."""
        return self.world.add_channel(Channel(self.world.ids(), TEXT, name, guild))

    def thread(self, parent: Channel, name: str, *, owner: User) -> Channel:
        """Start a thread in a channel."""
        return self.world.add_thread(parent, name, owner)

    def dm(self, *people: User) -> Channel:
        """Give one person's channel with the bot, or a private one of several people without it."""
        return self.world.direct(*people)

    def invite_bot(self, guild: Guild) -> None:
        """Let the bot into a server."""
        guild.has_bot = True
        self.world.emit(Event("GUILD_CREATE", guild.document(self.bot), guild, GUILDS))

    def kick_bot(self, guild: Guild) -> None:
        """Throw the bot out of a server."""
        guild.has_bot = False
        self.world.emit(Event("GUILD_DELETE", {"id": str(guild.id)}, guild, GUILDS))

    def remove(self, channel: Channel) -> None:
        """Delete a channel or a thread of a server."""
        self.world.tell("THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE", channel)
        del self.world.channels[channel.id]
        if channel.guild:
            channel.guild.channels.remove(channel)
