"""Turn: one thing said by a person and the reply to it."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A user's message that is committed and waits for its reply.

    `anchor` is where that message is stored; a reply that comes after the conversation has moved on
    goes behind the anchor and is not shown.
    """

    session_id: str
    message: Message
    anchor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOutcome:
    """What became of a turn.

    `message` is None when the model failed before it said anything. `current` is False for a reply
    that came too late to be shown.
    """

    message: Message | None
    current: bool
