"""The writer: writes share transactions, keep their order, fail alone, and are acknowledged after the commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from sessions.errors import StoreError, StoreReadOnly
from sessions.sqlite.writer import BATCH, MAX_GROUP, MAX_ROWS, Job, Row, Writer
from tests.sessions.conftest import Opener, person
from tests.sessions.power import Disk, Event, put_in


class Gate:
    """A place where the writer's thread waits until it is let through, once it was closed."""

    def __init__(self) -> None:
        self._arrived, self._open = threading.Event(), threading.Event()
        self._open.set()

    def close(self) -> None:
        self._arrived.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        self._arrived.set()
        assert self._open.wait(10)

    async def arrival(self) -> None:
        """Wait until the thread stands here."""
        assert await asyncio.to_thread(self._arrived.wait, 10)


ROWS = "INSERT INTO word VALUES"


def write_words(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write rows of (id, text) with one statement, as the store does."""
    connection.execute(f"{ROWS} {', '.join(['(?, ?)'] * len(rows))}", list(chain.from_iterable(rows)))


class Bench:
    """A writer on a small database; every statement is noted. COMMIT and the writing of rows pass through a gate."""

    def __init__(self, path: Path) -> None:
        self.path, self.statements, self.gate = path, list[str](), Gate()
        self.writer = Writer(self._connect, write_words)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("CREATE TABLE IF NOT EXISTS word (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        deferred = "REFERENCES word DEFERRABLE INITIALLY DEFERRED"
        connection.execute(f"CREATE TABLE IF NOT EXISTS link (word INTEGER {deferred})")
        connection.set_trace_callback(self._note)
        return connection

    def _note(self, statement: str) -> None:
        self.statements.append(statement)
        if statement == "COMMIT" or statement.startswith(ROWS):
            self.gate.pass_through()

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")

    @property
    def row_statements(self) -> int:
        return sum(statement.startswith(ROWS) for statement in self.statements)

    def words(self) -> list[str | bytes]:
        """Read what is committed, through a connection of its own."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [text for (text,) in connection.execute("SELECT text FROM word ORDER BY id")]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A writer that has started."""
    made = Bench(tmp_path / "words.db")
    await made.writer.start(lambda connection: None)
    yield made
    made.gate.open()
    await made.writer.stop()


def put(text: str) -> Job[int | None]:
    """Give the job of storing a word."""
    return lambda connection: connection.execute("INSERT INTO word (text) VALUES (?)", (text,)).lastrowid


def put_and_fail(text: str) -> Job[None]:
    """Give a job that fails after it has written."""

    def job(connection: sqlite3.Connection) -> None:
        put(text)(connection)
        raise ValueError(text)

    return job


def link_to_nothing(connection: sqlite3.Connection) -> None:
    """Write what is refused only when it is committed."""
    connection.execute("INSERT INTO link VALUES (12345)")


# -- group commit ------------------------------------------------------------------------------------


async def test_what_is_queued_during_a_commit_goes_out_with_the_next(bench: Bench) -> None:
    """A hundred writes that come while one is being committed take one more transaction together."""
    bench.gate.close()
    first = bench.writer.submit(put("first"))
    await bench.gate.arrival()
    others = [bench.writer.submit(put(f"{number}")) for number in range(100)]
    await asyncio.sleep(0)
    bench.gate.open()
    await asyncio.gather(first, *others)
    assert bench.commits == 2
    assert len(bench.words()) == 101


async def test_a_lonely_write_does_not_wait_for_company(bench: Bench) -> None:
    """Writes that come one after the other are committed one by one."""
    for number in range(5):
        await bench.writer.submit(put(f"{number}"))
    assert bench.commits == 5


async def test_a_group_is_bounded(bench: Bench) -> None:
    """Of very many writes only so many share a transaction, so that the first need not wait for the last."""
    bench.gate.close()
    first = bench.writer.submit(put("first"))
    await bench.gate.arrival()
    others = [bench.writer.submit(put(f"{number}")) for number in range(4 * MAX_GROUP)]
    await asyncio.sleep(0)
    bench.gate.open()
    await asyncio.gather(first, *others)
    assert bench.commits >= 1 + 4 * MAX_GROUP // (MAX_GROUP + BATCH)


async def test_conversations_share_disk_syncs(open_store: Opener) -> None:
    """Sixty-four conversations at once need fewer syncs than a quarter of their messages."""
    disk = Disk()
    with put_in(disk):
        async with open_store() as sessions:
            talks = [await sessions.get_or_create_session(person(f"{number}")) for number in range(64)]
            disk.events.clear()
            for number in range(10):
                said = (sessions.add_message(talk.id, role="user", content=f"{number}") for talk in talks)
                await asyncio.gather(*said)
            syncs = sum(isinstance(event, Event) and event.kind == "sync" for event in disk.events)
    assert 10 <= syncs < 640 / 4


# -- order and failure -------------------------------------------------------------------------------


async def test_writes_keep_the_order_in_which_they_were_given(bench: Bench) -> None:
    """Grouped or not, with failures and jobs of their own in between, what is stored is in the order of asking."""
    jobs = []
    for number in range(300):
        job = put_and_fail("no") if number % 50 == 7 else put(f"{number}")
        queue = bench.writer.run if number % 40 == 3 else bench.writer.submit
        jobs.append(queue(job))
        if number % 90 == 0:
            await asyncio.sleep(0.001)
    await asyncio.gather(*jobs, return_exceptions=True)
    kept = [word for word in bench.words() if word != "no"]
    assert kept == [f"{number}" for number in range(300) if number % 50 != 7]


async def test_one_failing_write_does_not_take_its_neighbours_with_it(bench: Bench) -> None:
    """Of a group in which two fail the others are stored and acknowledged; of the two nothing is left."""
    bench.gate.close()
    first = bench.writer.submit(put("first"))
    await bench.gate.arrival()
    jobs = [put_and_fail(f"{number}") if number in (3, 8) else put(f"{number}") for number in range(10)]
    others = [bench.writer.submit(job) for job in jobs]
    await asyncio.sleep(0)
    bench.gate.open()
    results = await asyncio.gather(first, *others, return_exceptions=True)
    assert [f"{result}" for result in results if isinstance(result, ValueError)] == ["3", "8"]
    assert bench.words() == ["first", *(f"{number}" for number in range(10) if number not in (3, 8))]


async def test_a_write_that_fails_at_the_commit_fails_alone(bench: Bench) -> None:
    """What the database refuses only when it commits leaves nothing behind, and its neighbours are stored."""
    jobs: list[Job[object]] = [put("before"), link_to_nothing, put("after")]
    results = await asyncio.gather(*map(bench.writer.submit, jobs), return_exceptions=True)
    assert [isinstance(result, StoreError) for result in results] == [False, True, False]
    assert bench.words() == ["before", "after"]
    await bench.writer.submit(put("later"))
    assert bench.words() == ["before", "after", "later"]


async def test_a_job_of_its_own_runs_between_two_transactions(bench: Bench) -> None:
    """It sees what was asked for before it and no transaction, and its failure leaves none open."""

    def look(connection: sqlite3.Connection) -> tuple[int, bool]:
        return connection.execute("SELECT count(*) FROM word").fetchone()[0], connection.in_transaction

    def begin_and_fail(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        put("half")(connection)
        raise ValueError

    before, found = bench.writer.submit(put("before")), bench.writer.run(look)
    failed, after = bench.writer.run(begin_and_fail), bench.writer.submit(put("after"))
    results = await asyncio.gather(before, found, failed, after, return_exceptions=True)
    assert results[1] == (1, False)
    assert isinstance(results[2], ValueError)
    assert bench.words() == ["before", "after"]


# -- rows --------------------------------------------------------------------------------------------


async def test_rows_that_are_queued_together_are_one_statement(bench: Bench) -> None:
    """A hundred rows that come during a write are two statements more, each its own transaction, in their order."""
    bench.gate.close()
    first = bench.writer.put((1, b"first"))
    await bench.gate.arrival()
    others = [bench.writer.put((number, b"%d" % number)) for number in range(2, 102)]
    await asyncio.sleep(0)
    bench.gate.open()
    await asyncio.gather(first, *others)
    assert (bench.row_statements, bench.commits) == (1 + -(-100 // MAX_ROWS), 0)
    assert len(bench.words()) == 101


async def test_one_refused_row_does_not_take_its_neighbours_with_it(bench: Bench) -> None:
    """Of rows written together the one whose place is taken is refused, and the others are stored."""
    await bench.writer.put((5, b"there already"))
    writes = [bench.writer.put((number, b"%d" % number)) for number in range(1, 10)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [number for number, result in enumerate(results, 1) if isinstance(result, StoreError)] == [5]
    assert bench.words() == [b"1", b"2", b"3", b"4", b"there already", b"6", b"7", b"8", b"9"]


async def test_rows_and_jobs_keep_their_order(bench: Bench) -> None:
    """Rows, jobs and jobs of their own, mixed, are stored in the order of asking."""
    seen: list[int] = []

    def look(connection: sqlite3.Connection) -> None:
        seen.append(connection.execute("SELECT count(*) FROM word").fetchone()[0])

    def write(number: int) -> asyncio.Future[None]:
        kinds = (lambda: bench.writer.put((number, b"")), lambda: bench.writer.submit(look))
        return bench.writer.run(look) if number % 7 == 3 else kinds[number % 2]()

    writes = [write(number) for number in range(200)]
    await asyncio.gather(*writes)
    rows = [number % 2 == 0 and number % 7 != 3 for number in range(200)]
    assert seen == [sum(rows[:number]) for number in range(200) if not rows[number]]


async def test_a_row_is_acknowledged_after_it_is_stored(bench: Bench) -> None:
    """While rows are being written nobody is told, and what is told can be read by everybody."""
    bench.gate.close()
    write = bench.writer.put((1, b"word"))
    await bench.gate.arrival()
    await asyncio.sleep(0.02)
    assert not write.done()
    assert bench.words() == []
    bench.gate.open()
    await write
    assert bench.words() == [b"word"]


# -- acknowledgement ---------------------------------------------------------------------------------


async def test_a_write_is_acknowledged_after_its_commit(bench: Bench) -> None:
    """While the commit is under way nobody is told, and what is told can be read by everybody."""
    bench.gate.close()
    write = bench.writer.submit(put("word"))
    await bench.gate.arrival()
    await asyncio.sleep(0.02)
    assert not write.done()
    assert bench.words() == []
    bench.gate.open()
    await write
    assert bench.words() == ["word"]


async def test_a_cancelled_caller_is_told_after_the_commit(bench: Bench) -> None:
    """Its write happens, whole, and the cancellation arrives when that is settled."""
    bench.gate.close()

    async def write() -> None:
        await bench.writer.submit(put("word"))

    task = asyncio.ensure_future(write())
    await bench.gate.arrival()
    task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done()
    bench.gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.words() == ["word"]


async def test_the_failure_of_a_cancelled_caller_bothers_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A write that fails after its caller was cancelled is undone without a word about a lost error."""

    async def write() -> None:
        await bench.writer.submit(put_and_fail("word"))

    task = asyncio.ensure_future(write())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    assert (bench.words(), caplog.records) == ([], [])


# -- beginning and ending ----------------------------------------------------------------------------


async def test_stopping_finishes_what_is_queued(bench: Bench) -> None:
    """Everything that was given before the stop is stored and acknowledged; the thread ends; stopping twice is fine."""
    writes = [bench.writer.submit(put(f"{number}")) for number in range(100)]
    await asyncio.gather(bench.writer.stop(), bench.writer.stop())
    assert all(write.done() for write in writes)
    assert len(bench.words()) == 100
    assert not [thread for thread in threading.enumerate() if thread.name == "palaver-writer"]


async def test_a_stopped_writer_takes_nothing(bench: Bench) -> None:
    """Whoever comes after the stop is refused at once and does not wait for ever."""
    await bench.writer.stop()
    with pytest.raises(StoreError, match="closed"):
        await bench.writer.submit(put("late"))


async def test_a_connection_that_can_not_be_opened_is_reported_to_who_asked(tmp_path: Path) -> None:
    """Starting fails with the reason in this library's words, and the thread ends."""
    writer = Writer(lambda: sqlite3.connect(f"file:{tmp_path}/nowhere/words.db?mode=rw", uri=True), write_words)
    with pytest.raises(StoreReadOnly, match="permissions"):
        await writer.start(lambda connection: None)
    assert not [thread for thread in threading.enumerate() if thread.name == "palaver-writer"]


async def test_an_opening_that_fails_ends_the_writer(tmp_path: Path) -> None:
    """What the first job raises comes out of the start, and no thread or connection is left."""

    def refuse(connection: sqlite3.Connection) -> None:
        raise StoreError("not mine")

    writer = Bench(tmp_path / "words.db").writer
    with pytest.raises(StoreError, match="not mine"):
        await writer.start(refuse)
    assert not [thread for thread in threading.enumerate() if thread.name == "palaver-writer"]
