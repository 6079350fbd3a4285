"""Units: units of work on a database, each finished once it is begun, and repeated where that is safe.

A unit of work is repeated when the database took it back (serialization, deadlock), and when its connection broke:
then it is first looked up whether it was committed, by a random token that it stores with the rest. The number that a
database gives to a transaction would not do: it gives it again when it crashed before anything of it reached the disk.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from sessions.errors import Fenced, StoreError
from sessions.outcome import Outcome, unattended
from sessions.postgres.connection import unhurried
from sessions.postgres.connections import SETTINGS, Connection, Connections, Row, Value
from sessions.postgres.trouble import Lost, is_busy, is_lost, may_repeat, state_of, translate

T = TypeVar("T")
Job = Callable[[Connection], Awaitable[T]]
"""What is done inside a transaction. It may run several times, so it must only work on its connection."""

PATIENCE = 20.0  # seconds for which a unit of work is tried; another server takes over in less
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
BEAT_SECONDS = 5.0  # after which, and how often, a server that works at something long is asked whether it is there
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LOOK = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0"
# In a unit of work that is looked for, this waits for the end of the one that put the same token there.
_SIGN = "INSERT INTO palaver.unit VALUES ($1, now()) ON CONFLICT (token) DO NOTHING RETURNING 1"
# The row of the worker stays for as long as the unit of work lasts: nobody takes over in the middle of it.
_SIGN_AS = (
    "WITH alive AS (SELECT id FROM palaver.worker WHERE id = $2 FOR KEY SHARE)"
    " INSERT INTO palaver.unit SELECT $1, now() FROM alive RETURNING 1"
)
_TOUCH = "UPDATE palaver.unit SET at = now() WHERE token = $1"
_UNSIGN = "DELETE FROM palaver.unit WHERE token = $1"
_IS_THERE = "SELECT 1 FROM palaver.unit WHERE token = $1"
# Numbers may have been given that a standby has not heard of: PostgreSQL writes down one in 32, and others do not wait.
_SKIP = "SELECT count(nextval('palaver.session_number')) FROM generate_series(1, 1000)"
_FORGET = "DELETE FROM palaver.unit WHERE at < now() - interval '1 hour'"
FORGOTTEN_EVERY = 1_000  # units of work
GIVE_UP_SECONDS = 2  # in which a server takes back what was not answered in time
REMEMBERED_SECONDS = 1800.0  # for which a token is certain to be kept
_LOCAL = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in SETTINGS.items())
log = logging.getLogger(__name__)


class Units:
    """Runs units of work on connections of their own, as many at once as there are connections."""

    def __init__(self, connections: Connections, *, pooler: bool) -> None:
        self._connections = connections
        self._begin = _BEGIN + _LOCAL if pooler else _BEGIN
        self._running: set[asyncio.Task[None]] = set()
        self._closed = self._hurried = False
        self._signed = 0
        self._newest = (b"", 0.0)  # the token of the unit of work that was acknowledged last, and when
        self._taken_over = 0
        self.worker = 0  # the number of the worker this is; 0 for a program that is none
        self.patience, self.beat = PATIENCE, BEAT_SECONDS

    def start(self, work: Coroutine[None, None, T]) -> Outcome[T]:
        """Begin some work that is finished even if its caller is cancelled."""
        if self._closed:
            work.close()
            raise StoreError("the store is closed")
        outcome: Outcome[T] = Outcome(loop=asyncio.get_running_loop())
        task = asyncio.ensure_future(_answer(work, outcome))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return outcome

    def write(self, job: Job[T], *, known: bool = True, patience: float | None = None) -> Outcome[T]:
        """Run a job as one unit of work.

        When it is not `known` whether all of it is there already, that is asked until there is an answer. What may as
        well be left is given less `patience`.
        """
        self._signed += 1
        if self._signed % FORGOTTEN_EVERY == 0:
            unattended(self.start(self._patiently(lambda: self._transact(self._begin, _forget_tokens))))
        return self.start(
            self._patiently(
                lambda: self._transact(self._begin, job, secrets.token_bytes(16)), known=known, patience=patience
            )
        )

    def found(self, job: Job[T]) -> Outcome[T]:
        """Run a job as one unit of work where the tables for that may not be there yet."""
        return self.start(self._patiently(lambda: self._transact(self._begin, job)))

    def view(self, job: Job[T]) -> Outcome[T]:
        """Run a job that only reads, all of it at one moment, however long it takes."""
        return self.start(self._patiently(lambda: self._transact(_LOOK, lambda one: self._watched(job, one))))

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement that only reads. A caller who is cancelled does not wait for it."""
        reading = self.start(self._patiently(lambda: self._read(sql, values)))
        unattended(reading)
        return await asyncio.shield(reading)

    async def only(self, sql: str, *values: Value) -> Row:
        """Run one statement that gives one row."""
        return (await self.fetch(sql, *values))[0]

    async def once(self, job: Job[T], *, writes: bool = True) -> T:
        """Run a job outside a transaction, once. Raises `Lost` where its end is unknown."""
        async with self._connections.one(commits=writes, writes=writes) as connection:
            try:
                result = await job(connection)
            except Exception as error:
                if is_lost(error, closed=connection.is_closed()):
                    await _let_go(connection, error)
                    raise Lost(state_of(error)) from None
                raise
            if connection.is_closed():  # it has answered, and not for certain
                raise Lost("")
            return result

    def translate(self, error: Exception) -> Exception:
        """Say an error in the library's words."""
        return translate(error, self._connections.place)

    def hurry(self) -> None:
        """Ask no longer than for `patience` how a unit of work ended: the store is being closed."""
        self._hurried = True

    async def close(self) -> None:
        """Finish what is begun."""
        self._closed = self._hurried = True
        while self._running:
            await asyncio.wait(self._running)

    # -- inside --------------------------------------------------------------------------------

    async def _patiently(
        self, attempt: Callable[[], Awaitable[T]], *, known: bool = True, patience: float | None = None
    ) -> T:
        """Repeat what may be repeated. What is not known is asked as long as the store is open: no error may lie."""
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), FIRST_PAUSE
        while True:
            try:
                return await attempt()
            except Exception as error:  # noqa: BLE001  # told apart by what can be done about it
                if self._may_go_on(error, known=known):
                    began = loop.time()
                elif not may_repeat(error):
                    raise self.translate(error) from None
                elif loop.time() + pause > began + (self.patience if patience is None else patience):
                    raise self.translate(error) if known else _undecided() from None
                log.debug("a unit of work is repeated: %s", type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _may_go_on(self, error: Exception, *, known: bool) -> bool:
        """Tell whether time does not count: the end is not known yet, or was found out after a long time."""
        if self._hurried:
            return False
        if not known:
            return may_repeat(error) or is_busy(error)
        return isinstance(error, Lost) and error.looked_up

    async def _transact(self, begin: str, job: Job[T], token: bytes | None = None) -> T:
        ending = False
        async with self._connections.one(commits=begin is not _LOOK, writes=token is not None) as connection:
            try:
                await self._miss_nothing(connection)
                await connection.execute(begin)
                if token is not None:
                    await self._sign(token, connection)
                result = await job(connection)
                ending = True
                await connection.execute("COMMIT")
                if not connection.is_closed():
                    return self._acknowledged(token, result)
                state = ""  # it has answered, and not for certain
            except Exception as error:
                if not is_lost(error, closed=connection.is_closed()):
                    await _roll_back(connection)
                    raise
                await _let_go(connection, error)
                state = state_of(error)
        if token is None or not ending:
            raise Lost(state)
        if not await self._was_committed(token):
            raise Lost(state, looked_up=True)
        return self._acknowledged(token, result)

    def _acknowledged(self, token: bytes | None, result: T) -> T:
        if token is not None:
            self._newest = token, asyncio.get_running_loop().time()
        return result

    async def _miss_nothing(self, connection: Connection) -> None:
        """Say so when a server that has taken over lacks what the one before had acknowledged; reuse no number."""
        if self._taken_over == self._connections.servers.taken_over:
            return
        self._taken_over = self._connections.servers.taken_over
        await connection.execute(_SKIP)
        token, at = self._newest
        certain = token and asyncio.get_running_loop().time() - at < REMEMBERED_SECONDS
        if certain and await connection.fetchrow(_IS_THERE, token) is None:
            log.error(
                "the server that has taken over lacks what was stored last: have the standby confirm commits"
                " (synchronous_standby_names), and see what people say they miss"
            )

    async def _sign(self, token: bytes, connection: Connection) -> None:
        if not self.worker:
            await connection.execute(_SIGN, token)
        elif await connection.fetchrow(_SIGN_AS, token, self.worker) is None:
            raise fenced()

    async def _was_committed(self, token: bytes) -> bool:
        """Look up how a unit of work ended; one that is still under way is waited for, and so is the standby."""

        async def is_there(connection: Connection) -> bool:
            found = await connection.fetchrow(_SIGN, token) is None
            # A standby confirms what is written, not what is read. Where nothing was found nothing stays: this will be
            # asked again if the answer to it gets lost as well.
            await connection.execute(_TOUCH if found else _UNSIGN, token)
            return found

        return await self._patiently(lambda: self._transact(self._begin, is_there), known=False)

    async def _watched(self, job: Job[T], connection: Connection) -> T:
        """Run what may take long, as long as the server answers others."""
        running = asyncio.ensure_future(_as_coroutine(job, unhurried(connection)))
        try:
            while not (await asyncio.wait({running}, timeout=self.beat))[0]:
                if not await self._answers():
                    connection.terminate()
            return running.result()
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _answers(self) -> bool:
        try:
            await self.once(lambda other: other.execute("SELECT 1"), writes=False)
        except Exception:  # noqa: BLE001  # whatever it is, it is no answer
            return False
        return True

    async def _read(self, sql: str, values: tuple[Value, ...]) -> list[Row]:
        return await self.once(lambda connection: connection.fetch(sql, *values), writes=False)


async def _answer(work: Coroutine[None, None, T], outcome: Outcome[T]) -> None:
    try:
        outcome.set_result(await work)
    except Exception as error:  # noqa: BLE001  # passed on to whoever waits
        outcome.set_exception(error)
    except BaseException:
        outcome.set_exception(StoreError("the program ended before the end of this unit of work was known"))
        raise


def fenced() -> Fenced:
    """Give the error for a worker that was given up."""
    return Fenced("this worker was not heard of for too long, so others have taken over; nothing was written")


def _undecided() -> StoreError:
    return StoreError("the store was closed before it was known whether this was stored")


async def _as_coroutine(job: Job[T], connection: Connection) -> T:
    return await job(connection)


async def _let_go(connection: Connection, error: Exception) -> None:
    """Leave a connection behind; what was not answered in time is taken back first, so that it holds nobody up."""
    if isinstance(error, TimeoutError):
        with suppress(Exception):
            await connection.close(timeout=GIVE_UP_SECONDS)
    connection.terminate()


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK")
    except Exception:  # noqa: BLE001  # the database does it when the connection is gone
        connection.terminate()


async def _forget_tokens(connection: Connection) -> None:
    await connection.execute(_FORGET)
