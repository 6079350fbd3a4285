"""Rate limits: buckets by route and place, one limit over all, and the headers that tell."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Scope = Literal["user", "shared", "global"]


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    limit: int
    seconds: float


_GENEROUS = Rate(50, 1.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits in force. What the platform does is kept secret by it; `strict` is close to what bots see."""

    bucket: Rate = _GENEROUS
    overall: Rate | None = None

    @classmethod
    def strict(cls) -> Rates:
        """Give five requests in five seconds a bucket, fifty a second in all."""
        return cls(Rate(5, 5.0), Rate(50, 1.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and what its headers say."""

    headers: dict[str, str]
    retry_after: float = 0.0
    scope: Scope = "user"

    @property
    def passes(self) -> bool:
        """Whether it is within the limits."""
        return self.retry_after <= 0


@dataclass(slots=True)
class Window:
    """What was used of a rate since the first request of the window; when it is over, all is free again."""

    started: float = 0.0
    used: int = 0

    def take(self, rate: Rate, now: float) -> float:
        """Use one, or give the seconds to wait for one."""
        if now >= self.started + rate.seconds:
            self.started, self.used = now, 0
        if self.used >= rate.limit:
            return self.reset(rate, now)
        self.used += 1
        return 0.0

    def reset(self, rate: Rate, now: float) -> float:
        """Give the seconds until the window is over."""
        return self.started + rate.seconds - now


@dataclass(slots=True)
class Limiter:
    """Counts requests by the time that a client's own waiting is measured in."""

    rates: Rates = field(default_factory=Rates)
    _buckets: dict[tuple[str, str], Window] = field(default_factory=dict)
    _all: Window = field(default_factory=Window)

    def judge(self, route: str, place: str, *, counts_overall: bool) -> Verdict:
        """Count a request."""
        now, rate = time.monotonic(), self.rates.bucket
        overall = self.rates.overall if counts_overall else None
        if overall and (wait := self._all.take(overall, now)) > 0:
            return Verdict(_headers(route, rate, 0, wait), wait, "global")
        window = self._buckets.setdefault((route, place), Window())
        wait = window.take(rate, now)
        return Verdict(_headers(route, rate, rate.limit - window.used, window.reset(rate, now)), wait)


def _headers(route: str, rate: Rate, remaining: int, reset: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(max(0, remaining)),
        "X-RateLimit-Reset": f"{time.time() + reset:.3f}",
        "X-RateLimit-Reset-After": f"{max(reset, 0.001):.3f}",
        "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
    }
