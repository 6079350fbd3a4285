"""World: all that the server knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.telegram.bell import Bell
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.failure import Failure, bad, too_many
from tests.fakes.telegram.journal import Journal, described
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.message import Json, Record
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.query import Query
from tests.fakes.telegram.updates import Updates
from tests.fakes.telegram.webhook import Webhook


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that somebody sent."""

    path: str
    name: str
    content: bytes
    document: Json


@dataclass(slots=True, kw_only=True)
class World:
    """People, chats, files, and what the bot set up for itself."""

    token: str
    bot: Person
    clock: Callable[[], float]
    limits: Limits
    updates: Updates
    webhook: Webhook
    enforce_limits: bool = False
    bot_to_bot: bool = False
    logged_out: bool = False
    people: dict[int, Person] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    commands: dict[str, list[Json]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    changed: Bell = field(default_factory=Bell)
    order: int = 0
    ephemeral: int = 0

    def chat(self, given: str) -> Chat:
        """Find the chat that a call names, and refuse when the bot may not act there."""
        try:
            chat = self.chats.get(int(given))
        except ValueError:
            chat = None
        if chat is None:
            if given.isdigit() and int(given) in self.people:
                raise Failure(403, "Forbidden: bot can't initiate conversation with a user")
            raise bad("chat not found" if given else "chat_id is empty")
        if chat.refusal:
            raise chat.refusal
        return chat

    def add(self, chat: Chat, body: Json, *, by_bot: bool, sender: Person | None = None) -> Record:
        """Put a message into a chat. Ephemeral ones bring their own number."""
        self.order += 1
        head: Json = {"message_id": 0 if "ephemeral_message_id" in body else chat.next_id()}
        if sender:
            head["from"] = sender.as_json()
        head |= {"date": int(self.clock()), "chat": chat.as_json()}
        record = Record(body={**head, **body}, by_bot=by_bot, order=self.order, at=self.clock())
        chat.records.append(record)
        if sender and sender.is_bot and (by_bot or sender.id in chat.members):
            chat.last_bot = sender.id
        return record

    def spend(self, chat: Chat) -> None:
        """Count a message of the bot, and refuse it when it comes too fast and that is enforced."""
        wait = self.limits.spend(chat, enforce=self.enforce_limits)
        if wait:
            raise too_many(wait)

    def show(self, chat: Chat, record: Record, verb: str = "") -> None:
        """Note what the bot did to a message, and wake whoever waits for it."""
        message = record.snapshot(chat.id)
        self.journal.note(chat, self.bot.first_name, f"{verb}{described(message)}", message)
        self.changed.ring()

    def store(self, name: str, content: bytes, media_type: str) -> Json:
        """Keep a file, and give the Document that stands for it."""
        number = len(self.files) + 1
        document: Json = {
            "file_id": f"BQACAgIAAxkBAAI{number:06d}",
            "file_unique_id": f"AgAD{number:06d}",
            "file_name": name,
            "mime_type": media_type,
            "file_size": len(content),
        }
        self.files[str(document["file_id"])] = StoredFile(f"documents/file_{number}", name, content, document)
        return document

    def next_ephemeral(self) -> int:
        """Give the number of the next ephemeral message."""
        self.ephemeral += 1
        return self.ephemeral
