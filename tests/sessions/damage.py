"""A filled store as bytes, and copies of it to do damage to."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path

from sessions.address import Address
from sessions.context import STRATEGIES
from sessions.errors import SessionError
from sessions.manager import SessionManager
from sessions.message import Usage
from sessions.scope import Scope
from sessions.sqlite import schema
from sessions.sqlite.store import SqliteStore
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, person, say

Value = int | str | bytes | None
Rows = list[tuple[Value, ...]]

ANN, BOB, CID = person("ann"), person("bob", chat="chat-2"), person("cid", chat="chat-3")
PEOPLE = (ANN, BOB, CID)


# -- the schema --------------------------------------------------------------------------------


def tables() -> dict[str, list[str]]:
    """Read the tables and their columns from the schema, so that new ones are covered by themselves."""
    with closing(sqlite3.connect(":memory:")) as connection:
        schema.migrate(connection)
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for (name,) in names}


def keys() -> dict[str, int]:
    """Read how many columns the primary keys have; they come first."""
    with closing(sqlite3.connect(":memory:")) as connection:
        schema.migrate(connection)
        return {name: sum(r[5] > 0 for r in connection.execute(f"PRAGMA table_info({name})")) for name in tables()}


TABLES, KEYS = tables(), keys()


# -- the store -----------------------------------------------------------------------------------


class Interrupted(SqliteStore):
    """A store whose process ends before an erasure is finished."""

    async def sweep_erased(self) -> int:
        """Do nothing: it would have been next."""
        return 0


@dataclass
class Sample:
    """A filled store as bytes, and how it looked after each step on the way there."""

    path: Path
    clock: ManualClock = field(default_factory=ManualClock)
    steps: list[bytes] = field(default_factory=list)
    erasing: int = 0  # the step at which an erasure is under way

    def keep(self) -> None:
        """Remember how the store looks now."""
        with closing(sqlite3.connect(self.path)) as connection:
            self.steps.append(connection.serialize())

    async def fill(self) -> None:
        """Use everything that is stored in some way or other."""
        async with SessionManager.open(
            store=Interrupted(self.path), encryption_key=KEY, clock=self.clock, daily_reset="04:00"
        ) as sessions:
            self.keep()
            await self._talk(sessions)
            await self._move(sessions)
            await self._settle(sessions)
            await self._correspond(sessions)
            await self._erase(sessions)
        async with SessionManager.open(db_path=self.path, encryption_key=KEY, clock=self.clock) as sessions:
            assert await sessions.verify() == []
        self.keep()

    async def _talk(self, sessions: SessionManager) -> None:
        first = await sessions.get_or_create_session(ANN)
        await sessions.add_message(first.id, role="system", content="Be kind.")
        await say(sessions, first.id, "one", "two", "three")  # in one millisecond: only their places differ
        self.keep()
        self.clock.advance(60)
        await sessions.add_message(
            first.id, role="user", content="four", author="Ann", metadata={"lang": "en"}, important=True
        )
        await sessions.add_message(first.id, role="assistant", content="re: four", usage=Usage(5, 7, 1))
        self.keep()
        turn = await sessions.begin_turn(first.id, content="five")
        await sessions.finish_turn(turn, content="re: fi", partial=True)
        self.keep()

    async def _move(self, sessions: SessionManager) -> None:
        first = await sessions.get_or_create_session(ANN)
        mark = await sessions.save_checkpoint(first.id, name="before", description="the change")
        self.keep()
        await say(sessions, first.id, "six")
        await sessions.restore_checkpoint(mark.id)
        await say(sessions, first.id, "seven")
        self.keep()
        await sessions.undo(ANN)
        await sessions.redo(ANN)
        await sessions.delete_checkpoint(mark.id)
        await sessions.save_checkpoint(first.id, name="after")
        self.keep()
        fork = await sessions.fork(first.id, title="another way")
        await say(sessions, fork.id, "eight")
        self.keep()
        self.clock.advance(60)
        await sessions.switch_session(ANN, first.id)
        self.keep()
        await sessions.reset(ANN)
        await say(sessions, (await sessions.get_or_create_session(ANN)).id, "nine")
        self.keep()

    async def _settle(self, sessions: SessionManager) -> None:
        theirs = await sessions.get_or_create_session(BOB)
        await say(sessions, theirs.id, "one", "two")
        for title in ("work", "play"):
            await sessions.update_session(theirs.id, title=title, tags=["a", title], model="m-1", metadata={"k": [1]})
            self.keep()
        for idle in (30, 60):
            await sessions.set_chat_resets(
                BOB, daily_at=time(3), timezone="Europe/Berlin", idle=timedelta(minutes=idle)
            )
            self.keep()
        failed = await sessions.begin_turn(theirs.id, content="thre", metadata={"source": "7"})
        self.keep()
        await sessions.revise_message(BOB, source="7", content="three")
        await sessions.finish_turn(failed, content="", failed=True)
        self.keep()
        for scope in (Scope.PER_PEER, Scope.PER_CHANNEL, Scope.PER_CHANNEL_PEER):
            await sessions.set_scope(CID, scope)
            await say(sessions, (await sessions.get_or_create_session(CID)).id, f"in {scope.value}")
            self.keep()

    async def _correspond(self, sessions: SessionManager) -> None:
        """Leave letters and parcels in every state."""
        mailbox = sessions.mailbox
        waiting, begun, finished = await mailbox.receive("telegram:1", [(name, b"said") for name in ("1", "2", "3")])
        self.keep()
        theirs = await sessions.get_or_create_session(BOB)
        with suppress(InterruptedError):
            async with mailbox.handling(begun):
                await sessions.begin_turn(theirs.id, content="four")
                raise InterruptedError
        self.keep()
        async with mailbox.handling(finished):
            await mailbox.post(mailbox.parcel("telegram:1", b"answer"))
        self.keep()
        for parts in (1, 2):
            (parcel,) = await mailbox.unsent("telegram:1")
            await mailbox.sent(parcel, parts=parts)
            self.keep()
        await mailbox.sent(parcel._replace(sent=2))
        await mailbox.post(mailbox.parcel("telegram:1", b"another answer"))
        self.keep()
        assert [letter.name for letter in await mailbox.unfinished("telegram:1")] == [waiting.name, begun.name]
        self.keep()

    async def _erase(self, sessions: SessionManager) -> None:
        gone = await sessions.new_session(CID, title="to be forgotten")
        await say(sessions, gone.id, "one", "two")
        self.keep()
        await sessions.new_session(CID)
        await sessions.delete_session(gone.id)
        self.keep()
        self.erasing = len(self.steps) - 1


def made_in(folder: Path) -> Sample:
    sample = Sample(folder / "sample.db")
    with ThreadPoolExecutor(1) as elsewhere:  # a loop of its own, whatever runs in this thread
        elsewhere.submit(asyncio.run, sample.fill()).result()
    return sample


# -- copies --------------------------------------------------------------------------------------


class Copy:
    """A copy of the sample to do damage to."""

    def __init__(self, sample: Sample, path: Path) -> None:
        self.path, self._sample, self._step = path, sample, -1
        self.restore()

    def begin(self, step: int) -> None:
        """Go back to how the store looked after a step."""
        self._step = step
        self.restore()

    def begin_with(self, table: str) -> None:
        """Go back to when this table was not empty."""
        self.begin(self._sample.erasing if table == "erasure" else -1)

    def restore(self) -> None:
        """Undo all damage."""
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.write_bytes(self._sample.steps[self._step])

    def run(self, sql: str, *values: Value) -> Rows:
        """Run a statement as somebody who cares for no constraint but the uniqueness of rows."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("PRAGMA synchronous = OFF")
            return connection.execute(sql, values).fetchall()

    def rows(self, table: str) -> Rows:
        """Read a table."""
        return self.run(f"SELECT * FROM {table}")  # noqa: S608

    def change(self, table: str, key: Sequence[Value], column: str, value: Value) -> None:
        """Set one value of the row with this primary key."""
        self.run(f"UPDATE {table} SET {column} = ? WHERE {_where(table)}", value, *key)  # noqa: S608

    def put(self, table: str, row: Sequence[Value]) -> None:
        """Write a whole row, over the one with the same key if there is one."""
        self.run(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608

    def remove(self, table: str, key: Sequence[Value]) -> None:
        """Delete a row."""
        self.run(f"DELETE FROM {table} WHERE {_where(table)}", *key)  # noqa: S608

    def manager(self) -> SessionManager:
        """Describe a manager on it, in a later minute."""
        later = ManualClock(self._sample.clock.now + 60)
        return SessionManager.open(db_path=self.path, encryption_key=KEY, clock=later, daily_reset="04:00")

    async def symptoms(self, *, used: bool = False) -> list[str]:
        """Give what verifying says, or why the store can not even be opened.

        With `used` it is read and written first, so what is found was not covered up by that; whatever is raised on
        the way is an error of this library.
        """
        try:
            async with self.manager() as sessions:
                if used:
                    for address in PEOPLE:
                        await use(sessions, address)
                return await sessions.verify()
        except SessionError as error:
            return [str(error)]


def _where(table: str) -> str:
    return " AND ".join(f"{key} = ?" for key in TABLES[table][: KEYS[table]])


async def use(sessions: SessionManager, address: Address) -> None:
    """Do what a person does; what can not be done is left."""
    ids = []
    with suppress(SessionError):
        ids = [session.id for session in await sessions.list_sessions(address)]
        ids += [session.id for session in await sessions.own_sessions(address)]
    for session_id in dict.fromkeys(ids):
        for read in (sessions.get_session, sessions.get_history, sessions.reset_rule, sessions.export):
            with suppress(SessionError):
                await read(session_id)
        with suppress(SessionError):
            await sessions.list_checkpoints(session_id, automatic=True)
        for strategy in STRATEGIES:
            with suppress(SessionError):
                await sessions.get_context_history(session_id, max_tokens=50, strategy=strategy)
        with suppress(SessionError):
            await say(sessions, session_id, "more")
    for step in (sessions.undo, sessions.redo, sessions.get_or_create_session):
        with suppress(SessionError):
            await step(address)
    with suppress(SessionError):
        await sessions.search(address, "one")
    with suppress(SessionError):
        await sessions.set_chat_resets(address, idle=timedelta(minutes=45))
    with suppress(SessionError):
        await sessions.preview_resets(days=2)
        await sessions.sweep()
