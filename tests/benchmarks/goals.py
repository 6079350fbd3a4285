"""Goals: what Palaver is meant to reach, each figure beside another of the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.benchmarks.job import Job
from tests.benchmarks.plan import PLATFORMS, Plan
from tests.benchmarks.samples import Samples, Source
from tests.benchmarks.stores import NO_CACHE, OWN, PEER

SESSION = "SQLiteSession"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal: a limit for a figure, or for its ratio to another one."""

    group: str
    what: str
    unit: str
    own: Source
    other: Source | None
    beside: str
    of: Literal["figure", "ratio"]
    limit: float
    at_least: bool = False
    waits: bool = False  # the figure holds the wait for one commit

    def value(self, samples: Samples) -> float | None:
        """Give the number that is compared with the limit."""
        if self.of == "figure":
            return samples.median(self.own)
        return None if self.other is None else samples.ratio(self.own, self.other)

    def met(self, samples: Samples) -> str:
        """Say whether it is reached, where that can be told."""
        value = self.value(samples)
        if value is None:
            return "?"
        if value >= self.limit if self.at_least else value <= self.limit:
            return "yes"
        commit = samples.median(Source(self.own.job, "commit_ms", floor=True))
        return "not here" if self.waits and commit and commit >= self.limit else "no"


def goals(plan: Plan) -> Iterator[Goal]:
    """List the goals of all groups."""
    yield from _turns(plan)
    yield from _growth(plan)
    yield from _ways_back(plan)
    yield from _size(plan)
    yield from _bot(plan)
    yield from _shell(plan)
    yield from _server(plan)


def _turns(plan: Plan) -> Iterator[Goal]:
    def source(store: str, clients: int, name: str) -> Source:
        return Source(plan.turns(store, clients), name)

    def rate(store: str, clients: int, what: str, limit: float) -> Goal:
        return Goal(
            group="turns", what=what, unit="turns/s", own=source(store, clients, "tps"),
            other=source(PEER, clients, "tps"), beside=SESSION, of="ratio", limit=limit, at_least=True,
        )  # fmt: skip

    yield rate(OWN, 128, "128 conversations at once", 10)
    yield Goal(
        group="turns", what="the same, p99", unit="ms", own=source(OWN, 128, "p99_ms"),
        other=source(PEER, 128, "p99_ms"), beside=SESSION, of="figure", limit=25,
    )  # fmt: skip
    yield rate(NO_CACHE, 128, "128, every tail read from disk", 3)
    yield rate(OWN, 16, "16 conversations at once", 9)
    alone = source(OWN, 1, "p50_ms")
    yield Goal(
        group="turns", what="one conversation, p50", unit="ms", own=alone, other=source(PEER, 1, "p50_ms"),
        beside=SESSION, of="ratio", limit=0.7,
    )  # fmt: skip
    yield Goal(
        group="turns", what="one conversation, p50", unit="ms", own=alone,
        other=Source(plan.turns(OWN, 1), "turn_ms", floor=True), beside="raw sqlite3", of="ratio", limit=3,
    )  # fmt: skip


def _growth(plan: Plan) -> Iterator[Goal]:
    many = f"{plan.many:,}"
    for what, large, small in (
        (f"p50 with {many} messages in the session", plan.history(plan.many), plan.history(10)),
        (f"p50 with {many} sessions", plan.crowd(plan.many), plan.crowd(10)),
    ):
        yield Goal(
            group="growth", what=what, unit="ms", own=Source(large, "p50_ms"), other=Source(small, "p50_ms"),
            beside="with 10", of="ratio", limit=1.2,
        )  # fmt: skip


def _ways_back(plan: Plan) -> Iterator[Goal]:
    for length in plan.lengths:
        job = plan.timeline(length)
        for name, limit in (("checkpoint", 0.5), ("restore", 1.0), ("undo", 1.0), ("fork", 1.0)):
            yield Goal(
                group="timeline", what=f"{name}, {length:,} messages", unit="ms", own=Source(job, f"{name}_ms"),
                other=Source(job, "commit_ms", floor=True), beside="one raw commit", of="figure", limit=limit,
                waits=True,
            )  # fmt: skip


