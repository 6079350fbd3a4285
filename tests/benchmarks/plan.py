"""Plan: which jobs make up a run, group by group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.job import Job
from tests.benchmarks.measures import BASE
from tests.benchmarks.stores import ENCRYPTED, GRAPH, NO_CACHE, OWN, PEER, RAW, STORES

GROUPS = (
    "turns",
    "growth",
    "timeline",
    "reading",
    "footprint",
    "import",
    "memory",
    "console",
    "channels",
    "cost",
    "reset",
    "known",
    "shell",
    "server",
)
LEVELS = (128, 16, 1)
ONCE = ("footprint", "import", "memory", "console", "reset", "known", "shell")  # hardly change from round to round
READ = 10_000
PLATFORMS = {"telegram": "Telegram, long polling", "discord": "Discord, gateway"}
OF_EACH, FEW = 100, 10  # messages in each session of a store that holds very many


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 2.5
    many: int = 100_000  # what "a lot of messages" and "a lot of sessions" are
    stored: int = 1_000_000  # messages in the store of a bot whose own cost is measured
    people: int = 200  # who talk to a bot at once
    met: int = 10_000  # people whom a bot has met
    resets: int = 100

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
        if group == "channels":
            return (self.talk(platform) for platform in PLATFORMS)
        if group == "reset":
            return (self.reset(platform) for platform in PLATFORMS)
        single = {"cost": self.cost, "known": self.known, "shell": self.shell, "server": self.server}
        return iter((single.get(group, Job(measure=group, store=OWN)),))

    @property
    def lengths(self) -> tuple[int, int]:
        """The lengths of session in which the ways back are timed."""
        return (READ, self.many) if self.many > READ else (READ // 10, READ)

    def turns(self, store: str, clients: int) -> Job:
        """Turns with so many conversations at once."""
        return Job(
            measure="turns",
            store=store,
            sessions=BASE.sessions,
            messages=BASE.messages,
            clients=clients,
            seconds=self.seconds,
        )

    def memory(self, store: str) -> Job:
        """Memory with 128 conversations at once."""
        return Job(measure="memory", store=store, sessions=BASE.sessions, messages=BASE.messages, seconds=self.seconds)

    def talk(self, platform: str) -> Job:
        """People talk to a bot, each saying the next thing when the reply has arrived."""
        return Job(measure="talk", store=OWN, clients=self.people, seconds=self.seconds, platform=platform)

    def reset(self, platform: str) -> Job:
        """People reset while a reply streams."""
        return Job(measure="reset", store=OWN, clients=self.resets, platform=platform)

    @property
    def cost(self) -> Job:
        """A bot's turns, one after the other, with very many messages stored."""
        return Job(measure="cost", store=OWN, sessions=self.stored // OF_EACH, messages=OF_EACH)

    @property
    def known(self) -> Job:
        """A bot that has met many people."""
        return Job(measure="known", store=OWN, clients=self.met)

    @property
    def shell(self) -> Job:
        """An operator's commands, with very many short conversations stored."""
        return Job(measure="shell", store=OWN, sessions=self.stored // FEW, messages=FEW)

    @property
    def server(self) -> Job:
        """Turns on a PostgreSQL server."""
        return Job(measure="server", store=OWN, clients=BASE.sessions, seconds=self.seconds)

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


QUICK = Plan(rounds=1, seconds=1.0, many=10_000, stored=10_000, met=1_000, resets=20)
