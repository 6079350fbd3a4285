"""Erasure: destroying sessions so that nothing of them can be read again.

First the wrapped key and the session's row go, in one unit of work: from then on the rest is noise. Then
the rows are overwritten in batches and the log file is emptied; a crash in between is made good at the
next start. Forks that read the erased messages get them sealed under their own key before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial

from sessions.audit import Audit, AuditKind
from sessions.cache import SessionCache
from sessions.census import CensusKeeper
from sessions.draft import Draft
from sessions.errors import NotFound, VaultError
from sessions.journal import EntryKind
from sessions.keyed_locks import KeyedLocks
from sessions.live import LiveSession
from sessions.message import JsonValue
from sessions.passengers import riding
from sessions.records import Census, SessionRow
from sessions.store import Store
from sessions.transcripts import Transcripts

MOST_NAMED = 100  # sessions that one entry of the audit names by their ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased. `notes` counts choices, links and what else was noted of somebody."""

    sessions: int
    messages: int
    notes: int = 0


class Erasure:
    """Erases sessions for good."""

    def __init__(
        self,
        store: Store,
        cache: SessionCache,
        transcripts: Transcripts,
        census: CensusKeeper,
        locks: KeyedLocks,
        audit: Audit,
        now: Callable[[], int],
    ) -> None:
        self._store, self._cache, self._transcripts = store, cache, transcripts
        self._census, self._locks, self._audit, self._now = census, locks, audit, now

    async def erase(self, rows: Sequence[SessionRow], *, unused: bool = False) -> Receipt:
        """Erase sessions and hand over to forks what they still read.

        With `unused` only those that nobody has written to since their rows were read.
        """
        async with AsyncExitStack() as stack:
            # Nobody may fork meanwhile. Always in the same order, so that two never wait for each other.
            for key_idx in sorted({row.key_idx for row in rows}):
                await stack.enter_async_context(self._locks.hold(key_idx))
            is_meant = partial(self._is_unused, stack) if unused else self._is_there
            there = [meant for row in rows if (meant := await is_meant(row)) is not None]
            numbers = {row.number for row in there}
            readers = {reader for number in numbers for reader in await self._store.readers_of(number)}
            reading: set[int] = set()
            for reader in sorted(readers - numbers):  # a fork comes after what it was forked from
                with suppress(NotFound):  # it was erased meanwhile, and its links with it
                    if not await self._hand_over(numbers, reader):
                        reading.add(reader)
            try:
                if there:
                    with self._noting(there):
                        async with riding(self._store) as ride:
                            recount = self._census.change(Census(sessions=-len(there)))
                            versions = {row.number: row.version for row in there} if unused else None
                            erasing = self._store.erase_sessions(
                                sorted(numbers), recount, ride.mail, readers=reading, versions=versions
                            )
                            await ride.write(erasing)
            finally:
                for row in there:
                    self._cache.forget(row.id)
        if there:
            await self._store.sweep_erased()
        return Receipt(sessions=len(there), messages=sum(row.stored for row in there))

    def _noting(self, rows: Sequence[SessionRow]) -> AbstractContextManager[None]:
        named: list[JsonValue] = [row.id for row in rows[:MOST_NAMED]]
        messages = sum(row.stored for row in rows)
        return self._audit.noting(AuditKind.ERASURE, sessions=named, count=len(rows), messages=messages)

    async def _is_there(self, row: SessionRow) -> SessionRow | None:
        """Give the row as it is by now: the session may have been handed something since."""
        return await self._store.session_by_number(row.number)

    async def _is_unused(self, stack: AsyncExitStack, row: SessionRow) -> SessionRow | None:
        """Give the row if the session is as it says; then nobody can write to it any more."""
        async with AsyncExitStack() as hold:
            try:
                live = await hold.enter_async_context(self._cache.locked(row.id))
            except (NotFound, VaultError):
                return None
            if live.row.version == row.version:
                stack.push_async_exit(hold.pop_all())
                return row
            return None

    async def _hand_over(self, numbers: set[int], reader: int) -> bool:
        """Give a fork what it reads of sessions that are about to go; tell whether there was something to do.

        All its foreign places lie on the one line that it came from, which the first of them names. If that
        goes, the line is sealed anew for the fork; else the others are found on it.
        """
        try:
            fork_id = (await self._cache.get_number(reader)).row.id
        except VaultError:
            return False  # it does not open, so nobody reads anything there; that must not keep the other from going
        async with self._cache.locked(fork_id) as fork:
            places = fork.journal.foreign
            if not any(place.number in numbers for place in places):
                return False  # done already, before a crash
            counts = [await self._transcripts.length(fork, -index - 1) for index in range(len(places))]
            before, whole = fork.row.stored, places[0].number in numbers
            if whole:
                await self._copy(fork)
            draft = Draft(fork, self._now())
            for index, count in enumerate(counts):
                if whole:
                    draft.note(EntryKind.foreign, session=0, position=before + count, index=index)
                elif places[index].number in numbers:
                    await self._find_again(draft, index, count)
            draft.released += {place.number for place in places if place.number and (whole or place.number in numbers)}
            await self._cache.commit([draft])
            fork.forget_tail()
            return True

    async def _find_again(self, draft: Draft, index: int, count: int) -> None:
        """Name a foreign place by where it lies on the fork's line now."""
        found = await self._transcripts.locate(draft.live, count, -1)
        if found is not None:
            number, position = found[0].row.number, found[1]
            draft.note(EntryKind.foreign, session=number, position=position, index=index)
            draft.sources.append(number)

    async def _copy(self, fork: LiveSession) -> None:
        """Copy the line that a fork came from into a branch of its own, in batches."""
        first = True
        for run in await self._transcripts.runs(fork, -1):
            for start in range(run.first, run.last + 1, 1000):
                await self._copy_batch(fork, run.live, start, min(start + 999, run.last), first)
                first = False

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
