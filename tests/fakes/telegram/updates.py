"""Updates: what waits to be told to the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fakes.telegram.bell import Bell
from tests.fakes.telegram.failure import OTHER_POLL, Cut, Failure
from tests.fakes.telegram.message import Json

KEPT_SECONDS = 24 * 3600
LONGEST_POLL = 50
# What a bot must ask for by name.
ASKED_FOR = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One thing that happened; `chat` is where, and orders the deliveries to a webhook."""

    id: int
    at: float
    chat: int
    kind: str
    body: Json

    def as_json(self) -> Json:
        """Give it as the server writes it."""
        return {"update_id": self.id, self.kind: self.body}


class Updates:
    """The queue of one bot: confirmed by a higher offset, forgotten after a day."""

    def __init__(self, clock: Callable[[], float], changed: Bell) -> None:
        self.duplicates = 0
        self.reorders = 0
        self.allowed: Sequence[str] = ()
        self.arrived = Bell()
        self._clock, self._changed = clock, changed
        self._next_id = 100_000_001
        self._waiting: list[Update] = []
        self._again: list[Update] = []
        self._poll: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> list[Update]:
        """What is not confirmed and not too old, oldest first."""
        self._waiting = [update for update in self._waiting if self._clock() - update.at < KEPT_SECONDS]
        return self._waiting

    @property
    def is_polled(self) -> bool:
        """Whether a long poll is open."""
        return self._poll is not None and not self._poll.done()

    def add(self, kind: str, body: Json, chat: int) -> None:
        """Queue an update, unless its kind is not asked for."""
        if kind not in self.allowed if self.allowed else kind in ASKED_FOR:
            return
        self._waiting.append(Update(id=self._next_id, at=self._clock(), chat=chat, kind=kind, body=body))
        self._next_id += 1
        self.arrived.ring()
        if self._poll and not self._poll.done():
            self._poll.set_result(None)

    async def poll(self, offset: int, limit: int, seconds: int) -> list[Json]:
        """Answer getUpdates: the poll that is open already is ended by this one."""
        self.end_poll(Failure(409, OTHER_POLL))
        self._confirm_below(offset)
        if not self.waiting and not self._again and seconds > 0:
            await self._wait(min(seconds, LONGEST_POLL))
        return [update.as_json() for update in self._batch(min(max(limit, 1), 100))]

    def end_poll(self, why: Failure | Cut) -> None:
        """End the long poll that is open, if any."""
        if self._poll and not self._poll.done():
            self._poll.set_exception(why)
        self._poll = None

    def confirm(self, update: Update) -> bool:
        """Forget an update that arrived, and tell whether it is to be delivered once more."""
        if update in self._waiting:
            self._waiting.remove(update)
            self._changed.ring()
        self.duplicates -= (again := self.duplicates > 0)
        return again

    def clear(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()

    async def _wait(self, seconds: int) -> None:
        poll = self._poll = asyncio.get_running_loop().create_future()
        self._changed.ring()
        try:
            async with asyncio.timeout(seconds):
                await poll
        except TimeoutError:
            pass
        finally:
            if self._poll is poll:
                self._poll = None

    def _confirm_below(self, offset: int) -> None:
        waiting = self.waiting
        first = waiting[offset:][0].id if offset < 0 and waiting else offset
        for update in [update for update in waiting if update.id < first]:
            if self.confirm(update):
                self._again.append(update)

    def _batch(self, limit: int) -> list[Update]:
        batch = [*self._again, *self.waiting][:limit]
        self._again = self._again[limit:]
        if self.reorders and len(batch) > 1:
            self.reorders -= 1
            batch.reverse()
        return batch
