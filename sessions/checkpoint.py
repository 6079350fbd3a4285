"""Checkpoint: a name on a place in a transcript."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A place one can return to.

    `id` is the session's id and the checkpoint's number (`k3q7…-2`); in chat the number alone is
    enough. `automatic` ones are set before a restore or a clear so that nothing becomes unreachable.
    """

    id: str
    session_id: str
    number: int
    name: str
    description: str
    message_count: int
    created_at: datetime
    automatic: bool = False
