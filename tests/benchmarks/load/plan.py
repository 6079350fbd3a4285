"""Plan: which scenes make up a run, and for how long each is played."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured; times are in seconds."""

    workers: tuple[int, ...] = (1, 2, 4)
    people: int = 400
    talkers: int = 160  # who say the next thing as soon as the last one is answered
    warm_up: float = 3.0
    seconds: float = 12.0
    shares: tuple[float, ...] = (0.5, 0.8)  # of the saturation, at which latency is measured
    day_seconds: float = 72.0
    day_workers: int = 2
    day_share: float = 0.8  # of the saturation, at the busiest hour
    streamed_seconds: float = 4.0  # for which an answer streams
    streaming: float = 24.0
    killed_after: float = 8.0
    killing: float = 40.0
    killed_rate: float = 8.0  # messages a second
    killed_answer: float = 2.0
    lease: int = 15
    alone: float = 4.0  # for what is measured by itself
    store_clients: int = 128


QUICK = Plan(
    workers=(1, 2), people=60, talkers=20, warm_up=0.5, seconds=2.0, day_seconds=6.0, streaming=3.0,
    streamed_seconds=0.5, killed_after=1.0, killing=4.0, lease=3, alone=0.5, store_clients=16,
)  # fmt: skip
