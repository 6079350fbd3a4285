"""Appends: one message and the new head of its session, the hot path.

Those that wait while statements are under way go together as the next one: check, head and message of up to `TOGETHER`
sessions with one round trip and one sync of the log, and with a few more what their messages bring along: entries of
the journal, mail and the counts of it, whose one row everybody must lock. Nobody waits for a timer.
"""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from sessions.errors import StaleSession, StoreError
from sessions.outcome import unattended
from sessions.postgres.changes import MESSAGE_TYPES, insert_entries
from sessions.postgres.connections import Connection
from sessions.postgres.post import put_all
from sessions.postgres.queue import Queue, Waiting
from sessions.postgres.rows import columns
from sessions.postgres.trouble import Lost, may_repeat
from sessions.postgres.units import Units, fenced
from sessions.records import EntryRow, HeadUpdate, Mail, MessageRow

TOGETHER: Final = 64  # messages in one statement
LANES: Final = 2  # statements under way; while one syncs the log another is worked out
_HEAD = HeadUpdate._fields[:-2]  # what an append sets; the last two say where, and what must be there
_FIELDS = HeadUpdate._fields + MessageRow._fields
_TYPES = tuple("bytea" if name == "mac" else "bigint" for name in HeadUpdate._fields) + MESSAGE_TYPES
_GIVEN = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(_TYPES, 1))
_PLACES = {name: f"${at}" for at, name in enumerate(_FIELDS, 1)}
_TAKEN_OVER = ", ".join(MessageRow._fields)
# Nobody takes over from a worker in the middle of this; see `sessions.postgres.workers`.
_ALIVE = f"alive AS MATERIALIZED (SELECT id FROM palaver.worker WHERE id = ${len(_FIELDS) + 1} FOR KEY SHARE), "
_IS_ALIVE = "SELECT 1 FROM palaver.worker WHERE id = $1"


def _several(*, guarded: bool) -> str:
    """Give the statement for many messages; a guarded one takes the number of the worker after the other values."""
    return (
        f"WITH {_ALIVE if guarded else ''}"
        f"g AS MATERIALIZED (SELECT * FROM unnest({_GIVEN}) AS g ({', '.join(_FIELDS)})),"
        f" moved AS (UPDATE palaver.session AS s SET {', '.join(f'{name} = g.{name}' for name in _HEAD)} FROM g"
        f" WHERE s.number = g.number AND s.version = g.expected{_if_alive(guarded)} RETURNING s.number),"
        f" stored AS (INSERT INTO palaver.message (session, {_TAKEN_OVER})"
        f" SELECT number, {', '.join(f'g.{name}' for name in MessageRow._fields)} FROM g JOIN moved USING (number))"
        " SELECT number FROM moved"
    )


def _single(*, guarded: bool) -> str:
    """Give the statement for one message, as `_several` does."""
    values = [f"{_PLACES[name]}::{kind}" for name, kind in zip(MessageRow._fields, MESSAGE_TYPES, strict=True)]
    place = f"number = {_PLACES['number']} AND version = {_PLACES['expected']}"
    return (
        f"WITH {_ALIVE if guarded else ''}"
        f"moved AS (UPDATE palaver.session SET {', '.join(f'{name} = {_PLACES[name]}' for name in _HEAD)}"
        f" WHERE {place}{_if_alive(guarded)} RETURNING number),"
        f" stored AS (INSERT INTO palaver.message (session, {_TAKEN_OVER})"
        f" SELECT number, {', '.join(values)} FROM moved)"
        " SELECT number FROM moved"
    )


def _if_alive(guarded: bool) -> str:
    return " AND EXISTS (SELECT FROM alive)" if guarded else ""


_ONE, _SEVERAL = _single(guarded=False), _several(guarded=False)
_ONE_AS, _SEVERAL_AS = _single(guarded=True), _several(guarded=True)
_IS_THERE = "SELECT 1 FROM palaver.message WHERE session = $1 AND id = $2 AND body = $3"


class Wanted(NamedTuple):
    """A message, the head it moves, and what is stored with it."""

    update: HeadUpdate
    message: MessageRow
    entries: tuple[EntryRow, ...] = ()
    mail: Mail | None = None

    @property
    def is_plain(self) -> bool:
        """Tell whether one statement does it all."""
        return not self.entries and self.mail is None


async def append(update: HeadUpdate, message: MessageRow, connection: Connection) -> None:
    """Store a message and the head of its session. Raises `StaleSession`."""
    if not await connection.fetch(_ONE, *update, *message):
        raise StaleSession("the session was changed by another writer")


