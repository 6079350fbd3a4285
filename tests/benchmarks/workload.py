"""Workload: the unit of work, a turn, and clients that do one after the other.

A turn: append the user's message (200 characters), read the last 50 messages for the model, append the
reply (800 characters) with its usage. A client is a task with a session of its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Protocol

CONTEXT = 50  # messages read for the model in each turn
USAGE = (500, 200)  # tokens in, tokens out
PREFIX = 10  # the number that makes each text a new one, and the space after it

_random = random.Random(7)
_WORDS = ["".join(_random.choices("etaoinshrdlucmfwyp", k=_random.randint(2, 9))) for _ in range(3000)]


def _texts(size: int) -> list[str]:
    return [" ".join(_random.choices(_WORDS, k=size))[: size - PREFIX] for _ in range(128)]


_USER, _REPLY = _texts(200), _texts(800)


def user(index: int) -> str:
    """Give the text of a person: 200 characters, different for each index."""
    return f"{index:09d} {_USER[index % 128]}"


def reply(index: int) -> str:
    """Give the text of a model: 800 characters, different for each index."""
    return f"{index:09d} {_REPLY[index % 128]}"


def history(count: int) -> list[tuple[str, str]]:
    """Give `count` messages, people and model in turns, as (role, text)."""
    return [("assistant", reply(i // 2)) if i % 2 else ("user", user(i // 2)) for i in range(count)]


class TakesTurns(Protocol):
    """What a client needs."""

    async def turn(self, session: str, user: str, reply: str) -> int:
        """Do one turn; give the number of messages read for the model."""


@dataclass(slots=True)
class Record:
    """What the clients of one run saw."""

    latencies: list[float] = field(default_factory=list)  # in seconds
    errors: dict[str, int] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)  # the last reply given to each session
    seconds: float = 0.0

    def add(self, other: Record) -> None:
        """Take in what was seen in another run, after this one."""
        self.latencies += other.latencies
        self.errors |= other.errors
        self.newest |= other.newest
        self.seconds += other.seconds


async def drive(store: TakesTurns, sessions: list[str], *, seconds: float, turns: int = 1_000_000) -> Record:
    """Let one client per session do turns, each when its last one ended, until either limit is reached.

    A failed turn is counted and not timed.
    """
    record = Record()
    began = time.perf_counter()
    await asyncio.gather(*(_client(store, name, turns, began + seconds, record) for name in sessions))
    record.seconds = time.perf_counter() - began
    return record


async def _client(store: TakesTurns, session: str, turns: int, deadline: float, record: Record) -> None:
    for index in range(turns):
        began = time.perf_counter()
        if began > deadline:
            return
        await asyncio.sleep(0)  # every client has arrived, so the time in the queue counts
        said, answer = user(index), reply(index)
        try:
            await store.turn(session, said, answer)
        except Exception as error:  # noqa: BLE001 - whatever a store raises is a failed turn
            name = f"{type(error).__name__}: {error}".splitlines()[0][:120]
            record.errors[name] = record.errors.get(name, 0) + 1
        else:
            record.latencies.append(time.perf_counter() - began)
            record.newest[session] = answer
