"""Plan: which jobs make up a run, group by group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.job import Job
from tests.benchmarks.measures import BASE
from tests.benchmarks.stores import ENCRYPTED, GRAPH, NO_CACHE, OWN, PEER, RAW, STORES

GROUPS = ("turns", "growth", "timeline", "reading", "footprint", "import", "memory", "console")
LEVELS = (128, 16, 1)
ONCE = ("footprint", "import", "memory", "console")  # hardly change from round to round
READ = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 2.5
    many: int = 100_000  # what "a lot of messages" and "a lot of sessions" are

    def jobs(self, group: str) -> Iterator[Job]:
        """List a group's jobs, those to be compared next to each other."""
        if group == "turns":
            return (self.turns(store, clients) for clients in LEVELS for store in STORES)
        if group == "growth":
            return iter((self.history(10), self.history(self.many), self.crowd(10), self.crowd(self.many)))
        if group == "timeline":
            return (self.timeline(length) for length in self.lengths)
        if group == "reading":
            return (self.reading(store) for store in (OWN, RAW, PEER, ENCRYPTED, GRAPH))
        if group == "footprint":
            return (Job(measure=group, store=store) for store in (OWN, RAW, PEER, ENCRYPTED, GRAPH))
        if group == "import":
            return (Job(measure=group, store=store) for store in (OWN, PEER, GRAPH))
        if group == "memory":
            return (self.memory(store) for store in (OWN, NO_CACHE, RAW, PEER, ENCRYPTED, GRAPH))
        return iter((Job(measure=group, store=OWN),))

    @property
    def lengths(self) -> tuple[int, int]:
        """The lengths of session in which the ways back are timed."""
        return (READ, self.many) if self.many > READ else (READ // 10, READ)

    def turns(self, store: str, clients: int) -> Job:
        """Turns with so many conversations at once."""
        base = {"sessions": BASE.sessions, "messages": BASE.messages}
        return Job(measure="turns", store=store, clients=clients, seconds=self.seconds, **base)

    def memory(self, store: str) -> Job:
        """Memory with 128 conversations at once."""
        return Job(measure="memory", store=store, sessions=BASE.sessions, messages=BASE.messages, seconds=self.seconds)

    @staticmethod
    def history(messages: int) -> Job:
        """One turn after the other in a session of this length."""
        return Job(measure="growth", store=OWN, sessions=1, messages=messages)

    @staticmethod
    def crowd(sessions: int) -> Job:
        """One turn after the other with so many sessions stored."""
        return Job(measure="growth", store=OWN, sessions=sessions, messages=2)

    @staticmethod
    def timeline(messages: int) -> Job:
        """The ways back in a session of this length."""
        return Job(measure="timeline", store=OWN, sessions=1, messages=messages)

    @staticmethod
    def reading(store: str) -> Job:
        """Opening and reading a long session."""
        return Job(measure="reading", store=store, sessions=1, messages=READ)


QUICK = Plan(rounds=1, seconds=1.0, many=10_000)
