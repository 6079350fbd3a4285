"""Place: where the answers to one message go, fixed when it comes in."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.envelope import Destination
from sessions.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A chat, maybe a topic in it, and the person who is answered.

    `callback` is the press that is answered, `preview` the message that shows what there is of the answer.
    """

    chat: int
    person: str
    private: bool
    thread: int | None = None
    reply_to: int | None = None
    callback: str | None = None
    preview: int | None = None

    @classmethod
    def of(cls, address: Address) -> Place:
        """Give the place of somebody who is told something unasked."""
        chat = int(address.chat_id)
        thread = None if address.thread_id is None else int(address.thread_id)
        return cls(chat=chat, person=address.user_id, private=chat > 0, thread=thread)

    def destination(self) -> Destination:
        """Write it for an envelope."""
        return {
            "lane": str(self.chat),
            "chat": self.chat,
            "thread": self.thread,
            "reply_to": self.reply_to,
            "person": self.person,
            "callback": self.callback,
            "private_chat": self.private,
            "preview": self.preview,
        }

    @classmethod
    def read(cls, to: Destination) -> Place:
        """Read what `destination` wrote; anything else is a ValueError or a KeyError."""
        chat, callback = whole(to["chat"]), to.get("callback")
        if chat is None:
            raise ValueError("a destination needs a chat")
        return cls(
            chat=chat,
            person=str(to["person"]),
            private=to.get("private_chat") is True,
            thread=whole(to.get("thread")),
            reply_to=whole(to.get("reply_to")),
            callback=None if callback is None else str(callback),
            preview=whole(to.get("preview")),
        )


def whole(value: object) -> int | None:
    """Give a whole number, or None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
