"""What was replaced or erased leaves the log of the embedded store, however long somebody reads, whatever is killed."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sessions.errors import SessionError
from sessions.keys import RawKey
from sessions.manager import SessionManager
from sessions.records import Census
from sessions.sqlite.store import SqliteStore
from tests.sessions.conftest import KEY, Opener, person, say
from tests.sessions.rotating import NEW, OLD, rotate
from tests.sessions.test_rotation import BOTH, FORMS, filled, on_disk, opens_whole, rows, run

_SEALED = ("body FROM message", "body FROM journal", "wrapped FROM session", "profile FROM session")
_OF_BOB = (("wrapped FROM session", "number = 2"), ("body FROM message", "id >> 24 = 2"))
_WRAPPED = ("wrapped FROM session", "wrapped FROM secret")


def stored(path: Path, what: tuple[str, ...]) -> list[bytes]:
    """Give sealed records and wrapped keys as they are now."""
    return [row[0] for one in what for row in rows(path, f"SELECT {one}")]


def left(path: Path, pieces: list[bytes]) -> int:
    """Count what is in the database or its log still."""
    data = on_disk(path)
    return sum(piece in data for piece in pieces)


@contextmanager
def read(path: Path) -> Iterator[Callable[[], None]]:
    """Read the store as it is now, for as long as the block lasts or until the given function is called."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM message").fetchone()
        yield lambda: _end(connection)


def _end(connection: sqlite3.Connection) -> None:
    connection.execute("ROLLBACK")


@FORMS
async def test_what_a_reader_held_through_a_rotation_goes_with_the_next_sweep(
    open_store: Opener, db_path: Path, deep: bool
) -> None:
    """It is tried again at each sweep, and the first one after the reader has gone does it."""
    async with open_store(key=OLD) as sessions:
        said = await filled(sessions)
    old = stored(db_path, _SEALED if deep else _WRAPPED)
    async with open_store(key=BOTH) as sessions:
        with read(db_path) as let_go:
            assert await rotate(sessions, deep=deep) == 0
            await sessions.sweep()
            assert left(db_path, old) > 0
            let_go()
            await sessions.sweep()
            assert left(db_path, old) == 0
        await opens_whole(sessions, said)


@FORMS
async def test_what_a_reader_held_through_a_rotation_goes_when_the_store_is_closed(
    open_store: Opener, db_path: Path, deep: bool
) -> None:
    """Closing tries it once more, also where another program has the store open and so keeps the log from going."""
    async with open_store(key=OLD) as sessions:
        said = await filled(sessions)
    old = stored(db_path, _SEALED if deep else _WRAPPED)
    with read(db_path) as let_go:
        async with open_store(key=BOTH) as sessions:
            assert await rotate(sessions, deep=deep) == 0
            assert left(db_path, old) > 0
            let_go()
        assert left(db_path, old) == 0
    assert rows(db_path, "SELECT number FROM erasure") == []
    async with open_store(key=NEW) as sessions:
        await opens_whole(sessions, said)


@FORMS
async def test_what_a_reader_held_past_the_end_goes_with_the_next_start(
    open_store: Opener, db_path: Path, deep: bool
) -> None:
    """A reader that stays longer than whoever rotated leaves it to the next one who owns the store."""
    async with open_store(key=OLD) as sessions:
        await filled(sessions)
    old = stored(db_path, _SEALED if deep else _WRAPPED)
    with read(db_path) as let_go:
        async with open_store(key=BOTH) as sessions:
            await rotate(sessions, deep=deep)
        assert left(db_path, old) > 0
        async with open_store(key=NEW):
            assert left(db_path, old) > 0
        let_go()
        async with open_store(key=NEW):
            assert left(db_path, old) == 0
    assert left(db_path, old) == 0


@FORMS
async def test_what_a_killed_rotation_replaced_goes_with_the_next_start(
    open_store: Opener, db_path: Path, deep: bool
) -> None:
    """Killed with half of it done and somebody reading: what was replaced until then is in no file afterwards."""
    async with open_store(key=OLD) as sessions:
        await filled(sessions)
    before = stored(db_path, _SEALED if deep else _WRAPPED)
    with read(db_path) as let_go:
        assert run(db_path, 6, "deep" if deep else "shallow") == -signal.SIGKILL
        replaced = sorted(set(before) - set(stored(db_path, _SEALED if deep else _WRAPPED)))
        assert len(replaced) > 4
        assert left(db_path, replaced) == len(replaced)
        async with open_store(key=BOTH) as sessions:
            assert left(db_path, replaced) == len(replaced)
            let_go()
            await sessions.sweep()
            assert left(db_path, replaced) == 0
            assert await sessions.verify() == []
    async with open_store(key=BOTH) as sessions:
        kid = await sessions.keyring.adopt(RawKey(NEW))
        assert (begun := await sessions.rotation.under_way()) is not None
        assert (begun.to, begun.deep) == (kid, deep)


class _Meanwhile(SqliteStore):
    """A store in which something is done once while the log is being emptied."""

    job: Callable[[], Awaitable[object]] | None = None

    async def _empty_log(self) -> None:
        emptying = asyncio.ensure_future(super()._empty_log())
        job, self.job = self.job, None
        if job is not None:
            await asyncio.sleep(0)  # the thread that writes has been told
            await job()
        await emptying


async def test_what_is_erased_while_the_log_is_emptied_for_another_leaves_it_too(db_path: Path) -> None:
    """The note that there is something in the log is not taken for that of what was there before."""
    store = _Meanwhile(db_path)
    async with SessionManager.open(store=store, encryption_key=KEY) as sessions:
        for name in ("ann", "bob"):
            session = await sessions.get_or_create_session(person(name, chat=name))
            await say(sessions, session.id, "one", "two")
        erased = stored(db_path, tuple(f"{what} WHERE {where}" for what, where in _OF_BOB))
        census = sessions._parts.erasure._census.change(Census(sessions=-1))
        store.job = lambda: store.erase_sessions([2], census)
        await store.forget_log()
        assert left(db_path, erased) > 0
        await sessions.sweep()
        assert left(db_path, erased) == 0
        assert await sessions.verify() == []


async def test_a_store_in_memory_and_one_that_never_opened_close_without_a_log(db_path: Path) -> None:
    """There is nothing to empty, and closing says nothing."""
    async with SessionManager.open(encryption_key=KEY) as sessions:
        await say(sessions, (await sessions.get_or_create_session(person())).id, "one")
    async with SessionManager.open(db_path=db_path, encryption_key=KEY):
        pass
    with suppress(SessionError):
        async with SessionManager.open(db_path=db_path, encryption_key=NEW):
            raise AssertionError("it opened")
