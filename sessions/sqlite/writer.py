"""Writer: the single owner of the only writing connection.

A write is a function of the connection, or a row. Whatever is queued while a commit is in flight goes out
as the next transaction, so many conversations share one disk sync (group commit) and no timer makes a
lonely one wait. A caller's future resolves after the commit.

A group of rows is one statement in a transaction of its own. Python's lock is let go within a statement and
taken again after it, which can take as long as the event loop is busy: a transaction of one statement runs
beside the event loop, one of several runs in turns with it and is half as fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from itertools import takewhile
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from sessions.errors import SessionError, StoreError, StoreFull, StoreReadOnly
from sessions.outcome import Outcome

T = TypeVar("T")


Job = Callable[[sqlite3.Connection], T]
Row = Sequence[int | bytes | None]
RowWriter = Callable[[sqlite3.Connection, Sequence[Row]], None]
"""Writes all rows or none, with one statement."""


class _Entry(NamedTuple):
    """One write: a job, or a row for the row writer; `alone` is outside a transaction."""

    future: Outcome[object]
    job: Job[object] | None
    row: Row = ()
    alone: bool = False


class _Done(NamedTuple):
    """How a write ended."""

    future: Outcome[object]
    result: object
    error: BaseException | None


MAX_GROUP = 512  # writes in one transaction; bounds how long the first of them waits
MAX_ROWS = 64  # rows in one statement
BATCH = 32  # writes handed to the thread at once, so that it works while others are still being sealed
log = logging.getLogger(__name__)


class Writer:
    """Runs jobs and writes rows on a thread of its own, in the order they were given."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], write_rows: RowWriter) -> None:
        self._connect, self._write_rows = connect, write_rows
        self._queue: SimpleQueue[list[_Entry] | None] = SimpleQueue()
        self._waiting: list[_Entry] = []
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="palaver-writer", daemon=True)
        self._closed = self._told_to_end = False
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def start(self, opening: Job[T]) -> T:
        """Connect, run `opening` as the first job (in no transaction) and give its result."""
        self._thread.start()
        try:
            return await self.run(opening)
        except BaseException:
            await self.stop()
            raise

    def submit(self, job: Job[T]) -> Outcome[T]:
        """Queue a job for the next transaction. It may run twice, so it must only work on its connection."""
        future: Outcome[T] = Outcome(loop=self._loop)
        self._enqueue(_Entry(future, job))  # type: ignore[arg-type]  # the future takes what the job gives
        return future

    def put(self, row: Row) -> Outcome[None]:
        """Queue a row for the row writer, to be written with others by one statement."""
        future: Outcome[None] = Outcome(loop=self._loop)
        self._enqueue(_Entry(future, None, row))  # type: ignore[arg-type]
        return future

    def run(self, job: Job[T]) -> Outcome[T]:
        """Queue a job to be run outside a transaction, between two groups."""
        future: Outcome[T] = Outcome(loop=self._loop)
        self._enqueue(_Entry(future, job, alone=True))  # type: ignore[arg-type]
        return future

    def _enqueue(self, entry: _Entry) -> None:
        if self._closed:
            raise StoreError("the store is closed")
        self._waiting.append(entry)
        if entry.alone or len(self._waiting) == BATCH:
            self._hand_over()
        elif len(self._waiting) == 1:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """Give the thread what the tasks of this round of the event loop have queued, with one wake-up."""
        if self._waiting:
            self._queue.put(self._waiting)
            self._waiting = []

    async def stop(self) -> None:
        """Finish what is queued, close the connection, end the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    # -- on the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001  # passed on to whoever waits
            self._refuse(error)
        else:
            try:
                self._serve(connection)
            finally:
                connection.close()
        with contextlib.suppress(RuntimeError):  # the loop may be gone; nobody waits then
            self._loop.call_soon_threadsafe(self._ended.set_result, None)

    def _serve(self, connection: sqlite3.Connection) -> None:
        entries: list[_Entry] = []
        while entries or not self._told_to_end:
            entries += self._take(wait=not entries)
            if entries:
                group = _group(entries)
                del entries[: len(group)]
                self._deliver(self._write(connection, group))

    def _take(self, *, wait: bool) -> list[_Entry]:
        """Take over what was queued meanwhile; wait for something if there is nothing else to do."""
        taken: list[_Entry] = []
        while not self._told_to_end and (wait or not self._queue.empty()):
            batch, wait = self._queue.get(), False
            if batch is None:
                self._told_to_end = True
            else:
                taken += batch
        return taken

    def _write(self, connection: sqlite3.Connection, group: list[_Entry]) -> list[_Done]:
        """Write a group as one transaction; if that fails, write each on its own, so that only the cause fails."""
        rows_only = all(entry.job is None for entry in group)
        together = self._rows if rows_only else _alone if group[0].alone else self._transaction
        try:
            return together(connection, group)
        except Exception as error:  # noqa: BLE001  # passed on to whoever waits
            if len(group) == 1:
                return [_Done(group[0].future, None, translate(error))]
        return [self._write(connection, [entry])[0] for entry in group]

    def _rows(self, connection: sqlite3.Connection, group: list[_Entry]) -> list[_Done]:
        self._write_rows(connection, [entry.row for entry in group])
        return [_Done(entry.future, None, None) for entry in group]

    def _transaction(self, connection: sqlite3.Connection, group: list[_Entry]) -> list[_Done]:
        try:
            # IMMEDIATE: a lock that is held elsewhere is waited for here, not discovered half-way.
            connection.execute("BEGIN IMMEDIATE")
            done = [_Done(entry.future, self._result(connection, entry), None) for entry in group]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise
        return done

    def _result(self, connection: sqlite3.Connection, entry: _Entry) -> object:
        if entry.job is not None:
            return entry.job(connection)
        return self._write_rows(connection, [entry.row])

    def _refuse(self, error: Exception) -> None:
        """Answer every job with the error that kept the connection from opening."""
        while entries := self._take(wait=True):
            self._deliver([_Done(entry.future, None, translate(error)) for entry in entries])

    def _deliver(self, outcomes: list[_Done]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        except RuntimeError:
            log.warning("the event loop ended before %d writes could be acknowledged", len(outcomes))


def _resolve(outcomes: list[_Done]) -> None:
    for future, result, error in outcomes:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def _group(entries: list[_Entry]) -> list[_Entry]:
    """Choose what is written next: one that is to be alone, or as many as go together, in their order."""
    if entries[0].alone:
        return entries[:1]
    group = list(takewhile(lambda entry: not entry.alone, entries[:MAX_GROUP]))
    return group if any(entry.job for entry in group) else group[:MAX_ROWS]


def _alone(connection: sqlite3.Connection, group: list[_Entry]) -> list[_Done]:
    """Run a job that looks after transactions itself."""
    (entry,) = group
    try:
        return [_Done(entry.future, entry.job and entry.job(connection), None)]
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def translate(error: Exception) -> Exception:
    """Turn SQLite's errors into this library's, keeping those that already are."""
    if isinstance(error, SessionError) or not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    kind = code & 0xFF if code is not None else None
    if kind == sqlite3.SQLITE_FULL:
        return StoreFull("the disk is full; nothing was stored. Free some space and send it again")
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreReadOnly("no writing to the store or beside it: check the permissions of its folder and file")
    return StoreError(f"the database refused: {error}")
