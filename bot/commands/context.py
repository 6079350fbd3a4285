"""What a command handler is given, and what it may give back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from adapters.reply import Reply
from sessions.address import Address
from sessions.session import Session
from sessions.turn import Turn

if TYPE_CHECKING:
    from bot.linking import Linking
    from bot.pairing import Pairing
    from sessions.manager import SessionManager


class Services(Protocol):
    """What commands need of the running application, besides the sessions."""

    sessions: SessionManager  # what is stored, whether or not somebody is incognito
    default_model: str
    max_context_tokens: int
    zone: str
    main_scope_allowed: bool  # only chosen people are let in, so they may share one conversation
    pairing: Pairing
    linking: Linking

    async def stop(self, address: Address) -> bool:
        """Break off the reply that is being made for this conversation, if there is one."""

    async def prepare_erasure(self, address: Address) -> None:
        """End what goes on for somebody of whom everything is about to be erased."""

    async def set_incognito(self, address: Address, on: bool) -> bool:
        """Keep what follows in memory only, or stop doing so. Tells whether anything changed."""

    def is_incognito(self, address: Address) -> bool:
        """Tell whether this conversation is kept in memory only."""

    async def tell(self, address: Address, reply: Reply) -> None:
        """Say something to somebody that answers no message of theirs; for nothing where nobody can be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One command, by one person, at one place.

    `sessions` is the manager that holds this person's conversation: the encrypted store, or the
    one in memory while incognito. `clock` is the one the manager reads.
    """

    sessions: SessionManager
    services: Services
    address: Address
    author: str | None = None
    operator: bool = False
    clock: Callable[[], float] = time.time

    @property
    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    async def session(self) -> Session:
        """Give the conversation that the next message here would go to."""
        return await self.sessions.get_or_create_session(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """Ask the application to let the model answer a turn that a command has begun."""

    turn: Turn


Result = Reply | TurnRequest
