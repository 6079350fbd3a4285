"""Scope: who shares a conversation."""

from __future__ import annotations

from enum import Enum

from sessions.errors import InvalidValue


class Scope(Enum):
    """The four ways to map people and chats to conversations."""

    MAIN = "main"  # one conversation for the whole installation
    PER_PEER = "per-peer"  # one per person, wherever they write from on one platform
    PER_CHANNEL = "per-channel"  # one per chat, topic or thread, shared by all who write there
    PER_CHANNEL_PEER = "per-channel-peer"  # one per person within one chat: full isolation

    @classmethod
    def parse(cls, text: Scope | str) -> Scope:
        """Read the configuration's spelling or the short one used in chat.

        >>> Scope.parse("peer") is Scope.parse("per-peer")
        True
        """
        if isinstance(text, Scope):
            return text
        name = text.strip().lower()
        for scope in cls:
            if name in (scope.value, scope.short):
                return scope
        allowed = ", ".join(scope.short for scope in cls)
        raise InvalidValue(f"scope {text!r} is not one of {allowed}")

    @property
    def is_shared(self) -> bool:
        """Tell whether others take part in a conversation of this scope, so that it is nobody's alone."""
        return self in (Scope.PER_CHANNEL, Scope.MAIN)

    @property
    def short(self) -> str:
        """The spelling used in chat: `main`, `peer`, `channel`, `channel-peer`."""
        return self.value.removeprefix("per-")
