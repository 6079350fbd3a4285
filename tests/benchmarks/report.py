"""Report: the tables of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.goals import Goal, goals
from tests.benchmarks.job import Job
from tests.benchmarks.plan import PLATFORMS, Plan
from tests.benchmarks.samples import Samples, Source, at
from tests.benchmarks.stores import STORES

NONE = "-"
SERVER = {
    "own": "Palaver",
    "worker": "Palaver, as one worker",
    "two": "Palaver, two workers",
    "hand": "asyncpg by hand, a statement for each message",
    "graph": "LangGraph AsyncPostgresSaver",
    "agents": "openai-agents SQLAlchemySession, asyncpg",
}


def report(samples: Samples, plan: Plan, groups: Sequence[str]) -> str:
    """Write the goals first, then what the stores did side by side, then what to know about it."""
    parts = [_goals(samples, plan, groups)]
    if "turns" in groups:
        parts.append(_turns(samples, plan))
    parts += filter(
        None,
        (
            _sizes(samples, plan),
            _channels(samples, plan),
            _cost(samples, plan),
            _known(samples, plan),
            _shell(samples, plan),
            _server(samples, plan),
        ),
    )
    return "\n\n".join([*parts, "\n".join(_notes(samples, plan))])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table whose columns line up; all but the first to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return f"| {' | '.join(cells)} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def number(value: float | None) -> str:
    """Write a number with three digits that count."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _goals(samples: Samples, plan: Plan, groups: Sequence[str]) -> str:
    rows = [_goal(samples, goal) for goal in goals(plan) if goal.group in groups]
    return table(["goal", "Palaver", "beside it", "", "ratio", "wanted", "met"], rows)


def _goal(samples: Samples, goal: Goal) -> list[str]:
    own = samples.median(goal.own)
    other = None if goal.other is None else samples.median(goal.other)
    ratio = None if goal.other is None else samples.ratio(goal.own, goal.other)
    sign = ">=" if goal.at_least else "<="
    wanted = f"{sign} {goal.limit:,g} {'times' if goal.of == 'ratio' else goal.unit}"
    return [
        goal.what,
        f"{number(own)} {goal.unit}" if own is not None else NONE,
        number(other),
        goal.beside,
        number(ratio),
        wanted,
        goal.met(samples),
    ]


def _turns(samples: Samples, plan: Plan) -> str:
    head = [
        "turns, WAL + FULL",
        "encrypted",
        "128: turns/s",
        "p99 ms",
        "16: turns/s",
        "p99 ms",
        "1: p50 ms",
        "times raw",
    ]
    rows = []
    for store, entry in STORES.items():
        row = [entry.label, entry.encrypted]
        for clients in (128, 16):
            job = plan.turns(store, clients)
            row += [number(samples.median(Source(job, name))) for name in ("tps", "p99_ms")]
        alone = plan.turns(store, 1)
        p50, raw = Source(alone, "p50_ms"), Source(alone, "turn_ms", floor=True)
        rows.append([*row, number(samples.median(p50)), number(samples.ratio(p50, raw))])
    if together := samples.floors("group_tps"):
        group = [number(at(values, 0.5)) for values in (together, samples.floors("group_ms"))]
        rows.append(["raw sqlite3 by hand, two commits for 128 turns", "AES-256-GCM", *group, *[NONE] * 4])
    return table(head, rows)


def _sizes(samples: Samples, plan: Plan) -> str:
    head = [
        "store",
        "open + last 50 ms",
        "first time ms",
        "read 10,000 ms",
        "bytes/message",
        "import ms",
        "peak MiB c128",
    ]
    rows = []
    for store, entry in STORES.items():
        reading, memory = plan.reading(store), plan.memory(store)
        sources = [Source(reading, name) for name in ("open_ms", "first_open_ms", "read_ms")]
        sources.append(Source(Job(measure="footprint", store=store), "bytes_per_message"))
        sources.append(Source(Job(measure="import", store=store), "import_ms"))
        sources.append(Source(memory, "peak_mib"))
        figures = [samples.median(source) for source in sources]
        if any(figure is not None for figure in figures):
            rows.append([entry.label, *map(number, figures)])
    return table(head, rows) if rows else ""


