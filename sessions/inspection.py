"""Inspection: opening every record to see whether anything was changed, moved or taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sessions.audit import Audit
from sessions.cache import SessionCache
from sessions.census import CensusKeeper
from sessions.errors import SessionError, Tampered
from sessions.live import LiveSession
from sessions.mailbox import Mailbox
from sessions.message import Kind, Message
from sessions.preferences import Preferences
from sessions.records import SessionRow, record_id
from sessions.session import named
from sessions.store import Store
from sessions.transcripts import PAGE, Transcripts

BATCH = 200
TOGETHER = 8  # sessions inspected at a time, so that their reads share the way to the database


class Inspection:
    """Reads everything and says in words what does not fit."""

    def __init__(
        self,
        store: Store,
        cache: SessionCache,
        transcripts: Transcripts,
        preferences: Preferences,
        census: CensusKeeper,
        mailbox: Mailbox,
        audit: Audit,
    ) -> None:
        self._store, self._cache, self._transcripts = store, cache, transcripts
        self._preferences, self._census, self._mailbox, self._audit = preferences, census, mailbox, audit

    async def run(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Inspect the whole store; `progress` is told how many sessions are done, and of how many."""
        problems = await self.counts()
        if orphans := await self._store.orphans():
            problems.append(f"{orphans} records belong to no session, or to one marked as erased")
        try:
            await self._preferences.verify()
        except Tampered as error:
            problems.append(str(error))
        if damaged := await self._mailbox.verify():
            problems.append(f"{damaged} letters or parcels do not open")
        problems += await self._audit.verify()
        last = done = 0
        total = (await self._store.count_rows()).sessions if progress else 0
        while rows := await self._store.sessions_after(last, BATCH):
            for start in range(0, len(rows), TOGETHER):
                for found in await asyncio.gather(*map(self._session, rows[start : start + TOGETHER])):
                    problems += found
            last, done = rows[-1].number, done + len(rows)
            if progress is not None:
                progress(done, max(done, total))
        return problems

    async def counts(self) -> list[str]:
        """Compare the rows there are with the sealed numbers of those there must be."""
        try:
            sealed, real = await self._store.census(), await self._store.count_rows()
            self._census.check(sealed)
        except Tampered as error:
            return [str(error)]
        names = (
            "sessions",
            "preferences",
            "changes to preferences",
            "letters",
            "steps of letters",
            "parcels",
            "parts",
            "entries of the audit",
        )
        counts = zip(names, sealed.counts, real.counts, strict=True)
        wrong = [f"{there} {name} are stored where there must be {due}" for name, due, there in counts if due != there]
        return await self.counts() if wrong and sealed != await self._store.census() else wrong

    async def _session(self, row: SessionRow) -> list[str]:
        """Inspect one session; one that was written to meanwhile is inspected again before it is called damaged."""
        while problems := await self._look_at(row):
            newer = await self._store.session(row.id)
            if newer is None:
                return []
            if newer.version == row.version:
                break
            row = newer
        return problems

    async def _look_at(self, row: SessionRow) -> list[str]:
        """Inspect one session as it is stored, not as it is remembered."""
        try:
            live = await self._cache.read(row)
            lost = 0
            for first in range(1, live.row.stored + 1, PAGE):
                last = min(first + PAGE - 1, live.row.stored)
                page = await self._transcripts.read_stored(live, first, last)
                lost += await self._lost(live, page)
            length = await self._transcripts.length(live, live.row.head)
            read = {place.number for place in live.journal.foreign if place.number}
            linked = set(await self._store.sources_of(row.number))
            extra = await self._store.strays(row.number, live.row.stored, live.row.entries)
        except SessionError as error:
            return [f"session {named(row.id)}: {error}"]
        problems = []
        if lost:
            problems.append(f"session {row.id}: {lost} of {live.row.stored} messages do not open or are missing")
        if length != live.row.message_count:
            problems.append(f"session {row.id}: {length} messages are there to read, {live.row.message_count} expected")
        if linked != read:
            problems.append(f"session {row.id}: its link to the session it was forked from was changed")
        if extra:
            problems.append(f"session {row.id}: {extra} records that nobody stored")
        return problems

    async def _lost(self, live: LiveSession, page: Sequence[Message]) -> int:
        """Count the messages that do not open; one that was imported as unreadable opens, and says that it is."""
        shown = [message.seq for message in page if message.kind == "unreadable"]
        if not shown:
            return 0
        first, last = record_id(live.row.number, shown[0]), record_id(live.row.number, shown[-1])
        rows = await self._store.messages(first, last, len(page), newest=False)
        return len(shown) - sum(row[3] == Kind.unreadable for row, _ in live.texts(rows))
