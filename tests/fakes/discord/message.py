"""Messages, and what hangs on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.fakes.discord.document import Document, timestamp
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel

EPHEMERAL, LOADING = 1 << 6, 1 << 7
BUTTON, SELECT = 2, 3


class Button(NamedTuple):
    """Something to press; it equals the pair of its label and custom id."""

    label: str
    custom_id: str


class File(NamedTuple):
    """An attachment."""

    name: str
    content: bytes
    id: int = 0


@dataclass(slots=True, eq=False)
class Message:
    """One message. `edits` holds the texts that it had before, oldest first."""

    id: int
    channel: Channel
    author: User
    content: str
    sent_at: float
    files: list[File] = field(default_factory=list)
    components: list[Document] = field(default_factory=list)
    embeds: list[Document] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    reply_to: Message | None = None
    nonce: str | int | None = None
    flags: int = 0
    ephemeral_for: User | None = None
    interaction_id: int | None = None
    edits: list[str] = field(default_factory=list)
    edited_at: float | None = None
    deleted: bool = False
    allowed_mentions: Document | None = None

    @property
    def thinking(self) -> bool:
        """Whether it is still the sign that an answer will come."""
        return bool(self.flags & LOADING)

    @property
    def ephemeral(self) -> bool:
        """Whether one person alone sees it."""
        return self.ephemeral_for is not None

    @property
    def buttons(self) -> list[Button]:
        """The buttons, in order; one that leads to a web page has an empty custom id."""
        parts = within(self.components)
        return [Button(label(part), str(part.get("custom_id", ""))) for part in parts if part.get("type") == BUTTON]

    @property
    def selects(self) -> list[Document]:
        """The menus."""
        return [part for part in within(self.components) if part.get("type") == SELECT]

    def document(self, files_url: str) -> Document:
        """Write the message object."""
        return {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "content": self.content,
            "author": self.author.document(),
            "timestamp": timestamp(self.sent_at),
            "edited_timestamp": timestamp(self.edited_at) if self.edited_at else None,
            "mentions": [person.document() for person in self.mentions],
            "tts": False,
            "mention_everyone": False,
            "mention_roles": [],
            "pinned": False,
            "reactions": [],
            "attachments": [self._attachment(file, files_url) for file in self.files],
            "embeds": self.embeds,
            "components": self.components,
            "flags": self.flags,
            "type": 19 if self.reply_to else 20 if self.interaction_id else 0,
            **self._relations(files_url),
        }

    def _relations(self, files_url: str) -> Document:
        more: Document = {} if self.nonce is None else {"nonce": self.nonce}
        if self.interaction_id:
            more |= {"application_id": str(self.author.id), "webhook_id": str(self.author.id)}
        if replied := self.reply_to:
            guild = {"guild_id": str(self.channel.guild.id)} if self.channel.guild else {}
            more["message_reference"] = {"message_id": str(replied.id), "channel_id": str(replied.channel.id), **guild}
            kept = {**replied.document(files_url)} if not replied.deleted else None
            more["referenced_message"] = kept and {k: v for k, v in kept.items() if k != "referenced_message"}
        return more

    def _attachment(self, file: File, files_url: str) -> Document:
        url = f"{files_url}/{self.channel.id}/{file.id}/{file.name}"
        head: Document = {"id": str(file.id), "filename": file.name, "size": len(file.content)}
        return {**head, "url": url, "proxy_url": url, "content_type": "application/octet-stream"}


def within(components: Sequence[Document]) -> Iterator[Document]:
    """Walk through components and what they hold."""
    for part in components:
        yield part
        yield from within(part.get("components") or [])
        if isinstance(accessory := part.get("accessory"), dict):
            yield accessory


def label(part: Document) -> str:
    """Give what stands on a button: its label, or its emoji."""
    emoji = part.get("emoji") or {}
    return str(part.get("label") or emoji.get("name") or "")
