"""Session: one conversation, from its start to its reset."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sessions.message import JsonValue, Usage
from sessions.scope import Scope

ID_LENGTH = 12
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 base32, lower case


class Status(Enum):
    """Where a session stands. The first and the fourth are the current one of their key."""

    ACTIVE = "active"  # takes the next message
    PAUSED = "paused"  # set aside by a switch; can be resumed
    COMPLETED = "completed"  # archived by /new or /reset
    ERROR = "error"  # takes the next message, but the last reply failed
    EXPIRED = "expired"  # archived by a scheduled reset

    @property
    def is_current(self) -> bool:
        """Tell whether a session of this status takes the next message of its key."""
        return self in (Status.ACTIVE, Status.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is known of one conversation. A snapshot: it does not change under its reader."""

    id: str
    status: Status
    scope: Scope
    title: str | None
    tags: tuple[str, ...]
    model: str | None
    created_at: datetime
    last_activity_at: datetime
    updated_at: datetime
    message_count: int
    usage: Usage
    next_reset_at: datetime | None = None
    forked_from: str | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    backend: str | None = None


def new_id() -> str:
    """Draw a session id: 12 base32 characters, 60 random bits."""
    return b32encode(secrets.token_bytes(8))[:ID_LENGTH].decode().lower()


def looks_like_id(text: str) -> bool:
    """Tell whether `text` could be an id or the beginning of one."""
    return 0 < len(text) <= ID_LENGTH and all(char in _ALPHABET for char in text.lower())


def named(session_id: str) -> str:
    """Name a session whose stored id may have been changed, without characters that could do harm in a terminal."""
    return session_id if looks_like_id(session_id) else ascii(session_id[:40])
