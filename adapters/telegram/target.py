"""Target: where one message is sent."""

from __future__ import annotations

from dataclasses import dataclass

from telegram import ReplyParameters

from adapters.telegram.place import Place


@dataclass(frozen=True, slots=True)
class Target:
    """A chat, maybe a topic in it, and the message that is answered."""

    chat: int
    thread: int | None = None
    reply_to: int | None = None

    @classmethod
    def of(cls, place: Place) -> Target:
        """Give where the answers to somebody go."""
        return cls(place.chat, place.thread, place.reply_to)

    @property
    def reply_parameters(self) -> ReplyParameters | None:
        """What says that a message answers another one, if that is still there."""
        if self.reply_to is None:
            return None
        return ReplyParameters(self.reply_to, allow_sending_without_reply=True)