async def append_once(update: HeadUpdate, message: MessageRow, connection: Connection) -> None:
    """Store a message that may be there already, because the answer to the last attempt was lost.

    No two sealed bodies are ever the same, so one that is there at its place is this one.
    """
    if await connection.fetch(_ONE, *update, *message):
        return
    if not await connection.fetch(_IS_THERE, update.number, message.id, message.body):
        raise StaleSession("the session was changed by another writer")


class Appends(Queue[Wanted]):
    """Puts together what waits: plain messages with each other, and those that bring something along."""

    def __init__(self, units: Units) -> None:
        super().__init__()
        self._units = units
        self._under_way: set[int] = set()  # sessions; the next message of one waits, so that their order stays
        self._lanes = {True: 0, False: 0}  # of plain ones and of others

    def _begin(self) -> None:
        """Let what the tasks of this round of the event loop have queued go off."""
        self._called = False
        for plain in (True, False):
            while self._lanes[plain] < LANES and (group := self._take(plain=plain)):
                self._lanes[plain] += 1
                unattended(self._units.start(self._store(group, plain=plain)))

    def _take(self, *, plain: bool) -> list[Waiting[Wanted]]:
        """Take what can go together: one message of each session, and none before an earlier one of its session."""
        group: list[Waiting[Wanted]] = []
        left: list[Waiting[Wanted]] = []
        held = set(self._under_way)
        for waiting in self._waiting:
            number = waiting.wanted.update.number
            if len(group) < TOGETHER and number not in held and waiting.wanted.is_plain is plain:
                group.append(waiting)
            else:
                left.append(waiting)
            held.add(number)
        self._waiting = left
        self._under_way.update(waiting.wanted.update.number for waiting in group)
        return group

    async def _store(self, group: list[Waiting[Wanted]], *, plain: bool) -> None:
        try:
            await self._store_together(group, plain=plain)
        finally:
            for waiting in group:
                if not waiting.outcome.done():  # the event loop is ending
                    waiting.tell(StoreError("the program ended before the end of this write was known"))
            self._lanes[plain] -= 1
            self._under_way.difference_update(waiting.wanted.update.number for waiting in group)
            self._begin()

    async def _store_together(self, group: list[Waiting[Wanted]], *, plain: bool) -> None:
        all_wanted = [waiting.wanted for waiting in group]
        try:
            if plain:
                stored = await self._units.once(
                    lambda connection: _append_all(all_wanted, connection, worker=self._units.worker)
                )
            else:
                stored = await self._units.write(lambda connection: _append_with_all(all_wanted, connection))
        except Exception as error:  # noqa: BLE001  # each is told by itself
            if len(group) == 1 and not (plain and may_repeat(error)):
                group[0].tell(self._units.translate(error))
            else:
                lost = isinstance(error, Lost)
                await asyncio.gather(*(self._store_alone(waiting, lost=lost) for waiting in group))
            return
        for waiting in group:
            waiting.tell(None if waiting.wanted.update.number in stored else _stale())

    async def _store_alone(self, waiting: Waiting[Wanted], *, lost: bool) -> None:
        """Store one after an attempt that failed, so that only the cause fails, or whose end is unknown (`lost`)."""
        wanted, store = waiting.wanted, append_once if lost else append

        async def job(connection: Connection) -> None:
            await store(wanted.update, wanted.message, connection)
            await _bring_along([wanted], connection)

        try:
            await self._units.write(job, known=not lost)
        except Exception as error:  # noqa: BLE001  # passed on to whoever waits
            waiting.tell(error)
        else:
            waiting.tell(None)


async def _append_all(group: Sequence[Wanted], connection: Connection, *, worker: int = 0) -> set[int]:
    """Store messages; give the sessions that had the expected versions, and so got theirs.

    `worker` is for what is no part of a unit of work that has looked for it already. Raises `Fenced`.
    """
    guard = [worker] if worker else []
    if len(group) == 1:
        sql = _ONE_AS if worker else _ONE
        moved = await connection.fetch(sql, *group[0].update, *group[0].message, *guard)
    else:
        rows = [(*wanted.update, *wanted.message) for wanted in group]
        sql = _SEVERAL_AS if worker else _SEVERAL
        moved = await connection.fetch(sql, *columns(rows, len(_FIELDS)), *guard)
    if worker and len(moved) < len(group) and not await connection.fetch(_IS_ALIVE, worker):
        raise fenced()
    return {row[0] for row in moved}


async def _append_with_all(group: Sequence[Wanted], connection: Connection) -> set[int]:
    stored = await _append_all(group, connection)
    await _bring_along([wanted for wanted in group if wanted.update.number in stored], connection)
    return stored


async def _bring_along(group: Sequence[Wanted], connection: Connection) -> None:
    await insert_entries([entry for wanted in group for entry in wanted.entries], connection)
    await put_all([wanted.mail for wanted in group if wanted.mail is not None], connection)


def _stale() -> StaleSession:
    return StaleSession("the session was changed by another writer")
