"""Seen: the newest of what each contact shared, so that nothing older passes for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sessions.message import JsonValue
from sessions.preferences import Preferences

MOST_SEEN: Final = 5_000  # slots of one contact
_NOTE: Final = "exchange/seen/"


class Seen:
    """Remembers the highest sequence of each slot, for each contact by the ident of their identity."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    async def newest(self, ident: str) -> dict[str, int]:
        """Give the sequences by slot."""
        return _sequences(await self._preferences.note(_NOTE + ident))

    async def note(self, ident: str, found: Mapping[str, int]) -> None:
        """Remember what was seen, unless a newer one was; of too many the oldest are forgotten."""

        def change(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            known = _sequences(said)
            for slot, sequence in found.items():
                known[slot] = max(sequence, known.get(slot, 0))
            kept = sorted(known.items(), key=lambda one: one[1], reverse=True)[:MOST_SEEN]
            return dict(kept)

        await self._preferences.change_note(_NOTE + ident, change)


def _sequences(said: Mapping[str, JsonValue]) -> dict[str, int]:
    return {slot: sequence for slot, sequence in said.items() if type(sequence) is int}
