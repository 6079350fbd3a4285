"""Transcripts: storing messages, and reading them along the branch of a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import chain
from typing import NamedTuple

from sessions.cache import SessionCache
from sessions.errors import InvalidValue, NotFound, StaleSession, Tampered
from sessions.journal import EntryKind
from sessions.live import LiveSession, unreadable
from sessions.message import JsonValue, Message
from sessions.passengers import nobody_aboard, riding
from sessions.records import MAX_SEQUENCE, MessageFields, position_of, record_id
from sessions.store import Store
from sessions.tails import Tails

PAGE = 500
SOME = 64  # messages, where none stay in memory
RECENT = 200  # messages among which an edited one is looked for
ResetAt = Callable[[LiveSession, Message], int | None]
Note = tuple[EntryKind, dict[str, JsonValue]]


class Run(NamedTuple):
    """Stored positions `first` to `last` of one session; the first is message `seq` as one reads."""

    live: LiveSession
    first: int
    last: int
    seq: int


class Transcripts:
    """Appends and reads messages. Of each live session the newest `hot` ones stay decrypted."""

    def __init__(self, store: Store, cache: SessionCache, reset_at: ResetAt, *, hot: int) -> None:
        self._store, self._cache, self._reset_at, self._tails = store, cache, reset_at, Tails(hot)

    # -- writing -------------------------------------------------------------------------------

    async def append(self, live: LiveSession, message: Message, content: bytes, *, after: int | None = None) -> Message:
        """Store a message behind position `after` (the head, if not given); the caller holds the lock.

        The head follows only if it stands at `after`. Gives the message as it will be read.
        """
        row = live.row
        parent = row.head if after is None else after
        moves = parent == row.head
        position = row.stored + 1
        if position > MAX_SEQUENCE:
            raise InvalidValue("this conversation has reached its limit of messages; start a new one with /new")
        branch, notes = self._branch_for(live, parent, position)
        if not moves:  # nobody reads along there any more: an automatic checkpoint keeps it within reach
            notes.append((EntryKind.checkpoint, _late_reply(live, position, message.seq)))
        at = message.created_ms
        entries = [live.seal_entry(row.entries + n, kind, at, said) for n, (kind, said) in enumerate(notes, 1)]
        sealed = live.seal_message(position, branch, message, content)
        update = live.advance(
            message,
            position,
            len(entries),
            moves=moves,
            reset_at=self._reset_at(live, message) if moves else row.next_reset_at,
        )
        try:
            if nobody_aboard():  # a library's every message
                await self._store.append(update, sealed, entries)
            else:
                async with riding(self._store) as ride:
                    await ride.write(self._store.append(update, sealed, entries, ride.mail))
        except BaseException:
            self._cache.drop(live)
            raise
        live.advanced(update)
        for kind, said in notes:
            live.journal.apply(kind, at, said)
        if moves:
            self._tails.append(live, message)
        return message

    async def find_source(self, live: LiveSession, source: str) -> tuple[LiveSession, int, Message] | None:
        """Find the newest of the person's messages that a platform knows by `source`: where it is stored, and it."""
        for message in reversed(await self.last(live, RECENT)):
            if message.role == "user" and (message.metadata or {}).get("source") == source:
                place = await self.locate(live, message.seq)
                return None if place is None else (*place, message)
        return None

    def _branch_for(self, live: LiveSession, parent: int, position: int) -> tuple[int, list[Note]]:
        """Give the branch of a new message; one that does not continue the newest run begins another."""
        branches = live.journal.branches
        newest = branches[-1]
        goes_on = parent == position - 1 if position > newest.start else parent == newest.parent
        if goes_on:
            return newest.number, []
        return len(branches), [(EntryKind.branch, {"start": position, "parent": parent})]

    # -- reading -------------------------------------------------------------------------------

    async def last(self, live: LiveSession, count: int) -> list[Message]:
        """Read the newest `count` messages, oldest of them first. Costs the same whatever the length."""
        found = await self.newest(live, count)
        return found[max(0, len(found) - count) :]

    async def newest(self, live: LiveSession, count: int | None = None) -> list[Message]:
        """Read the newest `count` messages, or some, and give those before them as well that are in memory."""
        total = live.row.message_count
        tail, count = live.tail, min(count or self._tails.hot or SOME, total)
        found = self._tails.newest(live, count)
        if found is None:
            found = await self.window(live, total - max(count, min(self._tails.hot, total)) + 1, total)
            self._tails.fill(live, tail, found)
        return found

    async def before(self, live: LiveSession, seq: int) -> list[Message]:
        """Read up to a page of messages before message `seq`; they stay in memory as long as there is room."""
        tail, last = live.tail, seq - 1
        found = await self.window(live, max(1, last - PAGE + 1), last) if last else []
        self._tails.extend(tail, found)
        return found

    async def window(self, live: LiveSession, first: int, last: int) -> list[Message]:
        """Read messages `first` to `last` (counted from 1) of the branch one reads."""
        if (known := self._tails.between(live, first, last)) is not None:
            return known
        pieces = [
            (run, max(run.seq, first), min(run.seq + run.last - run.first, last))
            for run in await self.runs(live, live.row.head)
        ]
        reads = [self._read(run, low, high) for run, low, high in pieces if low <= high]
        if len(reads) == 1:
            return await reads[0]
        # Side by side: after many steps back and forth each turn lies in a run of its own.
        return list(chain.from_iterable(await asyncio.gather(*reads)))

    async def pages(
        self, live: LiveSession, *, page: int = PAGE, backwards: bool = False
    ) -> AsyncIterator[list[Message]]:
        """Read the whole branch page by page, each page oldest first."""
        runs = await self.runs(live, live.row.head)
        for run in reversed(runs) if backwards else runs:
            end = run.seq + run.last - run.first
            starts = range(run.seq, end + 1, page)
            for start in reversed(starts) if backwards else starts:
                yield await self._read(run, start, min(start + page - 1, end))

    async def kept(self, live: LiveSession, limit: int) -> list[Message]:
        """Read the newest `limit` messages that are kept in every context: system, important, summaries."""
        found: list[Message] = []
        tail, head = live.tail, live.row.head
        if tail.none_kept:
            return found
        for run in reversed(await self.runs(live, live.row.head)):
            first, last = record_id(run.live.row.number, run.first), record_id(run.live.row.number, run.last)
            rows = await self._store.messages(first, last, limit - len(found), newest=True, kept=True)
            for row in reversed(rows):
                found[:0] = await self._opened(run.live, [row], run.seq + position_of(row[0]) - run.first)
            if len(found) >= limit:
                break
        if live.row.head == head:  # else one may have been stored meanwhile
            tail.none_kept = not found and self._tails.hot > 0
        return found

    async def read_stored(self, live: LiveSession, first: int, last: int) -> list[Message]:
        """Read what is stored at positions `first` to `last`, on whatever branch; `seq` is the position."""
        return await self._read(Run(live, first, last, first), first, last)

    async def runs(self, live: LiveSession, head: int) -> list[Run]:
        """Resolve what one reads from the beginning to `head`, across the sessions it was forked from."""
        runs: list[Run] = []
        seq, version = 1, live.row.version
        for span in live.journal.spans(head):
            if span.foreign is not None:
                source = await self._source(span.foreign.number, live, version)
                inner = await self.runs(source, span.foreign.position)
                runs += [run._replace(seq=run.seq + seq - 1) for run in inner]
                seq = 1 + sum(run.last - run.first + 1 for run in runs)
            else:
                runs.append(Run(live, span.first, span.last, seq))
                seq += span.last - span.first + 1
        return runs

    async def _source(self, number: int, fork: LiveSession, version: int) -> LiveSession:
        """Open a session that a fork reads, in this version of it; erasing it hands its messages over."""
        try:
            return await self._cache.get_number(number)
        except NotFound:
            if await self._cache.has_changed(fork, version):
                raise StaleSession("what this conversation goes on from was erased meanwhile") from None
            raise Tampered("the conversation that this one was forked from") from None

    async def length(self, live: LiveSession, head: int) -> int:
        """Count the messages from the beginning to `head`."""
        return sum(run.last - run.first + 1 for run in await self.runs(live, head))

    async def locate(self, live: LiveSession, count: int, head: int | None = None) -> tuple[LiveSession, int] | None:
        """Give where the `count`-th message on the way to `head` (if not given: ours) is stored; None for count 0."""
        for run in await self.runs(live, live.row.head if head is None else head):
            if run.seq <= count <= run.seq + run.last - run.first:
                return run.live, run.first + count - run.seq
        return None

    async def _read(self, run: Run, low: int, high: int) -> list[Message]:
        """Read messages `low` to `high` of a run; a missing row leaves a placeholder, never a shorter list."""
        offset = run.first - run.seq
        first = record_id(run.live.row.number, low + offset)
        count = high - low + 1
        rows = await self._store.messages(first, first + count - 1, count, newest=False)
        if len(rows) == count:
            return await self._opened(run.live, rows, low)
        await self._cache.still_there(run.live)
        there = {row[0]: row for row in rows}
        found: list[Message] = []
        for record in range(first, first + count):
            seq = low + record - first
            found += await self._opened(run.live, [there[record]], seq) if record in there else [unreadable(seq)]
        return found

    async def _opened(self, live: LiveSession, rows: list[MessageFields], first: int) -> list[Message]:
        """Open messages just read, also if the session got another data key between its row and them."""
        messages = live.open_messages(rows, first)
        if any(message.kind == "unreadable" for message in messages):
            fresh = await self._cache.resealed(live)
            return messages if fresh is None else fresh.open_messages(rows, first)
        return messages


def _late_reply(live: LiveSession, position: int, count: int) -> dict[str, JsonValue]:
    """Say that an automatic checkpoint stands at a reply that came after the conversation had moved on."""
    return {
        "number": live.journal.next_mark(True),
        "automatic": True,
        "position": position,
        "count": count,
        "name": "late reply",
        "description": "",
    }
