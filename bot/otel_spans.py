"""OpenTelemetrySpans: spans by the API of OpenTelemetry, for whichever SDK the operator has set up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import StatusCode, Tracer

from bot.spans import Span


class _Span:
    """A span of the API."""

    def __init__(self, span: ApiSpan) -> None:
        self._span = span

    def note(self, name: str, value: str) -> None:
        """Note something about it; see `Span`."""
        self._span.set_attribute(name, value)


class OpenTelemetrySpans:
    """Makes spans with a tracer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, name: str, about: Mapping[str, str]) -> Iterator[Span]:
        """Make a span; see `Spans`. The library would record an error with its text, which could be somebody's."""
        with self._tracer.start_as_current_span(
            name, attributes=dict(about), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _Span(span)
            except Exception as error:  # being cancelled is none
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise
