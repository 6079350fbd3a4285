"""Erasure: destroying sessions so that nothing of them can be read again.

First the wrapped key and the session's row go, in one unit of work: from then on the rest is noise. Then
the rows are overwritten in batches and the log file is emptied; a crash in between is made good at the
next start. Forks that read the erased messages get them sealed under their own key before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sessions.cache import SessionCache
from sessions.census import CensusKeeper
from sessions.draft import Draft
from sessions.journal import EntryKind
from sessions.live import LiveSession
from sessions.records import SessionRow
from sessions.store import Store
from sessions.transcripts import Transcripts


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased."""

    sessions: int
    messages: int


class Erasure:
    """Erases sessions for good."""

    def __init__(
        self, store: Store, cache: SessionCache, transcripts: Transcripts, census: CensusKeeper, now: Callable[[], int]
    ) -> None:
        self._store, self._cache, self._transcripts = store, cache, transcripts
        self._census, self._now = census, now

    async def erase(self, rows: Sequence[SessionRow]) -> Receipt:
        """Erase sessions and hand over to forks what they still read."""
        numbers = {row.number for row in rows}
        for row in rows:
            for reader in await self._store.readers_of(row.number):
                if reader not in numbers:
                    await self._hand_over(row.number, reader)
        if not rows:
            return Receipt(sessions=0, messages=0)
        messages = sum(row.stored for row in rows)
        for row in rows:
            self._cache.forget(row.id)
        await self._store.erase_sessions(sorted(numbers), self._census.change(sessions=-len(rows)))
        await self._store.sweep_erased()
        return Receipt(sessions=len(rows), messages=messages)

    async def _hand_over(self, source: int, reader: int) -> None:
        """Seal anew, for the reader, the messages it reads of a session that is about to go."""
        fork = await self._cache.get_number(reader)
        for index, place in enumerate(fork.journal.foreign):
            if place.number == source:
                await self._copy(fork.row.id, index)

    async def _copy(self, fork_id: str, index: int) -> None:
        """Copy what lies before a foreign place into a branch of the fork, in batches."""
        async with self._cache.locked(fork_id) as fork:
            first = True
            for run in await self._transcripts.runs(fork, -index - 1):
                for start in range(run.first, run.last + 1, 1000):
                    await self._copy_batch(fork, run.live, start, min(start + 999, run.last), first)
                    first = False
            draft = Draft(fork, self._now())
            draft.note(EntryKind.foreign, session=0, position=fork.row.stored, index=index)
            await self._cache.commit([draft])
            fork.tail, fork.tail_whole = [], False

    async def _copy_batch(self, fork: LiveSession, source: LiveSession, first: int, last: int, begins: bool) -> None:
        draft = Draft(fork, self._now())
        if begins:
            draft.note(EntryKind.branch, start=fork.row.stored + 1, parent=0)
            branch = len(fork.journal.branches)
        else:
            branch = fork.journal.branches[-1].number
        for message in await self._transcripts.read_stored(source, first, last):
            draft.row.stored += 1
            draft.messages.append(fork.seal_message(draft.row.stored, branch, message, message.content.encode()))
        await self._cache.commit([draft])
