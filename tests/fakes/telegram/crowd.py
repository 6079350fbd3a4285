"""Crowd: the people and their chats."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.failure import BLOCKED, Failure, bad
from tests.fakes.telegram.message import Json, Record
from tests.fakes.telegram.person import SERVICE, Person
from tests.fakes.telegram.privacy import SERVICE_FIELDS
from tests.fakes.telegram.world import World

FIRST_GROUP = 4_000_001
FIRST_SUPERGROUP = 1_002_000_000_001


class Crowd:
    """Who there is, and where they speak."""

    def __init__(self, world: World) -> None:
        self.world = world

    def person(self, person_id: int, name: str, *, username: str | None = None, is_bot: bool = False) -> Person:
        """Add somebody with an account."""
        person = Person(person_id, name, username, is_bot)
        self.world.people[person_id] = person
        return person

    def private_chat(self, person: Person, *, topics: bool = False) -> Chat:
        """Open the chat of a person with the bot, with topics if the bot has that mode."""
        chat = Chat(id=person.id, type="private", title=person.first_name, owner=person, forum=topics)
        chat.members[person.id] = person
        return self._add(chat)

    def group(
        self,
        title: str,
        *,
        members: Sequence[Person] = (),
        admins: Collection[Person] = (),
        forum: bool = False,
        privacy_mode: bool = True,
        supergroup: bool = True,
        bot_is_admin: bool = False,
    ) -> Chat:
        """Add a group that the bot is in already. Its first member owns it."""
        chat = Chat(
            id=self._group_id(supergroup=supergroup),
            type="supergroup" if supergroup else "group",
            title=title,
            owner=members[0] if members else None,
            members={member.id: member for member in members},
            admins={admin.id for admin in admins},
            forum=forum,
            privacy_mode=privacy_mode,
            bot_is_admin=bot_is_admin,
        )
        return self._add(chat)

    def topic(self, chat: Chat, name: str) -> int:
        """Open a topic, and give its message_thread_id."""
        if not chat.forum:
            raise ValueError(f"{chat.title} has no topics")
        thread = chat.last_id + 1
        if thread == 1:
            thread = chat.next_id() + 1  # 1 is the General topic
        chat.topics[thread] = name
        created: Json = {"name": name, "icon_color": 7322096}
        place: Json = {"message_thread_id": thread, "is_topic_message": True}
        self._serve(chat, {**place, "forum_topic_created": created})
        return thread

    def channel(self, title: str) -> Chat:
        """Add a channel in which the bot is an administrator."""
        chat_id = self._group_id(supergroup=True)
        return self._add(Chat(id=chat_id, type="channel", title=title, bot_is_admin=True))

    def join(self, group: Chat, person: Person) -> None:
        """Let a person come into a group."""
        group.members[person.id] = person
        self._serve(group, {"new_chat_members": [person.as_json()]}, person)

    def leave(self, group: Chat, person: Person) -> None:
        """Let a person go out of a group."""
        self._serve(group, {"left_chat_member": person.as_json()}, person)
        group.members.pop(person.id, None)

    def migrate(self, group: Chat) -> Chat:
        """Make a supergroup out of a group: it goes on under another id."""
        if group.type != "group":
            raise ValueError("only a basic group can become a supergroup: make it with supergroup=False")
        chat = self.group(group.title, members=[*group.members.values()], privacy_mode=group.privacy_mode)
        chat.owner, chat.admins, chat.bot_is_admin = group.owner, set(group.admins), group.bot_is_admin
        self._serve(group, {"migrate_to_chat_id": chat.id}, group.owner)
        self._serve(chat, {"migrate_from_chat_id": group.id}, group.owner)
        group.refusal = bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.id)
        return chat

    def block(self, person: Person) -> None:
        """Let a person block the bot."""
        chat = self._private(person)
        chat.refusal = Failure(403, BLOCKED)
        self._report(chat, person, "member", "kicked")

    def unblock(self, person: Person) -> None:
        """Let a person take that back."""
        chat = self._private(person)
        chat.refusal = None
        self._report(chat, person, "kicked", "member")

    def kick(self, chat: Chat, by: Person | None = None) -> None:
        """Throw the bot out of a group or a channel."""
        kind = {"group": "group", "channel": "channel"}.get(chat.type, "supergroup")
        chat.refusal = Failure(403, f"Forbidden: bot was kicked from the {kind} chat")
        self._report(chat, by or chat.owner or SERVICE, "member", "kicked")

    def _add(self, chat: Chat) -> Chat:
        if chat.id in self.world.chats:
            raise ValueError(f"there is a chat {chat.id} already")
        self.world.chats[chat.id] = chat
        return chat

    def _group_id(self, *, supergroup: bool) -> int:
        return -(FIRST_SUPERGROUP if supergroup else FIRST_GROUP) - len(self.world.chats)

    def _private(self, person: Person) -> Chat:
        return self.world.chats.get(person.id) or self.private_chat(person)

    def _serve(self, chat: Chat, body: Json, sender: Person | None = None) -> Record:
        """Put a service message into a chat; a bot gets every one."""
        who = sender or chat.owner or SERVICE
        record = self.world.add(chat, body, by_bot=False, sender=who)
        self.world.journal.note(chat, who.first_name, f"({', '.join(SERVICE_FIELDS & body.keys())})")
        if chat.refusal is None:
            self.world.updates.add("message", record.body, chat.id)
        self.world.changed.ring()
        return record

    def _report(self, chat: Chat, by: Person, old: str, new: str) -> None:
        bot = self.world.bot.as_json()
        sides: Json = {
            f"{age}_chat_member": {"user": bot, "status": status, **({"until_date": 0} if status == "kicked" else {})}
            for age, status in (("old", old), ("new", new))
        }
        head: Json = {"chat": chat.as_json(), "from": by.as_json(), "date": int(self.world.clock())}
        self.world.journal.note(chat, by.first_name, f"(the bot is now: {new})")
        self.world.updates.add("my_chat_member", {**head, **sides}, chat.id)
        self.world.changed.ring()
