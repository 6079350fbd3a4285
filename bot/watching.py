"""Watching: who watches over a bot that runs, by its settings and by what is installed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bot.spans import NOT_TRACED, Spans
from bot.watch import Watch
from config.settings import Settings

if TYPE_CHECKING:
    from bot.operations_server import Page

_TRACING = "opentelemetry.trace"


@dataclass(frozen=True, slots=True)
class Watching:
    """What is handed to the bot, and who writes the page of metrics, if anybody does."""

    watch: Watch
    page: Page | None = None


def watching(settings: Settings) -> Watching:
    """Measure where metrics can be asked for and their package is installed; trace where an SDK is set up."""
    spans = _spans()
    if settings.operations.listen is None or find_spec("prometheus_client") is None:
        return Watching(Watch(spans=spans))
    from bot.prometheus_meter import PrometheusMeter

    platforms = [name for name in ("telegram", "discord") if getattr(settings, name).token is not None]
    meter = PrometheusMeter(platforms, settings.model.backend, _version())
    return Watching(Watch(meter, spans), meter.page)


def _spans() -> Spans:
    """Trace if somebody has set up an SDK before; whoever did has loaded the API, so nobody else pays for it."""
    if _TRACING not in sys.modules:
        return NOT_TRACED
    from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, get_tracer_provider

    provider = get_tracer_provider()
    if isinstance(provider, NoOpTracerProvider | ProxyTracerProvider):
        return NOT_TRACED
    from bot.otel_spans import OpenTelemetrySpans

    return OpenTelemetrySpans(provider.get_tracer("palaver", _version()))


def _version() -> str:
    try:
        return version("palaver")
    except PackageNotFoundError:
        return "unknown"
