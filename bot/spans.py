"""Spans: how long things took and within what, for a tracing system. No id and no word is ever told to them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Span(Protocol):
    """One thing that takes time."""

    def note(self, name: str, value: str) -> None:
        """Note something about it that is no id and no word."""


class Spans(Protocol):
    """Makes spans."""

    def span(self, name: str, about: Mapping[str, str]) -> AbstractContextManager[Span]:
        """Have what is done within the block be a span; an error is noted by the name of its type."""


class _Untraced:
    """Stands for a span where nobody traces."""

    def note(self, name: str, value: str) -> None:
        """Do nothing."""


class TracesNothing:
    """Stands where nobody traces."""

    def span(self, name: str, about: Mapping[str, str]) -> AbstractContextManager[Span]:
        """Give a block that does nothing."""
        return _NOTHING


_NOTHING = nullcontext(_Untraced())
NOT_TRACED = TracesNothing()
