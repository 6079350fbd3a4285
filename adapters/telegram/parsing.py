"""Parsing: from an update as Telegram sends it to what it means here.

Nothing but a person who speaks to the bot means anything. Whatever else an update holds, it is no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.inbound import Inbound
from adapters.telegram.addressing import Me, addressed, without_own_name
from adapters.telegram.place import Place, whole
from adapters.telegram.row import Row, rows
from sessions.address import Address, ChatKind

Json = Mapping[str, object]

PLATFORM = "telegram"
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
# Accounts of Telegram itself: many people speak through each of them.
ANONYMOUS_ADMIN, CHANNEL_VOICE, SERVICE = 1087968824, 136817688, 777000
GENERAL_TOPIC = 1
_MEDIA = frozenset(
    [
        "animation",
        "audio",
        "checklist",
        "contact",
        "dice",
        "document",
        "game",
        "location",
        "paid_media",
        "photo",
        "poll",
        "sticker",
        "story",
        "venue",
        "video",
        "video_note",
        "voice",
    ]
)
# Said for somebody else, by another bot, or where ids mean something else.
_NOT_FOR_US = ("business_connection_id", "via_bot", "is_automatic_forward", "sender_business_bot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message of a person."""

    inbound: Inbound
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A press of a button. Without an address it can only be refused.

    `payload` is what the button carried. `message` and `ephemeral` name the message it was on, `rows` are the labels
    and payloads of all that were there.
    """

    query: str
    payload: str = ""
    address: Address | None = None
    place: Place | None = None
    author: str | None = None
    message: int | None = None
    ephemeral: int | None = None
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Migration:
    """A group that goes on under another id."""

    old: str
    new: str


Event = Said | Press | Migration


def parse(update: object, me: Me) -> Event | None:
    """Tell what an update means; None for nothing."""
    if not isinstance(update, Mapping):
        return None
    if isinstance(message := update.get("message"), Mapping):
        return _migration(message) or _said(message, me, edited=False)
    if isinstance(message := update.get("edited_message"), Mapping):
        return _said(message, me, edited=True)
    if isinstance(query := update.get("callback_query"), Mapping):
        return _press(query, me)
    return None


def _migration(message: Json) -> Migration | None:
    here = whole(_inner(message, "chat").get("id"))
    to, origin = whole(message.get("migrate_to_chat_id")), whole(message.get("migrate_from_chat_id"))
    if here is not None and to is not None:
        return Migration(str(here), str(to))
    if here is not None and origin is not None:
        return Migration(str(origin), str(here))
    return None


def _said(message: Json, me: Me, *, edited: bool) -> Said | None:
    where, who, number = _where(message), _who(message), whole(message.get("message_id"))
    if where is None or who is None or number is None or _is_not_for_us(message):
        return None
    text = _text(message, me, private=where.private)
    if text is None or (edited and not (text and number)):
        return None
    own = str(number) if number else None  # every ephemeral message has the number 0
    return Said(
        inbound=Inbound(
            address=where.address(me, who),
            text=text,
            author=_author(message),
            source=own,
            edits=own if edited else None,
            at=whole(message.get("date")),
        ),
        place=where.place(who, reply_to=None if where.private or not number else number),
    )


def _press(query: Json, me: Me) -> Press | None:
    query_id, data, message = query.get("id"), query.get("data"), _inner(query, "message")
    if not isinstance(query_id, str) or not query_id:
        return None
    where, user = _where(message), _inner(query, "from")
    person = whole(user.get("id"))
    # A message that can no longer be seen has no date, and does not tell its topic.
    known = where is not None and bool(message.get("date")) and isinstance(data, str)
    if where is None or not known or person is None or user.get("is_bot") or "business_connection_id" in message:
        return Press(query=query_id)
    return Press(
        query=query_id,
        payload=str(data),
        address=where.address(me, str(person)),
        place=where.place(str(person), callback=query_id),
        author=_name(user),
        message=whole(message.get("message_id")) or None,
        ephemeral=whole(message.get("ephemeral_message_id")),
        rows=rows(_inner(message, "reply_markup").get("inline_keyboard")),
    )


@dataclass(frozen=True, slots=True)
class _Where:
    chat: int
    thread: int | None
    private: bool

    def address(self, me: Me, person: str) -> Address:
        kind = ChatKind.PRIVATE if self.private else ChatKind.GROUP
        return Address(
            platform=PLATFORM,
            account=str(me.id),
            chat_id=str(self.chat),
            user_id=person,
            thread_id=None if self.thread is None else str(self.thread),
            chat_kind=kind if self.thread is None else ChatKind.THREAD,
        )

    def place(self, person: str, *, reply_to: int | None = None, callback: str | None = None) -> Place:
        return Place(
            chat=self.chat,
            person=person,
            private=self.private,
            thread=self.thread,
            reply_to=reply_to,
            callback=callback,
        )


def _where(message: Json) -> _Where | None:
    """Give chat and topic. The thread of plain replies is no topic, and the General topic is the chat itself."""
    chat = _inner(message, "chat")
    chat_id, kind, thread = whole(chat.get("id")), chat.get("type"), whole(message.get("message_thread_id"))
    if not chat_id or kind not in ("private", "group", "supergroup"):
        return None
    is_topic = message.get("is_topic_message") is True and thread and (kind == "private" or thread != GENERAL_TOPIC)
    return _Where(chat_id, thread if is_topic else None, kind == "private")


def _who(message: Json) -> str | None:
    """Give the id of a person; an administrator who stays anonymous is one with the group."""
    user, voice = _inner(message, "from"), _inner(message, "sender_chat")
    user_id, voice_id = whole(user.get("id")), whole(voice.get("id"))
    if user_id == ANONYMOUS_ADMIN:
        return f"chat:{voice_id}" if voice_id else None
    if not user_id or voice or user.get("is_bot") is not False or user_id in (CHANNEL_VOICE, SERVICE):
        return None
    return str(user_id)


def _is_not_for_us(message: Json) -> bool:
    return any(message.get(name) for name in _NOT_FOR_US) or any(name.startswith("guest_") for name in message)


def _text(message: Json, me: Me, *, private: bool) -> str | None:
    """Give what is said to the bot; empty for a picture and the like, None for what is nothing of that sort."""
    name, marks = ("text", "entities") if "text" in message else ("caption", "caption_entities")
    text = message.get(name, "")
    if not isinstance(text, str) or (not text and not _MEDIA & message.keys()):
        return None
    text = _whole_signs(text)
    if private:
        return without_own_name(text, me)
    return addressed(text, message.get(marks), me, is_reply=_is_reply(message, me))


def _is_reply(message: Json, me: Me) -> bool:
    """Tell whether it answers the bot. In a topic whatever answers nothing else answers the topic's beginning."""
    answered = _inner(message, "reply_to_message")
    return whole(_inner(answered, "from").get("id")) == me.id and "forum_topic_created" not in answered


def _author(message: Json) -> str | None:
    voice = _inner(message, "sender_chat")
    return _string(voice, "title") if voice else _name(_inner(message, "from"))


def _name(user: Json) -> str | None:
    return " ".join(filter(None, (_string(user, "first_name"), _string(user, "last_name")))) or None


def _string(json: Json, name: str) -> str | None:
    value = json.get(name)
    return _whole_signs(value) if isinstance(value, str) and value else None


def _whole_signs(text: str) -> str:
    """Replace halves of surrogate pairs, one sign for one, so that entities stay where they are."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _inner(json: Json, name: str) -> Json:
    value = json.get(name)
    return value if isinstance(value, Mapping) else {}