def _size(plan: Plan) -> Iterator[Goal]:
    def beside_peer(group: str, what: str, unit: str, job: Job, peer: Job, name: str, limit: float) -> Goal:
        return Goal(
            group=group, what=what, unit=unit, own=Source(job, name), other=Source(peer, name), beside=SESSION,
            of="figure", limit=limit,
        )  # fmt: skip

    ours, theirs = plan.reading(OWN), plan.reading(PEER)
    yield beside_peer("reading", "open the store, read the last 50", "ms", ours, theirs, "open_ms", 2)
    yield beside_peer("reading", "read 10,000 messages", "ms", ours, theirs, "read_ms", 30)
    for group, what, unit, name, limit in (
        ("footprint", "bytes on disk per 500-byte message", "bytes", "bytes_per_message", 800),
        ("import", "import", "ms", "import_ms", 100),
    ):
        ours, theirs = Job(measure=group, store=OWN), Job(measure=group, store=PEER)
        yield beside_peer(group, what, unit, ours, theirs, name, limit)
    ours, theirs = plan.memory(OWN), plan.memory(PEER)
    yield beside_peer("memory", "peak memory, 128 live conversations", "MiB", ours, theirs, "peak_mib", 60)
    for what, name in (("at a terminal", "terminal_mib"), ("with piped input", "pipe_mib")):
        yield Goal(
            group="console", what=f"peak memory, console {what}", unit="MiB",
            own=Source(Job(measure="console", store=OWN), name), other=None, beside="", of="figure", limit=80,
        )  # fmt: skip


def _bot(plan: Plan) -> Iterator[Goal]:
    for name, limit in (("p50", 3), ("p99", 15)):
        yield Goal(
            group="cost", what=f"own cost of a bot's turn, {plan.stored:,} stored, {name}", unit="ms",
            own=Source(plan.cost, f"{name}_ms"), other=Source(plan.cost, "commit_ms", floor=True),
            beside="one raw commit", of="figure", limit=limit, waits=True,
        )  # fmt: skip
    for platform in PLATFORMS:
        yield Goal(
            group="reset", what=f"reset during a reply, {platform.capitalize()}, p99", unit="ms",
            own=Source(plan.reset(platform), "p99_ms"), other=None, beside="", of="figure", limit=1000,
        )  # fmt: skip


def _shell(plan: Plan) -> Iterator[Goal]:
    def goal(what: str, unit: str, name: str, limit: float, *, at_least: bool = False) -> Goal:
        return Goal(
            group="shell", what=what, unit=unit, own=Source(plan.shell, name), other=None, beside="", of="figure",
            limit=limit, at_least=at_least,
        )  # fmt: skip

    yield goal("palaver --help", "ms", "help_ms", 150)
    yield goal("sessions list --limit 20, beyond start-up", "ms", "list_ms", 150)
    yield goal("sessions search", "messages/s", "search_rate", 200_000, at_least=True)
    yield goal("sessions export", "messages/s", "export_rate", 50_000, at_least=True)
    yield goal("sessions import", "messages/s", "import_rate", 50_000, at_least=True)
    yield goal("keys rotate", "sessions/s", "rotate_rate", 20_000, at_least=True)


def _server(plan: Plan) -> Iterator[Goal]:
    for what, name in (("128 conversations at once", "tps"), ("one conversation", "one_tps")):
        for beside, other, limit in (("asyncpg by hand", "hand", 0.7), ("the fastest peer", "peer", 5)):
            yield Goal(
                group="server", what=f"on PostgreSQL, {what}", unit="turns/s", own=Source(plan.server, f"own_{name}"),
                other=Source(plan.server, f"{other}_{name}"), beside=beside, of="ratio", limit=limit, at_least=True,
            )  # fmt: skip
    yield Goal(
        group="server", what="on PostgreSQL, two workers", unit="turns/s", own=Source(plan.server, "two_tps"),
        other=Source(plan.server, "worker_tps"), beside="one worker", of="ratio", limit=1.6, at_least=True,
    )  # fmt: skip
