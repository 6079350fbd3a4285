"""Watch: who is told how the bot does: a meter and spans, or nobody."""

from __future__ import annotations

from dataclasses import dataclass

from bot.meter import NOT_MEASURED, Meter
from bot.spans import NOT_TRACED, Spans
from sessions.store import Store


@dataclass(frozen=True, slots=True)
class Watch:
    """One of these is handed to what is to be watched."""

    meter: Meter = NOT_MEASURED
    spans: Spans = NOT_TRACED

    def over(self, store: Store) -> Store:
        """Give the store as it is to be used: where nobody looks, as it is."""
        if self.meter is NOT_MEASURED and self.spans is NOT_TRACED:
            return store
        from bot.watched_store import watched

        return watched(store, self)


UNWATCHED = Watch()
