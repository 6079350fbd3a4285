"""TurnWatch: how turns go: counted, measured, traced, and their log lines held together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bot.meter import NOT_MEASURED, Outcome
from bot.spans import Span
from bot.turn_facts import within_turn
from bot.watch import Watch
from sessions.manager import SessionManager

LOOKED_AT = 50  # newest messages; they are in memory


class TurnNotes:
    """One turn, as it goes."""

    def __init__(self, watch: Watch, backend: str, span: Span) -> None:
        self._watch, self._backend, self._span = watch, backend, span
        self._began = time.perf_counter()
        self._asked: float | None = None

    async def look_for_damage(self, sessions: SessionManager, session_id: str) -> None:
        """Count what does not open of what was said last; the model is not told of it."""
        if self._watch.meter is NOT_MEASURED:
            return
        recent = await sessions.get_history(session_id, limit=LOOKED_AT)
        damaged = sum(message.kind == "unreadable" for message in recent)
        if damaged:
            self._watch.meter.unreadable(damaged)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Have the block be the time that the model takes."""
        with self._watch.spans.span("palaver.model", {"palaver.backend": self._backend}):
            self._asked = time.perf_counter()
            yield

    def spoke(self) -> None:
        """Learn that the model said something; the first time counts."""
        if self._asked is not None:
            self._watch.meter.first_token(self._backend, time.perf_counter() - self._asked)
            self._asked = None

    def ended(self, outcome: Outcome) -> None:
        """Learn how it ended."""
        self._watch.meter.turn(self._backend, outcome, time.perf_counter() - self._began)
        self._span.note("palaver.outcome", outcome)


@contextmanager
def watched_turn(watch: Watch, platform: str, backend: str) -> Iterator[TurnNotes]:
    """Watch what is done within the block as one turn."""
    about = {"palaver.platform": platform, "palaver.backend": backend}
    with within_turn(platform, backend), watch.spans.span("palaver.turn", about) as span:
        yield TurnNotes(watch, backend, span)
