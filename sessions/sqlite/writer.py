"""Writer: the single owner of the only writing connection.

A write is a function of the connection. Whatever is queued while a commit is in flight goes out as
the next transaction, so many conversations share one disk sync (group commit) and no timer makes a
lonely one wait. A caller's future resolves after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from queue import SimpleQueue
from typing import TypeVar, cast

from sessions.errors import SessionError, StoreError, StoreFull, StoreReadOnly

T = TypeVar("T")


class Outcome(asyncio.Future[T]):
    """The future of a write. It can not be cancelled: what is queued will happen.

    A task that is cancelled while it waits gets its `CancelledError` after the commit, so nobody ever acts on
    a half-known state.
    """

    def cancel(self, msg: object = None) -> bool:
        """Refuse; the waiting task keeps the request and is cancelled when the write is done."""
        return False


Job = Callable[[sqlite3.Connection], T]
_Entry = tuple[Job[object], Outcome[object], bool]

MAX_GROUP = 512  # writes in one transaction; bounds how long the first of them waits
BATCH = 32  # writes handed to the thread at once, so that it works while others are still being sealed
log = logging.getLogger(__name__)


class Writer:
    """Runs jobs on a thread of its own, in the order they were given."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._queue: SimpleQueue[list[_Entry] | None] = SimpleQueue()
        self._waiting: list[_Entry] = []
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="palaver-writer", daemon=True)
        self._closed = False
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def start(self, opening: Job[T]) -> T:
        """Connect, run `opening` as the first job (in no transaction) and give its result."""
        self._thread.start()
        try:
            return await self.run(opening)
        except BaseException:
            await self.stop()
            raise

    def submit(self, job: Job[T], *, alone: bool = False) -> Outcome[T]:
        """Queue a job. It may run twice, so it must do nothing but work on its connection.

        `alone` runs it outside a transaction, between two groups.
        """
        if self._closed:
            raise StoreError("the store is closed")
        future: Outcome[T] = Outcome(loop=self._loop)
        self._waiting.append(cast("_Entry", (job, future, alone)))
        if alone or len(self._waiting) == BATCH:
            self._hand_over()
        elif len(self._waiting) == 1:
            self._loop.call_soon(self._hand_over)
        return future

    def _hand_over(self) -> None:
        """Give the thread what the tasks of this round of the event loop have queued, with one wake-up."""
        if self._waiting:
            self._queue.put(self._waiting)
            self._waiting = []

    async def run(self, job: Job[T]) -> T:
        """Run a job outside a transaction and wait for it."""
        return await self.submit(job, alone=True)

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
        while (entries := self._queue.get()) is not None:
            while len(entries) < MAX_GROUP and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    self._queue.put(None)  # stop after these
                    break
                entries = entries + more
            for alone, run in groupby(entries, key=itemgetter(2)):
                group = list(run)
                self._deliver([_alone(connection, entry) for entry in group] if alone else _commit(connection, group))

    def _refuse(self, error: Exception) -> None:
        """Answer every job with the error that kept the connection from opening."""
        while (entries := self._queue.get()) is not None:
            self._deliver([(future, None, translate(error)) for _, future, _ in entries])

    def _deliver(self, outcomes: list[_Done]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        except RuntimeError:
            log.warning("the event loop ended before %d writes could be acknowledged", len(outcomes))


_Done = tuple[Outcome[object], object, BaseException | None]


def _resolve(outcomes: list[_Done]) -> None:
    for future, result, error in outcomes:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def _commit(connection: sqlite3.Connection, group: list[_Entry]) -> list[_Done]:
    """Write a group as one transaction; if one job fails, write each on its own instead."""
    try:
        return _transaction(connection, group)
    except Exception as error:  # noqa: BLE001  # passed on to whoever waits
        if len(group) == 1:
            return [(group[0][1], None, translate(error))]
    outcomes: list[_Done] = []
    for entry in group:
        try:
            outcomes += _transaction(connection, [entry])
        except Exception as error:  # noqa: BLE001  # passed on to whoever waits
            outcomes.append((entry[1], None, translate(error)))
    return outcomes


def _transaction(connection: sqlite3.Connection, group: list[_Entry]) -> list[_Done]:
    outcomes: list[_Done] = []
    try:
        # IMMEDIATE: a lock that is held elsewhere is waited for here, not discovered half-way.
        connection.execute("BEGIN IMMEDIATE")
        for job, future, _ in group:
            outcomes.append((future, job(connection), None))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise
    return outcomes


def _alone(connection: sqlite3.Connection, entry: _Entry) -> _Done:
    job, future, _ = entry
    try:
        return future, job(connection), None
    except Exception as error:  # noqa: BLE001  # passed on to whoever waits
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return future, None, translate(error)


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
