"""Query: the press of a button."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

ANSWER_SECONDS = 60
EPHEMERAL_SECONDS = 15


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the bot showed to the person who pressed."""

    text: str = ""
    show_alert: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Query:
    """A press that waits for its answer."""

    id: str
    at: float
    person: int
    chat: int
    answer: asyncio.Future[CallbackAnswer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
