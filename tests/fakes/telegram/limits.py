"""Limits: how fast a bot may speak."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from tests.fakes.telegram.chat import Chat

PRIVATE_BURST = 3
GROUP_PER_MINUTE = 20
ALL_PER_SECOND = 30


class Window:
    """At most so many events in any stretch of so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._times: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Tell how long one has to wait for the next event."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return self._times[-self._most] + self._seconds - now if len(self._times) >= self._most else 0.0

    def count(self, now: float) -> None:
        """Note an event."""
        self._times.append(now)


class Bucket:
    """One event a second, and a few at once after a silence."""

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._left = float(burst)
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Tell how long one has to wait for the next event."""
        if self._at is not None:
            self._left = min(float(self._burst), self._left + max(0.0, now - self._at))
        self._at = now
        return max(0.0, 1.0 - self._left)

    def count(self, _now: float) -> None:
        """Note an event."""
        self._left = max(0.0, self._left - 1)


class Limits:
    """Counts what the bot sends, and notes whenever that was too fast."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.violations: list[str] = []
        self._clock = clock
        self._all = Window(ALL_PER_SECOND, 1.0)
        self._chats: dict[int, Window | Bucket] = {}

    def spend(self, chat: Chat, *, enforce: bool) -> int | None:
        """Count a message to a chat, or give the seconds to wait when it is refused."""
        now, most = self._clock(), 0.0
        own = self._chats.setdefault(
            chat.id, Window(GROUP_PER_MINUTE, 60.0) if chat.type != "private" else Bucket(PRIVATE_BURST)
        )
        for limit, words in ((own, f"chat {chat.id} ({chat.type})"), (self._all, "all chats together")):
            if (wait := limit.wait(now)) > 1e-6:
                self.violations.append(f"too fast by {wait:.2f} s: {words}")
                most = max(most, wait)
        if most and enforce:
            return max(1, math.ceil(most))
        own.count(now)
        self._all.count(now)
        return None
