"""What happens, as the gateway tells it to the bot."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.discord.document import Document
from tests.fakes.discord.message import Message
from tests.fakes.discord.place import Guild

GUILDS, GUILD_MEMBERS, PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, GUILD_TYPING, DIRECT_MESSAGES, DIRECT_TYPING = 1 << 9, 1 << 11, 1 << 12, 1 << 14
MESSAGE_CONTENT = 1 << 15
_NO_CONTENT: Document = {"content": "", "embeds": [], "attachments": [], "components": []}


@dataclass(frozen=True, slots=True)
class Event:
    """One event. It reaches a session that asked for `intent`; 0 reaches every one."""

    kind: str
    data: Document
    guild: Guild | None = None
    intent: int = 0
    private: bool = False  # holds content that needs the message content intent

    def seen_with(self, intents: int) -> Document | None:
        """Give what a session with these intents gets of it."""
        if self.intent & ~intents:
            return None
        return without_content(self.data) if self.private and not intents & MESSAGE_CONTENT else self.data


def without_content(data: Document) -> Document:
    """Blank what only apps with the message content intent may read."""
    blank = {**data, **_NO_CONTENT}
    if replied := data.get("referenced_message"):
        blank["referenced_message"] = {**replied, **_NO_CONTENT}
    return blank


def needs_content_intent(message: Message, bot_id: int) -> bool:
    """Tell whether the message's content is hidden from an app without the intent."""
    exempt = message.channel.guild is None or message.author.id == bot_id
    return not exempt and all(person.id != bot_id for person in message.mentions)
