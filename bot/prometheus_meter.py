"""PrometheusMeter: counts for Prometheus, in a registry of its own; labels hold no id and no word."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from adapters.meter import Rejection
from bot.meter import OUTCOMES, Outcome
from sessions.standing import Standing

REJECTIONS: tuple[Rejection, ...] = ("stranger", "limit", "forged")
RESETS: tuple[Literal["daily", "idle"], ...] = ("daily", "idle")
_TURN_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
_FIRST_TOKEN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60)
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


_BY_ITSELF = Standing(workers=0, lanes=0, silent=0.0, taken_over=0, lost=0)


class _Standings(Collector):
    """Asks, whenever somebody looks, how this worker stands among the others."""

    def __init__(self) -> None:
        self.ask: Callable[[], Standing] = lambda: _BY_ITSELF

    def collect(self) -> Iterator[Metric]:
        """Give the numbers of now."""
        standing = self.ask()
        words = "Workers that share the store, this one among them; 0 where it is for one alone."
        yield GaugeMetricFamily("palaver_workers", words, standing.workers)
        yield GaugeMetricFamily("palaver_worker_lanes", "Lanes of chats that this worker has.", standing.lanes)
        words = "Seconds since this worker last said that it is alive."
        yield GaugeMetricFamily("palaver_worker_heartbeat_age_seconds", words, standing.silent)
        words = "Leases taken over from workers that were given up."
        yield CounterMetricFamily("palaver_leases_taken_over", words, standing.taken_over)
        words = "Leases that this worker had when it was given up."
        yield CounterMetricFamily("palaver_leases_lost", words, standing.lost)


class PrometheusMeter:
    """Counts since the program started. Every series there can be stands at zero from then on."""

    def __init__(self, platforms: Sequence[str], backend: str, version: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        info = Info("palaver_build", "The version that runs.", registry=self._registry)
        info.info({"version": version, "python": machine.python_version()})
        self._updates(platforms)
        self._turns_of(backend)
        self._store()
        self._resets = self._counter("palaver_resets", "Conversations begun afresh by a rule.", "reason", RESETS)
        words = "People and requests that were not let in, or not let on."
        self._rejections = self._counter("palaver_requests_rejected", words, "reason", REJECTIONS)
        self._standings = _Standings()
        self._registry.register(self._standings)

    def _updates(self, platforms: Sequence[str]) -> None:
        def counter(name: str, words: str) -> Counter:
            return self._counter(name, words, "platform", platforms)

        self._received = counter("palaver_updates_received", "Updates that were stored, each once.")
        self._handled = counter("palaver_updates_handled", "Updates that were handled to their end.")
        self._failed = counter("palaver_updates_failed", "Times that the handling of an update went wrong.")
        self._refused = counter("palaver_sends_refused", "Answers that the platform will never take.")
        self._retried = counter("palaver_sends_retried", "Deliveries that had to be tried again.")
        self._letters = self._gauge("palaver_letters_waiting", "Updates that are not handled to their end.", platforms)
        self._parcels = self._gauge("palaver_parcels_waiting", "Answers that are not delivered.", platforms)

    def _turns_of(self, backend: str) -> None:
        self._turns = Counter(
            "palaver_turns", "Turns by how they ended.", ("backend", "outcome"), registry=self._registry
        )
        for outcome in OUTCOMES:
            self._turns.labels(backend, outcome)
        words = "From a stored question to its stored reply."
        self._turn_seconds = Histogram(
            "palaver_turn_seconds", words, ("backend",), registry=self._registry, buckets=_TURN_SECONDS
        )
        words = "From asking the model to its first word."
        self._first_token_seconds = Histogram(
            "palaver_first_token_seconds", words, ("backend",), registry=self._registry, buckets=_FIRST_TOKEN_SECONDS
        )
        self._turn_seconds.labels(backend)
        self._first_token_seconds.labels(backend)

    def _store(self) -> None:
        words = "From handing a write to the store until it was durable."
        self._commit_seconds = Histogram(
            "palaver_store_commit_seconds", words, registry=self._registry, buckets=_COMMIT_SECONDS
        )
        self._commits_failed = Counter(
            "palaver_store_commits_failed", "Writes that the store did not take.", registry=self._registry
        )
        self._unreadable = Counter(
            "palaver_unreadable_records", "Records that did not open when they were needed.", registry=self._registry
        )

    def _counter(self, name: str, words: str, label: str, values: Sequence[str]) -> Counter:
        counter = Counter(name, words, (label,), registry=self._registry)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, words: str, platforms: Sequence[str]) -> Gauge:
        gauge = Gauge(name, words, ("platform",), registry=self._registry)
        for platform in platforms:
            gauge.labels(platform)
        return gauge

    def page(self, accept: str) -> tuple[bytes, str]:
        """Write everything in the form that is asked for; give it with its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    # -- what is told ------------------------------------------------------------------------------

    def received(self, platform: str, number: int) -> None:
        """Count; see `ChannelMeter`."""
        self._received.labels(platform).inc(number)

    def handled(self, platform: str) -> None:
        """Count; see `ChannelMeter`."""
        self._handled.labels(platform).inc()

    def failed(self, platform: str) -> None:
        """Count; see `ChannelMeter`."""
        self._failed.labels(platform).inc()

    def letters(self, platform: str, change: int) -> None:
        """Count; see `ChannelMeter`."""
        self._letters.labels(platform).inc(change)

    def parcels(self, platform: str, change: int) -> None:
        """Count; see `ChannelMeter`."""
        self._parcels.labels(platform).inc(change)

    def refused(self, platform: str) -> None:
        """Count; see `ChannelMeter`."""
        self._refused.labels(platform).inc()

    def retried(self, platform: str) -> None:
        """Count; see `ChannelMeter`."""
        self._retried.labels(platform).inc()

    def rejected(self, reason: Rejection) -> None:
        """Count; see `ChannelMeter`."""
        self._rejections.labels(reason).inc()

    def turn(self, backend: str, outcome: Outcome, seconds: float) -> None:
        """Count and measure; see `Meter`."""
        self._turns.labels(backend, outcome).inc()
        self._turn_seconds.labels(backend).observe(seconds)

    def first_token(self, backend: str, seconds: float) -> None:
        """Measure; see `Meter`."""
        self._first_token_seconds.labels(backend).observe(seconds)

    def committed(self, seconds: float, *, stored: bool) -> None:
        """Measure; see `Meter`."""
        self._commit_seconds.observe(seconds)
        if not stored:
            self._commits_failed.inc()

    def reset(self, reason: Literal["daily", "idle"]) -> None:
        """Count; see `Meter`."""
        self._resets.labels(reason).inc()

    def unreadable(self, records: int) -> None:
        """Count; see `Meter`."""
        self._unreadable.inc(records)

    def stands(self, ask: Callable[[], Standing]) -> None:
        """Learn whom to ask; see `Meter`."""
        self._standings.ask = ask
