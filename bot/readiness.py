"""Readiness: whether the bot can do its work now, part by part, in one word each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from adapters.channel import LastingChannel
from sessions.errors import SessionError, StoreFull, StoreReadOnly
from sessions.manager import SessionManager
from sessions.outcome import unattended
from sessions.parts import Clock

OK = "ok"
PATIENCE = 3.0  # seconds for a write
KEPT = 5.0  # seconds for which the last answer of the store counts: asking often must cost nothing
NOTE = "operations/ready"
READY = "ready"  # what the bot that runs is asked through its control socket


class Readiness:
    """Asks the store and the channels. `clock` gives seconds that only ever grow."""

    def __init__(self, sessions: SessionManager, channels: Sequence[LastingChannel], clock: Clock) -> None:
        self._sessions, self._channels, self._clock = sessions, channels, clock
        self._asking = asyncio.Lock()
        self._store, self._until = OK, float("-inf")
        self._writing: asyncio.Task[None] | None = None
        self.ending = False
        """Whether the program takes in nothing more."""

    async def parts(self) -> Mapping[str, str]:
        """Say of each part that it is `ok`, or in one word why not."""
        found = {"store": await self._ask_store()}
        found |= {channel.platform: channel.trouble() or OK for channel in self._channels}
        return found | ({"program": "ending"} if self.ending else {})

    async def _ask_store(self) -> str:
        async with self._asking:
            if self._clock() >= self._until:
                self._store = await self._write()
                self._until = self._clock() + KEPT
            return self._store

    async def _write(self) -> str:
        """Write a small note that is the same each time. What hangs is not asked again before it has answered."""
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._sessions.set_note(NOTE, {"asked": True}))
            unattended(self._writing)  # the program may end before anybody asks again
        await asyncio.wait({self._writing}, timeout=PATIENCE)
        if not self._writing.done():
            return "slow"
        writing, self._writing = self._writing, None
        try:
            writing.result()
        except StoreFull:
            return "full"
        except StoreReadOnly:
            return "readonly"
        except SessionError:
            return "failing"
        return OK


def is_ready(parts: Mapping[str, str]) -> bool:
    """Tell whether nothing is wrong with any part."""
    return all(word == OK for word in parts.values())
