"""Summary: the tables of a run, as they are printed and as they stand on the page."""

from __future__ import annotations

from tests.benchmarks.load.crew import Seen
from tests.benchmarks.report import number, table

ALONE = "one, shared with nobody"


def summary(results: Seen) -> str:
    """Give all tables."""
    tables = (saturation(results), latency(results), costs(results), store(results), waits(results))
    return "\n\n".join(tables)


def saturation(results: Seen) -> str:
    """Give what so many workers can do."""
    rows = [
        [
            workers,
            number(seen["saturated"]["per_second"]),
            number(seen["saturated"]["p50_ms"]),
            number(seen["saturated"]["p99_ms"]),
            number(seen["saturated"]["commits_per_second"]),
            number(seen["saturated"]["wal_bytes_per_second"] / 1024),
            number(seen["saturated"]["worker_mib"]),
        ]
        for workers, seen in _runs(results).items()
    ]
    head = ["workers", "messages/s", "p50 ms", "p99 ms", "transactions/s", "log KiB/s", "MiB of a worker"]
    return table(head, rows)


def latency(results: Seen) -> str:
    """Give how long answers take below the saturation."""
    rows = [
        [
            f"{workers} at {float(share):.0%}",
            *(number(at[name]) for name in ("per_second", "p50_ms", "p95_ms", "p99_ms")),
        ]
        for workers, seen in results["by_workers"].items()
        for share, at in seen["at"].items()
    ]
    return table(["workers", "messages/s", "p50 ms", "p95 ms", "p99 ms"], rows)


def costs(results: Seen) -> str:
    """Give what one message costs each part."""
    names = ("worker_ms", "database_ms", "town_ms", "commits_each", "syncs_each", "census_each")
    rows = [
        [workers, *(number(seen["saturated"][name]) for name in names), number(seen["saturated"]["wal_bytes_each"])]
        for workers, seen in _runs(results).items()
    ]
    streamed = results["streaming"]
    label = f"2, streamed {results['plan']['streamed_seconds']:g} s"
    rows.append([label, *(number(streamed[name]) for name in names), number(streamed["wal_bytes_each"])])
    head = [
        "workers",
        "worker ms",
        "database ms",
        "stand-in ms",
        "transactions",
        "syncs",
        "census changes",
        "log bytes",
    ]
    return table(head, rows)


def store(results: Seen) -> str:
    """Give the turns of the store without a bot."""
    labels = {
        "plain": "one process",
        "sole": "one, and nobody else may",
        "hand": "asyncpg by hand",
        **{f"workers_{count}": f"{count} as workers" for count in results["plan"]["workers"]},
    }
    names = ("tps", "p99_ms", "cpu_ms", "database_ms", "commits_each", "wal_bytes_each")
    rows = [[label, *(number(results["store"][name][figure]) for figure in names)] for name, label in labels.items()]
    head = ["store alone", "turns/s", "p99 ms", "process ms", "database ms", "transactions", "log bytes"]
    return table(head, rows)


def waits(results: Seen) -> str:
    """Give what the processes of the database wait for at saturation, in the mean."""
    found = {workers: seen["saturated"]["waits"] for workers, seen in results["by_workers"].items()}
    names = sorted(
        {name for waited in found.values() for name in waited}, key=lambda name: (-_most(found, name), name)
    )[:8]
    rows = [[name, *(number(waited.get(name, 0.0)) for waited in found.values())] for name in names]
    return table(["waits for", *(f"{workers} workers" for workers in found)], rows)


def _runs(results: Seen) -> Seen:
    return {ALONE: results["alone"], **results["by_workers"]}


def _most(found: Seen, name: str) -> float:
    return max(float(waited.get(name, 0.0)) for waited in found.values())
