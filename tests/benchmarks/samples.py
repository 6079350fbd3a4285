"""Samples: what was measured, and medians and ratios over the rounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from tests.benchmarks.job import Job
from tests.benchmarks.stopwatch import Values


class Sample(NamedTuple):
    """The outcome of one job in one round: figures, or why there are none."""

    round: int
    job: Job
    values: Values
    floor: Values
    failed: str | None = None


class Source(NamedTuple):
    """A figure: field `name` of the samples of a job. `floor` takes the raw floor beside them."""

    job: Job
    name: str
    floor: bool = False


@dataclass(slots=True)
class Samples:
    """All samples of a run."""

    taken: list[Sample] = field(default_factory=list)

    def of(self, job: Job) -> Iterator[Sample]:
        """Find the good samples of a job."""
        return (sample for sample in self.taken if sample.job == job and sample.failed is None)

    def rounds(self, source: Source) -> dict[int, float]:
        """Give a figure for each round that has it."""
        found = ((sample.round, sample.floor if source.floor else sample.values) for sample in self.of(source.job))
        return {number: values[source.name] for number, values in found if source.name in values}

    def median(self, source: Source) -> float | None:
        """Give the median of a figure."""
        return _median(self.rounds(source).values())

    def ratio(self, source: Source, other: Source) -> float | None:
        """Give the median of the ratios, each of two figures of the same round."""
        ours, theirs = self.rounds(source), self.rounds(other)
        return _median(ours[number] / theirs[number] for number in ours if theirs.get(number))

    def floors(self, name: str) -> list[float]:
        """Give a figure of the floor from every process, in order of size."""
        return sorted(sample.floor[name] for sample in self.taken if name in sample.floor)

    def failures(self) -> dict[str, str]:
        """Give why jobs failed, each once."""
        failed = {str(sample.job): sample.failed for sample in self.taken if sample.failed is not None}
        for sample in self.taken:
            if count := sample.values.get("failed"):
                failed[str(sample.job)] = f"{count:.0f} turns failed; they are not timed"
        return failed


def at(ordered: Sequence[float], share: float) -> float:
    """Give the figure below which this share of them lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None
