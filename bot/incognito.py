"""Incognito: conversations that are kept in memory only, while their people want it so."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack

from sessions.address import Address
from sessions.manager import SessionManager
from sessions.parts import Clock
from sessions.summaries import Summarizer

KEY_SIZE = 32


class Incognito:
    """A second manager without a file, made when somebody first asks for it.

    Nobody shares a conversation there, whatever the scope of the installation. Its key is drawn anew
    each time and kept nowhere.
    """

    def __init__(self, *, summarizer: Summarizer, clock: Clock) -> None:
        self._make: Callable[[], SessionManager] = lambda: SessionManager.open(
            encryption_key=secrets.token_bytes(KEY_SIZE), summarizer=summarizer, clock=clock
        )
        self._stack = AsyncExitStack()
        self._sessions: SessionManager | None = None
        self._making = asyncio.Lock()
        self._people: set[Address] = set()

    def sessions_of(self, address: Address) -> SessionManager | None:
        """Give the manager for somebody who is incognito, None for everybody else."""
        return self._sessions if address in self._people else None

    def places(self) -> list[Address]:
        """Give where somebody is incognito."""
        return list(self._people)

    async def enter(self, address: Address) -> bool:
        """Keep what this person says here in memory only; tell whether that is new."""
        if address in self._people:
            return False
        async with self._making:
            if self._sessions is None:
                self._sessions = await self._stack.enter_async_context(self._make())
        self._people.add(address)
        return True

    async def leave(self, address: Address) -> bool:
        """Forget what this person said incognito; tell whether they were."""
        if address not in self._people or self._sessions is None:
            return False
        self._people.discard(address)
        for session in await self._sessions.list_sessions(address):
            await self._sessions.delete_session(session.id)
        return True

    async def close(self) -> None:
        """Forget everything."""
        self._people.clear()
        self._sessions = None
        await self._stack.aclose()
