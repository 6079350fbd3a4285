"""Draft: what one unit of work is about to do to a session."""

from __future__ import annotations

from sessions.errors import InvalidValue
from sessions.journal import EntryKind
from sessions.live import LiveSession
from sessions.message import JsonValue
from sessions.records import MAX_SEQUENCE, Change, EntryRow, MessageRow


class Draft:
    """A copy of the session's row to change, with the messages and journal entries that go with it.

    Whoever makes one holds the session's lock. Nothing is taken over before it is stored.
    """

    def __init__(self, live: LiveSession, now_ms: int, *, new: bool = False) -> None:
        self.live, self.row, self.now_ms = live, live.row.copy(), max(now_ms, live.row.updated_at)
        self.profile = live.profile
        self._new = new
        self._entries: list[EntryRow] = []
        self._said: list[tuple[EntryKind, dict[str, JsonValue]]] = []
        self.messages: list[MessageRow] = []
        self.revised: list[MessageRow] = []
        self.sources: list[int] = []
        self.released: list[int] = []

    def note(self, kind: EntryKind, **said: JsonValue) -> None:
        """Add a journal entry."""
        self.row.entries += 1
        if self.row.entries > MAX_SEQUENCE:
            raise InvalidValue("this conversation has reached its limit of entries; start a new one with /new")
        self._entries.append(self.live.seal_entry(self.row.entries, kind, self.now_ms, said))
        self._said.append((kind, said))

    def change(self) -> Change:
        """Seal the row and give what is to be stored."""
        if self._new or self.profile is not self.live.profile:
            self.row.profile_version += 1
            self.row.profile = self.live.seal_profile(self.row, self.profile)
        if not (self._new or self.messages or self._entries):
            self.note(EntryKind.settings)  # without a record of its own the row before this one would fit as well
        expected = None if self._new else self.row.version
        self.row.version += 1
        self.row.updated_at = self.now_ms
        self.row.mac = self.live.head_mac(self.row)
        return Change(
            row=self.row,
            expected=expected,
            messages=tuple(self.messages),
            entries=tuple(self._entries),
            sources=tuple(self.sources),
            released=tuple(self.released),
            revised=tuple(self.revised),
            moved=self._moved(),
        )

    def _moved(self) -> bool:
        before = self.live.row
        return (before.key_idx, before.owner_idx) != (self.row.key_idx, self.row.owner_idx)

    def landed(self) -> None:
        """Take over what was committed; after a move of the head the newest messages are others."""
        live = self.live
        moved = self.row.head != live.row.head
        rekeyed = self._moved()
        live.row, live.profile = self.row, self.profile
        if rekeyed:
            live.moved()
        for kind, said in self._said:
            live.journal.apply(kind, self.now_ms, said)
        if moved or self.revised:
            live.forget_tail()
