"""Privacy: which messages of a chat a bot gets to see."""

from __future__ import annotations

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.entities import part
from tests.fakes.telegram.message import Json, items
from tests.fakes.telegram.person import ANONYMOUS_ADMIN, CHANNEL_VOICE, Person

SERVICE_FIELDS = frozenset(
    [
        "new_chat_members",
        "left_chat_member",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "forum_topic_created",
        "new_chat_title",
        "pinned_message",
        "group_chat_created",
    ]
)


def is_seen(message: Json, chat: Chat, sender: Person | None, bot: Person, *, bot_to_bot: bool) -> bool:
    """Tell whether the bot gets a message."""
    if SERVICE_FIELDS & message.keys() or not chat.is_group:
        return True
    is_other_bot = bool(sender and sender.is_bot and sender not in (ANONYMOUS_ADMIN, CHANNEL_VOICE))
    if is_other_bot:
        return bot_to_bot and _is_meant(message, bot)
    if not chat.privacy_mode or chat.bot_is_admin:
        return True
    return _is_meant(message, bot) or _is_general_command(message, chat, bot)


def _is_meant(message: Json, bot: Person) -> bool:
    reply = message.get("reply_to_message")
    author = reply.get("from") if isinstance(reply, dict) else None
    if isinstance(author, dict) and author.get("id") == bot.id:
        return True
    return any(words.lower().endswith(f"@{bot.username}".lower()) for _, words in _calls(message))


def _is_general_command(message: Json, chat: Chat, bot: Person) -> bool:
    plain = any(kind == "bot_command" and "@" not in words for kind, words in _calls(message))
    return plain and chat.last_bot in (None, bot.id)


def _calls(message: Json) -> list[tuple[str, str]]:
    field = "text" if "text" in message else "caption"
    entities = items(message.get("entities" if field == "text" else "caption_entities"))
    return [
        (str(entity["type"]), part(str(message[field]), entity))
        for entity in entities
        if entity["type"] in ("bot_command", "mention")
    ]
