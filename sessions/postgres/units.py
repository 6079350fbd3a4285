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
from typing import TypeVar

from sessions.errors import StoreError
from sessions.outcome import Outcome, unattended
from sessions.postgres.connections import SETTINGS, Connection, Connections, Row, Value
from sessions.postgres.trouble import Lost, is_lost, may_repeat, state_of, translate

T = TypeVar("T")
Job = Callable[[Connection], Awaitable[T]]
"""What is done inside a transaction. It may run several times, so it must only work on its connection."""

PATIENCE = 20.0  # seconds for which a unit of work is tried; another server takes over in less
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LOOK = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0"
# In a unit of work that is looked for, this waits for the end of the one that put the same token there.
_SIGN = "INSERT INTO palaver.unit VALUES ($1, now()) ON CONFLICT (token) DO NOTHING RETURNING 1"
_UNSIGN = "DELETE FROM palaver.unit WHERE token = $1"
_FORGET = "DELETE FROM palaver.unit WHERE at < now() - interval '1 hour'"
FORGOTTEN_EVERY = 1_000  # units of work
_LOCAL = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in SETTINGS.items())
log = logging.getLogger(__name__)


class Units:
    """Runs units of work on connections of their own, as many at once as there are connections."""

    def __init__(self, connections: Connections, *, pooler: bool) -> None:
        self._connections = connections
        self._begin = _BEGIN + _LOCAL if pooler else _BEGIN
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False
        self._signed = 0
        self.patience = PATIENCE

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

    def write(self, job: Job[T]) -> Outcome[T]:
        """Run a job as one unit of work."""
        self._signed += 1
        if self._signed % FORGOTTEN_EVERY == 0:
            unattended(self.start(self._patiently(lambda: self._transact(self._begin, _forget_tokens))))
        return self.start(self._patiently(lambda: self._transact(self._begin, job, secrets.token_bytes(16))))

    def found(self, job: Job[T]) -> Outcome[T]:
        """Run a job as one unit of work where the tables for that may not be there yet."""
        return self.start(self._patiently(lambda: self._transact(self._begin, job)))

    def view(self, job: Job[T]) -> Outcome[T]:
        """Run a job that only reads, all of it at one moment, however long it takes."""
        return self.start(self._patiently(lambda: self._transact(_LOOK, job)))

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement that only reads. A caller who is cancelled does not wait for it."""
        reading = self.start(self._patiently(lambda: self._read(sql, values)))
        unattended(reading)
        return await asyncio.shield(reading)

    async def only(self, sql: str, *values: Value) -> Row:
        """Run one statement that gives one row."""
        return (await self.fetch(sql, *values))[0]

    async def once(self, job: Job[T]) -> T:
        """Run a job outside a transaction, once. Raises `Lost` where its end is unknown."""
        async with self._connections.one() as connection:
            try:
                return await job(connection)
            except Exception as error:
                if is_lost(error, closed=connection.is_closed()):
                    connection.terminate()
                    raise Lost(state_of(error)) from None
                raise

    def translate(self, error: Exception) -> Exception:
        """Say an error in the library's words."""
        return translate(error, self._connections.place)

    async def close(self) -> None:
        """Finish what is begun."""
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)

    # -- inside --------------------------------------------------------------------------------

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + self.patience, FIRST_PAUSE
        while True:
            try:
                return await attempt()
            except Exception as error:  # noqa: BLE001  # told apart by what can be done about it
                if not may_repeat(error) or loop.time() + pause > end:
                    raise self.translate(error) from None
                log.debug("a unit of work is repeated: %s", type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _transact(self, begin: str, job: Job[T], token: bytes | None = None) -> T:
        ending = False
        async with self._connections.one() as connection:
            try:
                await connection.execute(begin)
                if token is not None:
                    await connection.execute(_SIGN, token)
                result = await job(connection)
                ending = True
                await connection.execute("COMMIT")
                return result
            except Exception as error:
                if not is_lost(error, closed=connection.is_closed()):
                    await _roll_back(connection)
                    raise
                connection.terminate()
                state = state_of(error)
        if token is None or not ending or not await self._was_committed(token):
            raise Lost(state)
        return result

    async def _was_committed(self, token: bytes) -> bool:
        """Look up how a unit of work ended; one that is still under way is waited for."""

        async def is_there(connection: Connection) -> bool:
            found = await connection.fetchrow(_SIGN, token) is None
            if not found:  # to be asked again if the answer to this gets lost as well
                await connection.execute(_UNSIGN, token)
            return found

        return await self._patiently(lambda: self._transact(self._begin, is_there))

    async def _read(self, sql: str, values: tuple[Value, ...]) -> list[Row]:
        return await self.once(lambda connection: connection.fetch(sql, *values))


async def _answer(work: Coroutine[None, None, T], outcome: Outcome[T]) -> None:
    try:
        outcome.set_result(await work)
    except Exception as error:  # noqa: BLE001  # passed on to whoever waits
        outcome.set_exception(error)
    except BaseException:
        outcome.set_exception(StoreError("the program ended before the end of this unit of work was known"))
        raise


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK")
    except Exception:  # noqa: BLE001  # the database does it when the connection is gone
        connection.terminate()


async def _forget_tokens(connection: Connection) -> None:
    await connection.execute(_FORGET)
