"""Store: what an adapter does, so that every store is driven by the same code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.workload import CONTEXT, USAGE

Usage = tuple[int, int]


class Store(ABC):
    """One store in a folder of its own. Making the object costs what only the adapter needs; it is not timed."""

    chunk = 1000  # messages given to `fill` at a time
    at_once = 1  # sessions that are filled side by side

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "store.db"

    @abstractmethod
    async def open(self) -> None:
        """Be ready to work."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything."""

    @abstractmethod
    async def append(self, session: str, role: str, text: str, usage: Usage | None = None) -> None:
        """Store one message for good."""

    @abstractmethod
    async def last(self, session: str, count: int) -> Sequence[object]:
        """Read the newest messages, oldest first, as the store gives them."""

    @abstractmethod
    async def all(self, session: str) -> Sequence[object]:
        """Read the whole history."""

    @abstractmethod
    def text(self, message: object) -> str:
        """Give the text of what was read."""

    async def turn(self, session: str, user: str, reply: str) -> int:
        """Do one turn; give the number of messages read for the model."""
        await self.append(session, "user", user)
        context = await self.last(session, CONTEXT)
        await self.append(session, "assistant", reply, USAGE)
        return len(context)

    async def fill(self, session: str, messages: Sequence[tuple[str, str]]) -> None:
        """Store many messages in their order, in bulk where the store can; never timed."""
        for role, text in messages:
            await self.append(session, role, text, USAGE if role == "assistant" else None)

    async def forget(self, session: str) -> None:  # noqa: B027 - few have anything to forget
        """Drop what the adapter holds for a session; used while filling."""


def item_text(message: object) -> str:
    """Give the text of a message that is a dict with its content."""
    if not isinstance(message, dict) or not isinstance(message["content"], str):
        raise TypeError(f"not a message: {type(message).__name__}")
    return message["content"]
