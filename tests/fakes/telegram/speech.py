"""Speech: what people do in their chats."""

from __future__ import annotations

import asyncio

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.crowd import Crowd
from tests.fakes.telegram.entities import found, part
from tests.fakes.telegram.menu import is_ephemeral
from tests.fakes.telegram.message import BotMessage, Json, Record, items, number
from tests.fakes.telegram.person import ANONYMOUS_ADMIN, CHANNEL_VOICE, SERVICE, Person
from tests.fakes.telegram.privacy import is_seen
from tests.fakes.telegram.query import CallbackAnswer, Query

Referred = BotMessage | Json | int | None


class Speech(Crowd):
    """People write, edit and press."""

    async def say(
        self,
        person: Person,
        text: str,
        *,
        chat: Chat,
        reply_to: Referred = None,
        topic: int | None = None,
        entities: list[Json] | None = None,
        document: tuple[str, bytes] | None = None,
    ) -> Json:
        """Send a text, or a document with the text as its caption; commands and mentions are found in it."""
        if person.id not in chat.members:
            raise ValueError(f"{person.first_name} is not in {chat.title}")
        content = _content(text, entities)
        if document:
            stored = self.world.store(document[0], document[1], "application/octet-stream")
            content = {f"caption{'_entities' * (name == 'entities')}": it for name, it in content.items() if it}
            content["document"] = stored
        return self._post(chat, self._privately(chat, content), person, reply_to, topic)

    async def say_anonymously(
        self, group: Chat, text: str, *, reply_to: Referred = None, topic: int | None = None
    ) -> Json:
        """Send a text as an administrator who stays anonymous."""
        content = {"sender_chat": group.as_json(), **_content(text)}
        return self._post(group, content, ANONYMOUS_ADMIN, reply_to, topic)

    async def say_as_channel(
        self, group: Chat, channel: Chat, text: str, *, reply_to: Referred = None, topic: int | None = None
    ) -> Json:
        """Send a text to a group in the name of a channel."""
        content = {"sender_chat": channel.as_json(), **_content(text)}
        return self._post(group, content, CHANNEL_VOICE, reply_to, topic)

    async def post(self, channel: Chat, text: str) -> Json:
        """Send a text to a channel."""
        return self._post(channel, {"sender_chat": channel.as_json(), **_content(text)}, None)

    async def auto_forward(self, group: Chat, channel: Chat, text: str) -> Json:
        """Post to a channel, and let Telegram forward it to the group that discusses it."""
        post = await self.post(channel, text)
        origin: Json = {
            "type": "channel",
            "chat": channel.as_json(),
            "message_id": post["message_id"],
            "date": post["date"],
        }
        head: Json = {"sender_chat": channel.as_json(), "is_automatic_forward": True, "forward_origin": origin}
        return self._post(group, {**head, **_content(text)}, SERVICE)

    async def edit(self, message: Json, text: str) -> Json:
        """Change what a person said."""
        chat, record = self._find(message)
        changed = {name: value for name, value in record.body.items() if name not in ("text", "entities")}
        record.body = {**changed, **_content(text), "edit_date": int(self.world.clock())}
        kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
        sender = self._sender(record)
        self.world.journal.note(chat, _name(chat, sender), f"(edits {record.message_id}) {text}")
        self._tell(kind, chat, record, sender)
        return record.body

    async def press(
        self,
        person: Person,
        message: BotMessage,
        label: str,
        *,
        data: str | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109 - the patience of a test
    ) -> CallbackAnswer:
        """Press a button, as it was when the message was looked at, and wait for the answer of the bot.

        Other `data` than that of the button is what a forged app would send.
        """
        found_data = dict(message.buttons).get(label, data)
        if found_data is None:
            raise AssertionError(f"there is no button {label!r} among {[it for it, _ in message.buttons]}")
        if message.seen_by not in (None, person.id):
            raise AssertionError(f"{person.first_name} does not see this message")
        chat = self.world.chats[message.chat_id]
        query = self._query(person, chat)
        self.world.journal.note(chat, person.first_name, f"(presses [{label}])")
        body: Json = {
            "id": query.id,
            "from": person.as_json(),
            "chat_instance": str(chat.id * 7919),
            "message": self._pressed(chat, message),
            "data": found_data if data is None else data,
        }
        self.world.updates.add("callback_query", body, chat.id)
        self.world.changed.ring()
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(query.answer)
        except TimeoutError:
            raise AssertionError(f"nobody answered the press of {label!r}\n{self.world.journal.text()}") from None

    def _query(self, person: Person, chat: Chat) -> Query:
        query_id = str(180_388_626_433 + len(self.world.queries))
        query = Query(id=query_id, at=self.world.clock(), person=person.id, chat=chat.id)
        self.world.queries[query_id] = query
        return query

    def _pressed(self, chat: Chat, message: BotMessage) -> Json:
        record = chat.find_ephemeral(message.ephemeral_id) or chat.find(message.message_id)
        if record is None:
            return {"message_id": message.message_id, "chat": chat.as_json(), "date": 0}
        return record.body

    def _privately(self, chat: Chat, content: Json) -> Json:
        for entity in items(content.get("entities")) if chat.is_group else []:
            name, _, address = part(str(content["text"]), entity).removeprefix("/").partition("@")
            ours = not address or address.lower() == str(self.world.bot.username).lower()
            if entity["type"] == "bot_command" and entity["offset"] == 0 and ours and is_ephemeral(self.world, name):
                number_given = self.world.next_ephemeral()
                head: Json = {"ephemeral_message_id": number_given, "receiver_user": self.world.bot.as_json()}
                return {**head, **content}
        return content

    def _post(
        self, chat: Chat, content: Json, sender: Person | None, reply_to: Referred = None, topic: int | None = None
    ) -> Json:
        chat.check_thread(topic)
        reply = self._referred(chat, reply_to)
        place: Json = {"message_thread_id": topic, "is_topic_message": True} if topic else _thread(chat, reply)
        body = {**place, **content}
        if reply:
            body["reply_to_message"] = reply.as_reply()
        record = self.world.add(chat, body, by_bot=False, sender=sender)
        shown = str(content.get("text", content.get("caption", "")))
        self.world.journal.note(chat, _name(chat, sender), shown)
        self._tell("channel_post" if chat.type == "channel" else "message", chat, record, sender)
        return record.body

    def _tell(self, kind: str, chat: Chat, record: Record, sender: Person | None) -> None:
        """Queue the update, if the bot gets to see the message."""
        seen = "ephemeral_message_id" in record.body or is_seen(
            record.body, chat, sender, self.world.bot, bot_to_bot=self.world.bot_to_bot
        )
        if seen and chat.refusal is None:
            self.world.updates.add(kind, dict(record.body), chat.id)
        self.world.changed.ring()

    def _referred(self, chat: Chat, reply_to: Referred) -> Record | None:
        if reply_to is None:
            return None
        record = _record(chat, reply_to)
        if record is None:
            raise AssertionError(f"there is no such message in {chat.title}")
        return record

    def _find(self, message: Json) -> tuple[Chat, Record]:
        place = message["chat"]
        chat = self.world.chats[number(place["id"])] if isinstance(place, dict) else None
        record = _record(chat, message) if chat else None
        if chat is None or record is None:
            raise AssertionError("there is no such message")
        return chat, record

    def _sender(self, record: Record) -> Person | None:
        user = record.body.get("from")
        known = {it.id: it for it in (ANONYMOUS_ADMIN, CHANNEL_VOICE, SERVICE)} | self.world.people
        return known.get(number(user["id"])) if isinstance(user, dict) else None


def _content(text: str, entities: list[Json] | None = None) -> Json:
    given = found(text) if entities is None else entities
    return {"text": text, **({"entities": given} if given else {})}


def _record(chat: Chat, referred: BotMessage | Json | int) -> Record | None:
    if isinstance(referred, BotMessage):
        return chat.find_ephemeral(referred.ephemeral_id) or chat.find(referred.message_id)
    if isinstance(referred, int):
        return chat.find(referred)
    ephemeral = referred.get("ephemeral_message_id")
    return chat.find_ephemeral(number(ephemeral)) if ephemeral else chat.find(number(referred["message_id"]))


def _thread(chat: Chat, reply: Record | None) -> Json:
    """Give the thread of a reply: a topic, or else the chain of replies, to which nobody can send."""
    if reply is None or chat.type != "supergroup":
        return {}
    if reply.thread_id in chat.topics:
        return {"message_thread_id": reply.thread_id, "is_topic_message": True}
    return {"message_thread_id": reply.thread_id or reply.message_id} if reply.message_id else {}


def _name(chat: Chat, sender: Person | None) -> str:
    return sender.first_name if sender else chat.title
