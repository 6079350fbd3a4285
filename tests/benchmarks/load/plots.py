"""Plots: what a run showed, drawn."""

from __future__ import annotations

from tests.benchmarks.load.chart import Chart
from tests.benchmarks.load.crew import Seen

PARTS = {"worker_ms": "worker", "database_ms": "database", "town_ms": "stand-in for Telegram"}


def plots(results: Seen) -> dict[str, str]:
    """Give each plot under the name of its file."""
    return {
        "throughput.svg": _throughput(results),
        "latency.svg": _latency(results),
        "cost.svg": _cost(results),
        "waits.svg": _waits(results),
        "day.svg": _day(results),
        "killed.svg": _killed(results),
    }


def _throughput(results: Seen) -> str:
    runs = results["by_workers"]
    points = [(float(workers), seen["saturated"]["per_second"]) for workers, seen in runs.items()]
    return Chart("Messages per second at saturation", "workers", "messages/s").lines({"messages/s": points})


def _latency(results: Seen) -> str:
    names: list[str] = []
    series: dict[str, list[float]] = {"p50": [], "p95": [], "p99": []}
    for workers, seen in results["by_workers"].items():
        for share, at in seen["at"].items():
            names.append(f"{workers} at {float(share):.0%}")
            for name, values in series.items():
                values.append(at[f"{name}_ms"])
    return Chart("From a message to its answer", "workers and share of their saturation", "ms").bars(series, names)


def _cost(results: Seen) -> str:
    runs = {workers: seen["saturated"] for workers, seen in results["by_workers"].items()}
    runs["2, streamed"] = results["streaming"]
    series = {label: [seen[name] for seen in runs.values()] for name, label in PARTS.items()}
    return Chart("Processor time of a message, by part", "workers", "ms").bars(series, [*runs], stacked=True)


def _waits(results: Seen) -> str:
    runs = {workers: seen["saturated"]["waits"] for workers, seen in results["by_workers"].items()}
    names = sorted({name for waited in runs.values() for name in waited})
    most = sorted(names, key=lambda name: (-max(waited.get(name, 0.0) for waited in runs.values()), name))[:5]
    series = {f"{workers} workers": [waited.get(name, 0.0) for name in most] for workers, waited in runs.items()}
    return Chart("What connections wait for at saturation", "", "connections").bars(series, most)


def _day(results: Seen) -> str:
    hours = results["day"]["hours"]
    series = {
        "messages/s": [(float(hour), seen["per_second"]) for hour, seen in enumerate(hours)],
        "p50 in ms": [(float(hour), seen.get("p50_ms", 0.0)) for hour, seen in enumerate(hours)],
        "p95 in ms": [(float(hour), seen.get("p95_ms", 0.0)) for hour, seen in enumerate(hours)],
    }
    return Chart("A day, compressed", "hour", "").lines(series)


def _killed(results: Seen) -> str:
    points = [(second, wait) for second, wait in results["killed"]["seconds_by_second"]]
    title = f"A worker is killed after {results['plan']['killed_after']:g} s: the longest wait"
    return Chart(title, "second in which it was said", "s").lines({"longest wait": points})
