"""Limiter: how fast a bot may speak, in each chat and in all."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

# A little more than Telegram's own second and minute: what goes out evenly does not arrive evenly.
SECOND, MINUTE = 1.125, 61.0
BURST = 3  # messages to one chat at once after a silence; then one each second
GROUP_MINUTE = 20  # messages to a group in any minute
ALL_SECOND = 30  # messages to all chats in any second
KEPT_CHAT, KEPT_GROUP, KEPT_ALL = 1, 6, 10  # room that streaming leaves to messages
MOST_CHATS = 10_000


@dataclass(slots=True)
class _Chat:
    even: float = 0.0  # when the chat has had one message a second again
    held: float = 0.0
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=GROUP_MINUTE))

    def free(self, *, group: bool) -> float:
        full = self.sent[0] + MINUTE if group and len(self.sent) == GROUP_MINUTE else 0.0
        return max(self.even - (BURST - 1) * SECOND, full)

    def count(self, at: float) -> None:
        self.even = max(self.even, at) + SECOND
        self.sent.append(at)


class Limiter:
    """Gives room to messages in the order in which they ask for it, and to streaming only what they leave.

    Telegram lets some bots send more than `all_second` messages a second, against payment. It counts what all workers
    send together, so each of `workers` has its part of that; a chat is one worker's alone.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        *,
        all_second: int = ALL_SECOND,
        workers: Callable[[], int] = lambda: 1,
    ) -> None:
        self._now, self._all_second, self._workers = now, all_second, workers
        self._chats: dict[int, _Chat] = {}
        self._all: deque[float] = deque(maxlen=all_second)

    async def room(self, chat: int) -> float:
        """Wait until a message may go to a chat, and count it; give the moment that was counted, for `arrived`."""
        at = self.book(chat, self._now())
        await self._pass(at, chat)
        await self._pass(self.book_all(self._now()), chat)
        return at

    def arrived(self, chat: int, at: float, now: float | None = None) -> None:
        """Count a message for the moment when it arrived, rather than the one that was meant: Telegram does."""
        now = self._now() if now is None else now
        entry = self._entry(chat, now)
        entry.even = min(entry.even + max(0.0, now - at), max(entry.even, now + BURST * SECOND))
        if entry.sent and entry.sent[-1] == at:
            entry.sent[-1] = max(at, now)

    def book(self, chat: int, now: float) -> float:
        """Count a message to a chat; give the moment for it as far as the chat goes."""
        entry = self._entry(chat, now)
        at = max(now, entry.free(group=chat < 0))
        entry.count(at)
        return at

    def book_all(self, now: float) -> float:
        """Count a message; give the moment for it as far as all chats go."""
        most = self._most()
        at = max(now, self._all[-most] + SECOND) if len(self._all) >= most else now
        self._all.append(at)
        return at

    def spare(self, chat: int, now: float | None = None) -> bool:
        """Tell whether something may go at once that could as well be left out; if so it is counted."""
        now = self._now() if now is None else now
        entry = self._entry(chat, now)
        lately = sum(at > now - MINUTE for at in entry.sent)
        if (
            now < entry.held
            or entry.even - now > (BURST - 1 - KEPT_CHAT) * SECOND
            or (chat < 0 and lately >= GROUP_MINUTE - KEPT_GROUP)
            or sum(at > now - SECOND for at in self._all) >= self._most() - KEPT_ALL // self._workers()
        ):
            return False
        entry.count(now)
        self._all.append(now)
        return True

    def hold(self, chat: int, seconds: float, now: float | None = None) -> None:
        """Let nothing go to a chat for a while; the others go on."""
        now = self._now() if now is None else now
        entry = self._entry(chat, now)
        entry.held = max(entry.held, now + seconds)

    def held_until(self, chat: int) -> float:
        """Give the moment up to which nothing may go to a chat."""
        entry = self._chats.get(chat)
        return 0.0 if entry is None else entry.held

    def _most(self) -> int:
        """Give how many messages this worker may send in a second."""
        return max(1, self._all_second // self._workers())

    async def _pass(self, at: float, chat: int) -> None:
        while (wait := max(at, self.held_until(chat)) - self._now()) > 0:  # noqa: ASYNC110 - it may be held again meanwhile
            await asyncio.sleep(wait)

    def _entry(self, chat: int, now: float) -> _Chat:
        entry = self._chats.get(chat)
        if entry is None:
            if len(self._chats) >= MOST_CHATS:
                self._forget(now)
            entry = self._chats[chat] = _Chat()
        return entry

    def _forget(self, now: float) -> None:
        """Forget the chats that may speak as if they never had."""
        for chat, entry in list(self._chats.items()):
            last = entry.sent[-1] if entry.sent else 0.0
            if max(entry.even, entry.held, last + MINUTE) <= now:
                del self._chats[chat]
