"""What happened, in order, as people saw it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.fakes.discord.message import Message
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `only` saw it if set."""

    channel: Channel
    who: User
    text: str
    only: User | None = None
    message: Message | None = None

    def line(self) -> str:
        """Write it for a transcript."""
        alone = f" (to {self.only.name} alone)" if self.only else ""
        return f"[{self.channel.title}] {self.who.name}{alone}: {self.text}"


@dataclass(slots=True)
class Chronicle:
    """All entries, and a way to wait for the next."""

    entries: list[Entry] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, entry: Entry) -> None:
        """Write an entry down."""
        self.entries.append(entry)
        self.touch()

    def touch(self) -> None:
        """Wake who waits, after a change that is no entry."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, look: Callable[[], T | None], seconds: float, what: str) -> T:
        """Wait until `look` finds something."""
        try:
            async with asyncio.timeout(seconds):
                while (found := look()) is None:
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"waited {seconds} s in vain for {what}\n{self.transcript()}") from None
        return found

    async def next_after(self, count: int) -> list[Entry]:
        """Wait for entries beyond the first `count`."""
        while len(self.entries) <= count:
            await self._changed.wait()
        return self.entries[count:]

    def transcript(self) -> str:
        """Write everything down, a line each."""
        return "\n".join(entry.line() for entry in self.entries)


def described(message: Message) -> str:
    """Write a message with its files and buttons on one line."""
    parts = [message.content, *(f"<file {file.name}, {len(file.content)} bytes>" for file in message.files)]
    parts += [f"[{button.label}]" for button in message.buttons]
    parts += [str(embed.get("description") or embed.get("title") or "") for embed in message.embeds]
    return " ".join(filter(None, parts)) or "..."
