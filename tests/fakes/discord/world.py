"""Everything there is: people, places, messages, commands and interactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.fakes.discord import event as events
from tests.fakes.discord.chronicle import Chronicle, Entry, described
from tests.fakes.discord.command import Commands
from tests.fakes.discord.document import Document
from tests.fakes.discord.event import Event, needs_content_intent
from tests.fakes.discord.interaction import Interaction
from tests.fakes.discord.message import Message
from tests.fakes.discord.person import User
from tests.fakes.discord.ping import Ping, pings
from tests.fakes.discord.place import DIRECT, GROUP, THREAD, Channel, Guild
from tests.fakes.discord.refusal import ApiRefusal
from tests.fakes.discord.snowflake import Snowflakes


class World:
    """The state of the platform. `emit` is what hands events to the gateway."""

    def __init__(self, token: str, clock: Callable[[], float], *, message_content: bool) -> None:
        self.token, self.clock, self.message_content = token, clock, message_content
        self.ids = Snowflakes(clock)
        self.application_id = self.ids()
        self.bot = User(self.application_id, "Palaver", bot=True)
        self.people: dict[int, User] = {self.bot.id: self.bot}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, dict[int, Message]] = {}
        self.interactions: dict[str, Interaction] = {}
        self.commands = Commands(self.application_id, self.ids, clock)
        self.chronicle = Chronicle()
        self.pings: list[Ping] = []
        self.typed: list[Channel] = []
        self.files_url = ""
        self.emit: Callable[[Event], None] = lambda event: None

    def channel(self, key: int) -> Channel:
        """Find a channel, or answer that there is none, or none for the bot."""
        channel = self.channels.get(key)
        if channel is None:
            raise ApiRefusal(404, 10003)
        if not self.reaches(channel):
            raise ApiRefusal(403, 50001)
        return channel

    def reaches(self, channel: Channel) -> bool:
        """Tell whether the bot sees a channel."""
        return channel.readable and channel.has_bot and (channel.guild is None or channel.guild.has_bot)

    def message(self, channel: Channel, key: int) -> Message:
        """Find a message that everybody in the channel sees."""
        message = self.messages.get(channel.id, {}).get(key)
        if message is None or message.deleted or message.ephemeral:
            raise ApiRefusal(404, 10008)
        return message

    def direct(self, *people: User) -> Channel:
        """Give the channel of the bot and one person, or of these people without the bot."""
        for channel in self.channels.values():
            if channel.people == people:
                return channel
        kind = DIRECT if len(people) < 3 else GROUP
        title = "dm " + "+".join(person.name for person in people)
        return self.add_channel(Channel(self.ids(), kind, title, people=people, has_bot=len(people) == 1))

    def add_channel(self, channel: Channel) -> Channel:
        """Take a channel in, and tell the bot of one in a server."""
        channel.made_at = self.clock()
        self.channels[channel.id] = channel
        self.messages[channel.id] = {}
        if channel.guild:
            channel.guild.channels.append(channel)
            self.tell("THREAD_CREATE" if channel.is_thread else "CHANNEL_CREATE", channel)
        return channel

    def add_thread(self, parent: Channel, name: str, owner: User, *, key: int = 0, kind: int = THREAD) -> Channel:
        """Start a thread."""
        thread = Channel(key or self.ids(), kind, name, parent.guild, parent=parent, owner=owner)
        return self.add_channel(thread)

    def tell(self, kind: str, channel: Channel) -> None:
        """Let the bot know of a channel that came, changed or went."""
        if not self.reaches(channel):
            return
        new = {"newly_created": True} if kind == "THREAD_CREATE" else {}
        self.emit(Event(kind, {**channel.document(), **new}, channel.guild, events.GUILDS))

    def add_message(self, message: Message) -> Message:
        """Take a message in; sending into an archived thread opens it again."""
        channel = message.channel
        if channel.archived:
            channel.archived = False
            self.tell("THREAD_UPDATE", channel)
        self.messages[channel.id][message.id] = message
        if not message.ephemeral:
            channel.last_message, channel.messages = message.id, channel.messages + 1
        self.shown(message)
        self.announce("MESSAGE_CREATE", message)
        return message

    def shown(self, message: Message, how: str = "") -> None:
        """Write down that people see a message now, and whom it pings."""
        text = f"{how} {described(message)}".strip() if not message.thinking else "is thinking..."
        only = message.ephemeral_for
        self.chronicle.note(Entry(message.channel, message.author, text, only, message))
        if message.author is self.bot and not how:
            self.pings += pings(message, self.people, from_interaction=message.interaction_id is not None)

    def announce(self, kind: str, message: Message) -> None:
        """Let the bot know of a message that came or changed."""
        channel = message.channel
        if message.ephemeral or not self.reaches(channel):
            return
        self.emit(
            Event(kind, self.full(message), channel.guild, _intent(channel), needs_content_intent(message, self.bot.id))
        )

    def full(self, message: Message) -> Document:
        """Write a message as the gateway does, with the author's membership."""
        document, guild = message.document(self.files_url), message.channel.guild
        if guild:
            document["guild_id"] = str(guild.id)
            document["member"] = message.author.member(user=False)
            document["mentions"] = [{**one.document(), "member": one.member(user=False)} for one in message.mentions]
        return document

    def revise(self, message: Message, before: str) -> None:
        """Take note that a message has changed."""
        message.edits.append(before)
        message.edited_at = self.clock()
        self.shown(message, "(edits)")
        self.announce("MESSAGE_UPDATE", message)

    def remove(self, message: Message) -> None:
        """Delete a message."""
        message.deleted, channel = True, message.channel
        self.chronicle.note(
            Entry(channel, message.author, f"(deletes) {described(message)}", message.ephemeral_for, message)
        )
        if not message.ephemeral and self.reaches(channel):
            guild = {"guild_id": str(channel.guild.id)} if channel.guild else {}
            data = {"id": str(message.id), "channel_id": str(channel.id), **guild}
            self.emit(Event("MESSAGE_DELETE", data, channel.guild, _intent(channel)))

    def visible(self, channel: Channel, viewer: User | None) -> Sequence[Message]:
        """Give what the bot shows in a channel: to this viewer, or to all of them together."""
        found = [one for one in self.messages[channel.id].values() if one.author is self.bot and not one.thinking]
        return [one for one in found if not one.deleted and (not viewer or one.ephemeral_for in (None, viewer))]


def _intent(channel: Channel) -> int:
    return events.GUILD_MESSAGES if channel.guild else events.DIRECT_MESSAGES