def _channels(samples: Samples, plan: Plan) -> str:
    head = [
        f"{plan.people} conversations at once, echo, end to end",
        "updates/s",
        "p50 ms",
        "p99 ms",
        "our CPU ms/update",
        "our CPU busy",
    ]
    rows = []
    for platform in PLATFORMS:
        job = plan.talk(platform)
        names = ("updates_per_second", "p50_ms", "p99_ms", "cpu_ms", "busy")
        figures = [samples.median(Source(job, name)) for name in names]
        if any(figure is not None for figure in figures):
            rows.append([PLATFORMS[platform], *map(number, figures)])
    return table(head, rows) if rows else ""


def _cost(samples: Samples, plan: Plan) -> str:
    sources = [Source(plan.cost, name) for name in ("p50_ms", "p99_ms", "cpu_ms")]
    figures = [samples.median(source) for source in (*sources, Source(plan.cost, "commit_ms", floor=True))]
    if figures[0] is None:
        return ""
    head = ["own cost of a bot's turn", "p50 ms", "p99 ms", "CPU ms", "one raw commit ms"]
    return table(head, [[f"{plan.stored:,} messages stored, echo", *map(number, figures)]])


def _known(samples: Samples, plan: Plan) -> str:
    names = ("empty_mib", "now_mib", "peak_mib", "each_kib")
    figures = [samples.median(Source(plan.known, name)) for name in names]
    if figures[0] is None:
        return ""
    head = ["memory of a bot", "at first MiB", "then MiB", "peak MiB", "each KiB"]
    return table(head, [[f"{plan.met:,} people who spoke once", *map(number, figures)]])


def _shell(samples: Samples, plan: Plan) -> str:
    names = ("start_ms", "first_hit_ms", "search_mib", "export_mib", "import_mib", "rotate_mib")
    figures = [samples.median(Source(plan.shell, name)) for name in names]
    if figures[0] is None:
        return ""
    head = ["an operator's commands", "start-up ms", "first hit ms", "search MiB", "export", "import", "rotate"]
    sizes = f"{plan.shell.sessions:,} conversations, {plan.stored:,} messages"
    return table(head, [[sizes, *map(number, figures)]])


def _server(samples: Samples, plan: Plan) -> str:
    rows = []
    for name, label in SERVER.items():
        whats = ("tps", "p99_ms", "one_tps", "one_ms")
        figures = [samples.median(Source(plan.server, f"{name}_{what}")) for what in whats]
        if figures[0] is not None:
            rows.append([label, *map(number, figures)])
    head = ["turns on PostgreSQL, fsync on", "128: turns/s", "p99 ms", "1: turns/s", "p50 ms"]
    return table(head, rows) if rows else ""


def _notes(samples: Samples, plan: Plan) -> Iterator[str]:
    rounds = "one round" if plan.rounds == 1 else f"{plan.rounds} rounds"
    yield f"Medians of {rounds}; a ratio is the median of each round's own, so it need not be the figures' quotient."
    yield "A turn: store a message of 200 characters, read the last 50, store a reply of 800 with its usage."
    for name, what in (("turn_ms", "a turn"), ("commit_ms", "one commit")):
        if floors := samples.floors(name):
            low, middle, high = (number(at(floors, q)) for q in (0.1, 0.5, 0.9))
            yield f"The raw floor, taken before each measurement: {what} {middle} ms (mostly {low} to {high})."
    yield "Goals in ms were set where a raw turn takes 0.5 ms and a commit 0.3."
    yield '"not here": one bare commit alone takes longer than the goal on this machine.'
    for job, reason in samples.failures().items():
        yield f"Went wrong: {job}: {reason}"
