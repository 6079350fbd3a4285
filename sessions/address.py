"""Address: where a message came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from sessions.errors import InvalidValue

_CONTROL = re.compile("[\x00-\x1f\ud800-\udfff]")
MAX_ID = 256  # characters; the platforms' own ids are below 64


class ChatKind(Enum):
    """What sort of chat an address names; reset rules can differ by it."""

    PRIVATE = "private"
    GROUP = "group"
    THREAD = "thread"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Platform, bot account, chat, thread, person and kind of chat of one message.

    Ids are opaque: they keep their case and may hold any character but controls. A missing id is
    an error (`InvalidValue`), never a shared default. `thread_id` is set only for a forum topic or
    a thread of its own.
    """

    platform: str
    account: str
    chat_id: str
    user_id: str
    thread_id: str | None = None
    chat_kind: ChatKind = ChatKind.PRIVATE

    def __post_init__(self) -> None:
        for name in ("platform", "account", "chat_id", "user_id", "thread_id"):
            value = getattr(self, name)
            if value is None and name == "thread_id":
                continue
            if not isinstance(value, str) or not value:
                raise InvalidValue(f"address needs a {name}, got {value!r}")
            if len(value) > MAX_ID:
                raise InvalidValue(f"{name} is longer than {MAX_ID} characters")
            if _CONTROL.search(value):
                raise InvalidValue(f"{name} holds a control character")
        if not isinstance(self.chat_kind, ChatKind):
            raise InvalidValue(f"chat_kind must be a ChatKind, got {self.chat_kind!r}")
