"""Ledger: what was said, what was answered to it, and how long that took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.benchmarks.samples import at
from tests.benchmarks.stopwatch import Values


class Entry(NamedTuple):
    """One message of a person and its answer."""

    said: float
    answered: float | None

    @property
    def seconds(self) -> float:
        """How long the answer took; it must be there."""
        assert self.answered is not None
        return self.answered - self.said


@dataclass(slots=True)
class Ledger:
    """By person, in the order in which they spoke."""

    said: list[list[float]]
    answered: list[list[float | None]] = field(default_factory=list)
    open: int = 0
    disordered: int = 0

    @classmethod
    def of(cls, people: int) -> Ledger:
        """Give an empty one."""
        return cls([[] for _ in range(people)], [[] for _ in range(people)])

    def say(self, person: int, moment: float) -> int:
        """Note that somebody speaks; give the number of the message."""
        self.said[person].append(moment)
        self.answered[person].append(None)
        self.open += 1
        return len(self.said[person]) - 1

    def answer(self, person: int, number: int, moment: float) -> bool:
        """Note an answer; tell whether it is the first one to that message."""
        answered = self.answered[person]
        if answered[number] is not None:
            return False
        if number + 1 < len(answered) and answered[number + 1] is not None:
            self.disordered += 1
        answered[number] = moment
        self.open -= 1
        return True

    @property
    def total(self) -> int:
        """How much was said."""
        return sum(map(len, self.said))

    def since(self, moment: float) -> Iterator[Entry]:
        """Give what was said from that moment on."""
        for said, answered in zip(self.said, self.answered, strict=True):
            for entry in map(Entry, said, answered):
                if entry.said >= moment:
                    yield entry


def spread(seconds: list[float]) -> Values:
    """Give how long answers took, in milliseconds."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    return {name: at(ordered, share) * 1e3 for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))}
