"""Envelope: a reply and where it goes, as it is kept in the post."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from adapters.reply import Choice, Document, Reply
from sessions.message import JsonValue

Destination = Mapping[str, JsonValue]
"""Where a channel sends something, in its own terms; `lane` names what has an order of its own."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a channel needs to deliver a reply, also after a restart."""

    to: Destination
    reply: Reply

    @property
    def lane(self) -> str:
        """What has an order of its own: a chat, or the chat with one person that an answer for them alone goes to.

        Else one member whose private chat takes nothing would keep a whole group waiting.
        """
        lane = str(self.to.get("lane", ""))
        apart = self.reply.private and self.to.get("private_chat") is not True
        return f"{lane}/{self.to.get('person')}" if apart else lane

    @property
    def place(self) -> str:
        """Where it goes, in the same words as what was said there."""
        return str(self.to.get("lane", ""))

    def encode(self) -> bytes:
        """Write as JSON."""
        reply = self.reply
        said: dict[str, JsonValue] = {"to": dict(self.to), "text": reply.text}
        said |= {name: True for name in ("private", "error") if getattr(reply, name)}
        if reply.document is not None:
            document = reply.document
            content = base64.b64encode(document.content).decode()
            said["document"] = {"name": document.name, "media_type": document.media_type, "content": content}
        if reply.aside:
            said["aside"] = reply.aside
        if reply.choices:
            said["choices"] = [[choice.label, choice.text, choice.anywhere] for choice in reply.choices]
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Envelope:
        """Read what `encode` wrote; anything else is a ValueError, a KeyError or a TypeError."""
        said = json.loads(data)
        document = said.get("document")
        reply = Reply(
            text=str(said["text"]),
            private=said.get("private") is True,
            error=said.get("error") is True,
            document=None
            if document is None
            else Document(
                name=str(document["name"]),
                content=base64.b64decode(document["content"], validate=True),
                media_type=str(document["media_type"]),
            ),
            aside=str(said.get("aside", "")),
            choices=tuple(_choice(*choice) for choice in said.get("choices", ())),
        )
        return cls(cast("Destination", dict(said["to"])), reply)


def _choice(label: object, text: object, anywhere: object = False) -> Choice:
    return Choice(label=str(label), text=str(text), anywhere=anywhere is True)
