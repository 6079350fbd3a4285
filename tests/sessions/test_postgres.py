"""The shared store: several programs on one database, broken connections, and what it refuses to open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from sessions.arrival_codec import waiting
from sessions.errors import InvalidValue, StaleSession, StoreError, StoreFull, StoreReadOnly, StoreTooNew, Tampered
from sessions.manager import SessionManager
from sessions.postgres import arrivals, schema
from sessions.postgres.appends import append_once
from sessions.postgres.store import PostgresStore
from sessions.records import Arrival, AuditRow, Census, Change, LetterRow, Mail, Rewrap, record_id
from tests.conftest import ManualClock
from tests.postgres_server import PostgresServer, Program, database_of, postgres_server
from tests.sessions.conftest import KEY, Opener, person, say, texts
from tests.sessions.stage import IN_STEPS, WHOLE, Stage, built, outcome_of, portrait, stage
from tests.sessions.test_cancelled import cancel_at, goes_on
from tests.sessions.test_store import EMPTY, FOUNDATION, add, entry, fill, head, message, opened, positions, row

__all__ = ["built", "stage"]  # fixtures

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'palaver' AND datname = current_database()"
)
# A fault of the server when a message is stored, so many times.
FAULT = """
CREATE SEQUENCE palaver.faults;
CREATE FUNCTION palaver.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('palaver.faults') <= {times} THEN RAISE 'a fault' USING ERRCODE = '{state}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT ON palaver.message FOR EACH ROW EXECUTE FUNCTION palaver.fail()
"""


@asynccontextmanager
async def two(database: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Open one database twice, as two programs would."""
    first, second = PostgresStore(database), PostgresStore(database)
    async with opened(first), opened(second):
        yield first, second


def ours(server: PostgresServer) -> Program:
    """Give the program that a server runs in, or skip the test."""
    if server.program is None:
        pytest.skip("the server is not ours to stop or to change")
    return server.program


def one_more(before: Census) -> Census:
    """Count one session more."""
    return before._replace(sessions=before.sessions + 1)


# -- several programs --------------------------------------------------------------------------------


async def test_of_two_programs_that_saw_one_version_one_succeeds(database: str) -> None:
    """Both append to the same session again and again: each place is taken once, by whoever was first."""
    async with two(database) as stores:
        await add(stores[0], row(1))
        for position in range(1, 31):
            update = head(1, position, expected=position)
            sayings = [message(1, position, body=b"of %d at %d" % (which, position)) for which in (0, 1)]
            done = await asyncio.gather(
                *(store.append(update, said) for store, said in zip(stores, sayings, strict=True)),
                return_exceptions=True,
            )
            assert sorted(map(repr, map(type, done))) == sorted(map(repr, (type(None), StaleSession)))
            found = await stores[0].messages(record_id(1, position), record_id(1, position), 1, newest=False)
            assert found[0][6] == sayings[done.index(None)].body


async def test_two_programs_open_one_session_of_a_key(database: str) -> None:
    """Of new sessions of one key that two programs begin at once one becomes current; the counts know of one."""
    async with two(database) as stores:
        for key in range(10):
            begun = [
                store.commit([Change(row=row(number, key_idx=b"k%d" % key), expected=None)], one_more)
                for number, store in zip((2 * key + 1, 2 * key + 2), stores, strict=True)
            ]
            done = await asyncio.gather(*begun, return_exceptions=True)
            assert sum(result is None for result in done) == 1
            assert sum(isinstance(result, StaleSession) for result in done) == 1
        assert (await stores[0].census()).sessions == 10 == (await stores[1].count_rows()).sessions


async def test_the_census_counts_what_everybody_does_at_once(database: str) -> None:
    """Sessions of two programs are begun, changed together in opposite orders and counted: nothing is counted twice."""

    async def begin(store: PostgresStore, number: int) -> None:
        await store.commit([Change(row=row(number), expected=None)], one_more)

    async def turn_over(store: PostgresStore, numbers: tuple[int, int], version: int) -> None:
        changes = [Change(row=row(number, version=version + 1), expected=version) for number in numbers]
        with suppress(StaleSession):
            await store.commit(changes, lambda before: before._replace(revisions=before.revisions + 1))

    async with two(database) as stores:
        await asyncio.gather(*(begin(stores[number % 2], number) for number in range(1, 41)))
        for version in range(1, 6):
            pairs = [(stores[0], (number, number + 1)) for number in range(1, 41, 2)]
            pairs += [(stores[1], (number + 1, number)) for number in range(1, 41, 2)]
            await asyncio.gather(*(turn_over(store, numbers, version) for store, numbers in pairs))
        census = await stores[0].census()
        assert (census.sessions, census.revisions) == (40, 20 * 5)
        assert {found.version for found in await stores[1].sessions_after(0, 99)} == {6}


async def test_numbers_are_never_given_twice(database: str) -> None:
    """Two programs take numbers at once, and one of them takes in sessions that bring theirs along."""

    async def come_in(store: PostgresStore, number: int) -> None:
        await store.stage([message(number, 1)], arrivals=[waiting(Arrival(row(number), None))])
        await store.land([number], one_more)

    async with two(database) as stores:
        numbers = [stores[each % 2].next_number() for each in range(60)]
        given = await asyncio.gather(*numbers, come_in(stores[0], 500), come_in(stores[1], 400))
        later = await asyncio.gather(*(stores[each % 2].next_number() for each in range(60)))
        everything = [number for number in given if number is not None] + later
        assert len(set(everything)) == 120
        assert min(later) > 500


async def test_two_programs_tell_one_story_in_the_audit(database: str) -> None:
    """Entries that two programs add at once follow each other without a gap, each knowing the one before it."""

    def follow(newest: AuditRow | None) -> list[AuditRow]:
        number = 1 if newest is None else newest.number + 1
        return [AuditRow(number, 1, b"body", b"after %d" % (number - 1))]

    mail = Mail(recount=lambda before: before._replace(audits=before.audits + 1), audit=follow)
    async with two(database) as stores:
        await asyncio.gather(*(stores[each % 2].post(mail) for each in range(40)))
        found = await stores[0].audit(0, 99)
        assert [(entry.number, entry.link) for entry in found] == [(n, b"after %d" % (n - 1)) for n in range(1, 41)]
        assert (await stores[1].census()).audits == 40


async def test_a_letter_that_two_programs_receive_is_new_to_one(database: str) -> None:
    """The same update, delivered twice, is stored and counted once."""

    def counted(more: Census) -> Callable[[Census], Census]:
        return lambda before: before.plus(more)

    async with two(database) as stores:
        for each in range(20):
            letters = [LetterRow(2 * each + which, b"name %d" % each, b"channel", 1, 0, b"body") for which in (0, 1)]
            receiving = [store.receive([one], counted) for store, one in zip(stores, letters, strict=True)]
            assert sorted(await asyncio.gather(*receiving)) == [[False], [True]]
        assert (await stores[0].census()).counts == (await stores[0].count_rows()).counts


async def test_what_one_program_stages_another_does_not_sweep(database: str) -> None:
    """A program that starts or sweeps leaves alone what another one is still taking in."""
    async with opened(PostgresStore(database)) as first:
        await first.stage([message(7, 1)], [entry(7, 1)])
        async with opened(PostgresStore(database)) as second:
            assert await second.sweep_erased() == 0
            assert await second.orphans() == 0
        await first.stage([message(7, 2)], arrivals=[waiting(Arrival(row(7, head=2, stored=2, entries=1), None))])
        await first.land([7], one_more)
        assert await positions(first, 7) == [1, 2]


async def test_what_a_dead_program_staged_goes_after_a_day(database: str, postgres: PostgresServer) -> None:
    """What nobody has added to for a day is removed, and can not be let in any more."""
    async with opened(PostgresStore(database)) as first:
        await first.stage([message(7, 1)], arrivals=[waiting(Arrival(row(7), None))])
        async with opened(PostgresStore(database)) as second:
            postgres.execute("UPDATE palaver.erasure SET arriving = now() - interval '25 hours'", address=database)
            assert await second.sweep_erased() == 1
        with pytest.raises(InvalidValue, match="import it again"):
            await first.land([7], one_more)
        assert await first.orphans() == 0


async def test_what_takes_long_to_come_in_is_kept_fresh(
    database: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it, but not with every piece: the time of each would grow with what came before."""

    def fresh() -> list[int]:
        sql = "SELECT number FROM palaver.erasure WHERE arriving > now() - interval '1 minute' ORDER BY number"
        return [number for (number,) in postgres.fetch(sql, address=database)]

    async with opened(PostgresStore(database)) as store:
        await store.stage([message(7, 1)])
        postgres.execute("UPDATE palaver.erasure SET arriving = now() - interval '2 hours'", address=database)
        await store.stage([message(8, 1)])
        assert fresh() == [8]
        monkeypatch.setattr("sessions.postgres.store.RENEWED", 0.0)
        await store.stage([message(9, 1)])
        assert fresh() == [7, 8, 9]


@pytest.mark.parametrize(("asked", "kind"), [(arrivals.THERE, "text[]"), (arrivals.TAKEN, "bytea[]")])
async def test_what_is_looked_up_while_much_comes_in_is_found_by_an_index(database: str, asked: str, kind: str) -> None:
    """Also by a plan that was made while the store was empty: it is kept while all of it comes in."""
    async with opened(PostgresStore(database)):
        pass
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE asked ({kind}) AS {asked}")
        plan = [row[0] for row in await connection.fetch("EXPLAIN EXECUTE asked ('{a,b}')")]
    finally:
        await connection.close()
    assert not [line for line in plan if "Seq Scan" in line], plan


async def test_two_programs_sweep_side_by_side(database: str) -> None:
    """Sessions that two programs erase and sweep at once are gone whole, and each message is counted once."""
    async with two(database) as stores:
        for number in range(1, 9):
            await fill(stores[0], number, 300)
        for number in range(1, 9):
            await stores[number % 2].erase_sessions([number], lambda before: before)
        swept = await asyncio.gather(*(store.sweep_erased() for store in stores))
        assert sum(swept) + await stores[0].sweep_erased() == 8 * 300
        assert await stores[0].messages(0, 1 << 60, 9, newest=False) == []


async def test_a_session_is_erased_once(database: str) -> None:
    """Of two programs that erase one session the second is told, and the counts fall by one."""
    async with two(database) as stores:
        await stores[0].commit([Change(row=row(1), expected=None)], one_more)
        erasing = [store.erase_sessions([1], lambda c: c._replace(sessions=c.sessions - 1)) for store in stores]
        done = await asyncio.gather(*erasing, return_exceptions=True)
        assert [type(result) for result in done if result is not None] == [StaleSession]
        assert (await stores[0].census()).sessions == 0


async def test_of_a_fork_and_an_erasure_at_once_one_is_refused(database: str) -> None:
    """Nobody reads from a session that is gone, whichever of two programs comes first."""
    async with two(database) as stores:
        outcomes = set()
        for number in range(1, 61, 3):
            await add(stores[0], row(number), row(number + 1))
            forking = stores[0].commit([Change(row=row(number + 2), expected=None, sources=(number + 1, number))])
            erasing = stores[1].erase_sessions([number], lambda census: census, readers=())
            acts = (forking, erasing) if number % 2 else (erasing, forking)
            done = await asyncio.gather(*acts, return_exceptions=True)
            assert sorted(map(repr, map(type, done))) == sorted(map(repr, (type(None), StaleSession)))
            there = await stores[0].ids()
            outcomes.add((number in there, number + 2 in there))
            assert await stores[1].readers_of(number) == ([number + 2] if number in there else [])
        assert outcomes <= {(True, True), (False, False)}


async def test_of_a_key_that_goes_and_one_that_wraps_at_once_one_is_refused(database: str) -> None:
    """A session is never wrapped with a master key that another program has just retired."""
    async with two(database) as stores:
        await add(stores[0], row(1))
        for at in range(10):
            kid, before = b"r%07d" % at, await stores[0].session_by_number(1)
            assert before is not None
            await stores[0].put_keyring([replace(FOUNDATION.keyring[0], kid=kid)], {})
            wrapping = stores[0].rewrap([Rewrap(1, before.wrapped, b"C5" + kid + b"wrapped")])
            retiring = stores[1].retire_key(kid)
            acts: list[Awaitable[int]] = [wrapping, retiring] if at % 2 else [retiring, wrapping]
            done = await asyncio.gather(*acts, return_exceptions=True)
            wraps = await stores[0].count_wrapped()
            kept = kid in {key.kid for key in (await stores[0].foundation()).keyring}
            assert kept is (kid in wraps), done
            assert kept or any(isinstance(each, StaleSession) for each in done)


# -- cancelled callers and broken connections --------------------------------------------------------


@pytest.mark.parametrize("at_its_end", [False, True], ids=["as a pause begins", "as a pause ends"])
@pytest.mark.parametrize("name", ["begin_turn", "new", "delete", "finish_turn"])
async def test_cancelling_anywhere_leaves_no_half_step(stage: Stage, name: str, at_its_end: bool) -> None:
    """Cancelled at any await, an act has happened whole or not at all, and nothing is locked."""
    act = (WHOLE | IN_STEPS)[name]
    before, after = await outcome_of(stage, act)
    for pause in range(1, 100):
        async with stage() as scene:
            reached = await cancel_at(act(scene), pause, at_its_end=at_its_end)
            if name in WHOLE:
                assert await portrait(scene.sessions) in (before, after), f"cancelled at pause {pause}"
            await goes_on(scene)
        if not reached:
            break
    assert pause > 2


async def test_connections_that_are_killed_lose_nothing(database: str, postgres: PostgresServer) -> None:
    """While sessions take messages every connection is killed again and again: each message is stored exactly once."""
    stop = asyncio.Event()

    async def talk(store: PostgresStore, number: int) -> int:
        position = 0
        while not stop.is_set() or position < 10:
            position += 1
            said = message(number, position, body=b"%d says %d" % (number, position))
            entries = [entry(number, position)] if position % 5 == 0 else []  # in a transaction of several statements
            await store.append(head(number, position, expected=position), said, entries)
        return position

    async def kill() -> None:
        for _ in range(12):
            await asyncio.sleep(0.05)
            await asyncio.to_thread(postgres.execute, KILL, address=database)
        stop.set()

    async with opened(PostgresStore(database)) as store:
        await add(store, *(row(number) for number in range(1, 21)))
        killing = asyncio.ensure_future(kill())
        stored = await asyncio.gather(*(talk(store, number) for number in range(1, 21)))
        await killing
        for number, count in enumerate(stored, 1):
            assert await positions(store, number, last=100_000) == list(range(1, count + 1))
            found = await store.messages(record_id(number, 1), record_id(number, count), count, newest=False)
            assert [one[6] for one in found] == [b"%d says %d" % (number, at) for at in range(1, count + 1)]


async def test_counts_are_right_after_connections_were_killed(database: str, postgres: PostgresServer) -> None:
    """Units of work whose answer was lost are looked up before they are repeated: none is counted twice."""

    async def kill() -> None:
        for _ in range(10):
            await asyncio.sleep(0.03)
            await asyncio.to_thread(postgres.execute, KILL, address=database)

    async with opened(PostgresStore(database)) as store:
        begun = [store.commit([Change(row=row(number), expected=None)], one_more) for number in range(1, 201)]
        await asyncio.gather(kill(), *begun)
        assert (await store.census()).sessions == 200 == (await store.count_rows()).sessions


async def test_a_write_whose_answer_was_lost_is_known_again(database: str) -> None:
    """A message that is there already because its answer was lost counts as stored, another in its place does not."""
    async with opened(PostgresStore(database)) as store:
        await add(store, row(1))
        said = message(1, 1, body=b"this one")
        await store.append(head(1, 1, expected=1), said)

        async with store._connected.one() as connection:
            await append_once(head(1, 1, expected=1), said, connection)
            with pytest.raises(StaleSession):
                await append_once(head(1, 1, expected=1), message(1, 1, body=b"another one"), connection)
        assert await positions(store, 1) == [1]


class Cut:
    """Stands between a store and its server, and breaks the connection once, when certain bytes come by."""

    def __init__(self, server: str, where: bytes, *, done: bool) -> None:
        self._server, self._where, self._done = server, where, done
        self.cuts, self.armed = 0, False
        self.serving: list[asyncio.Task[None]] = []

    def begin(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        self.serving.append(asyncio.ensure_future(self._serve(client, back)))

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Pass on what both say; at the cut let the server do it or not, and answer nothing."""
        answers, server = await asyncio.open_unix_connection(self._server)
        answering = asyncio.ensure_future(self._pass_on(answers, back))
        try:
            while said := await client.read(1 << 16):
                if self.armed and self._where in said:
                    self.cuts, self.armed = self.cuts + 1, False
                    answering.cancel()
                    await asyncio.wait([answering])
                    if self._done:
                        server.write(said)
                        await answers.read(1)
                    break
                server.write(said)
        finally:
            answering.cancel()
            await asyncio.wait([answering])
            for writer in (server, back):
                writer.transport.abort()
            await asyncio.sleep(0)  # they close with the next round

    async def _pass_on(self, answers: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while said := await answers.read(1 << 16):
            back.write(said)
        back.close()


@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "after it is done"])
@pytest.mark.parametrize("where", [b"COMMIT\0", b"this very message"])  # the former is not in `READ COMMITTED`
async def test_an_answer_that_is_lost_is_found_out(
    database: str, postgres: PostgresServer, tmp_path: Path, where: bytes, done: bool
) -> None:
    """A connection that breaks between a write and its answer: the write happens once, and its caller is told so."""
    program = ours(postgres)
    async with opened(PostgresStore(database)) as store:
        await add(store, row(1))
    cut = Cut(program.socket, where, done=done)
    async with await asyncio.start_unix_server(cut.begin, tmp_path / f".s.PGSQL.{program.port}"):
        store = PostgresStore(program.address_through(tmp_path, database_of(database)))
        async with opened(store):
            cut.armed = True
            await store.append(head(1, 1, expected=1), message(1, 1, body=b"this very message"))
            await store.commit([Change(row=row(2), expected=None)], one_more)
            assert cut.cuts == 1
            assert await positions(store, 1) == [1]
            assert (await store.census()).sessions == 1
            assert len(await store.sessions_after(0, 9)) == 2
        _, left = await asyncio.wait(cut.serving, timeout=5)
        assert not left


async def test_a_server_that_starts_anew_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """While the server is away writes and reads wait, and go on when it is back; the log names it, once each way."""
    with postgres_server("fsync=off", "autovacuum=off") as server:
        program = ours(server)
        async with opened(PostgresStore(server.make_database())) as store:
            await add(store, row(1))
            await asyncio.to_thread(program.stop)
            writing = asyncio.ensure_future(store.append(head(1, 1, expected=1), message(1, 1)))
            reading = asyncio.ensure_future(store.session("session00001"))
            await asyncio.sleep(0.3)
            assert not writing.done()
            assert not reading.done()
            await asyncio.to_thread(program.start)
            await asyncio.gather(writing, reading)
            assert await positions(store, 1) == [1]
            assert caplog.text.count("nothing answers there; check the address and the server; trying again") == 1
            assert caplog.text.count("answers again") == 1


@pytest.mark.parametrize("state", ["40001", "40P01", "40003"])
async def test_what_the_database_takes_back_is_repeated(database: str, postgres: PostgresServer, state: str) -> None:
    """A write that fell victim to others is done again, alone or with several, and nobody is told."""
    async with opened(PostgresStore(database)) as store:
        await add(store, *(row(number) for number in range(1, 6)))
        postgres.execute(FAULT.format(times=3, state=state), address=database)
        await store.append(head(1, 1, expected=1), message(1, 1))
        await asyncio.gather(*(store.append(head(n, 1, expected=1), message(n, 1)) for n in range(2, 6)))
        await store.commit([Change(row=row(6), expected=None, messages=(message(6, 1),))])
        assert [await positions(store, number) for number in range(1, 7)] == [[1]] * 6


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("53100", StoreFull, "Free some space"),
        ("42501", StoreReadOnly, "make it the owner"),
        ("57014", StoreError, "Try again"),
        ("XX000", StoreError, "a fault"),
    ],
)
async def test_a_fault_of_the_server_is_told_and_leaves_nothing(
    database: str, postgres: PostgresServer, state: str, error: type[StoreError], words: str
) -> None:
    """A full disk and the like fail those who wait for them, with what to do, and nothing of theirs is stored."""
    async with opened(PostgresStore(database)) as store:
        await add(store, *(row(number) for number in range(1, 5)))
        postgres.execute(FAULT.format(times=1_000, state=state), address=database)
        writes = [store.append(head(n, 1, expected=1), message(n, 1)) for n in range(1, 5)]
        commit = store.commit([Change(row=row(5), expected=None, messages=(message(5, 1),))], one_more)
        for result in await asyncio.gather(*writes, commit, return_exceptions=True):
            assert type(result) is error
            assert words in str(result)
        assert {found.version for found in await store.sessions_after(0, 9)} == {1}
        assert (await store.census(), await store.messages(0, 1 << 60, 9, newest=False)) == (EMPTY, [])


async def test_a_server_that_takes_no_writes_is_not_used(database: str, postgres: PostgresServer) -> None:
    """With `target_session_attrs=read-write` a standby is passed by, and without it its refusal is told."""
    async with opened(PostgresStore(database)):
        pass
    postgres.execute(f'ALTER DATABASE "{database_of(database)}" SET default_transaction_read_only = on')
    try:
        assert "takes writes now" in str(await refusal(PostgresStore(f"{database}&target_session_attrs=read-write")))
        standby = PostgresStore(database)
        assert await standby.open() is not None
        standby._units.patience = 0.2
        with pytest.raises(StoreReadOnly, match="standby"):
            await add(standby, row(1))
        await standby.close()
    finally:
        postgres.execute(f'ALTER DATABASE "{database_of(database)}" RESET default_transaction_read_only')


# -- what is refused ---------------------------------------------------------------------------------


async def refusal(store: PostgresStore) -> StoreError:
    """Open a store that can not be opened and give what it says."""
    try:
        with pytest.raises(StoreError) as caught:
            await store.open()
    finally:
        await store.close()
    return caught.value


@pytest.mark.parametrize(
    "there",
    [
        "CREATE SCHEMA palaver; CREATE TABLE palaver.session (mine int)",
        "CREATE SCHEMA palaver; CREATE TABLE palaver.schema (mine int)",
        "CREATE SCHEMA palaver; CREATE TABLE palaver.schema (application text, version int);"
        " INSERT INTO palaver.schema VALUES ('another', 1)",
        "CREATE SCHEMA palaver; CREATE TABLE palaver.schema (application text, version int)",
    ],
)
async def test_somebody_elses_tables_are_left_as_they_are(database: str, postgres: PostgresServer, there: str) -> None:
    """A schema of our name that we did not make is refused, and nothing in it is changed."""
    postgres.execute(there, address=database)
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'palaver'::regnamespace ORDER BY 1"
    before = postgres.fetch(tables, address=database)
    assert "some other program" in str(await refusal(PostgresStore(database)))
    assert postgres.fetch(tables, address=database) == before


async def test_other_tables_in_the_database_are_nobodys_business(database: str, postgres: PostgresServer) -> None:
    """A store can be made beside what another program has, and in a schema that an administrator made for it."""
    postgres.execute("CREATE TABLE session (mine int); CREATE SCHEMA palaver", address=database)
    async with opened(PostgresStore(database)) as store:
        await add(store, row(1))
    assert postgres.fetch("SELECT count(*) FROM public.session", address=database) == [(0,)]
    postgres.execute("DROP TABLE session", address=database)


async def test_a_newer_store_is_left_as_it_is(database: str, postgres: PostgresServer) -> None:
    """A store of a newer version is refused with both versions."""
    async with opened(PostgresStore(database)):
        pass
    postgres.execute("UPDATE palaver.schema SET version = version + 1", address=database)
    error = await refusal(PostgresStore(database))
    assert isinstance(error, StoreTooNew)
    assert (error.found, error.known) == (schema.LATEST + 1, schema.LATEST)
    assert postgres.fetch("SELECT version FROM palaver.schema", address=database) == [(schema.LATEST + 1,)]


async def test_a_store_that_two_programs_make_is_made_once(database: str) -> None:
    """Of two programs that found one store at once one does; the other is told, and opens what the first made."""
    stores = PostgresStore(database), PostgresStore(database)
    try:
        assert [await store.open() for store in stores] == [None, None]
        done = await asyncio.gather(*(store.found(FOUNDATION, EMPTY) for store in stores), return_exceptions=True)
        (error,) = [result for result in done if result is not None]
        assert "open it again" in str(error)
        assert await stores[0].foundation() == FOUNDATION
    finally:
        for store in stores:
            await store.close()


async def test_a_store_that_is_only_read_writes_nothing(database: str) -> None:
    """Every write is refused, and where there is no store yet none is made."""
    assert isinstance(await refusal(PostgresStore(database, read_only=True)), StoreReadOnly)
    async with opened(PostgresStore(database)) as owner:
        await add(owner, row(1))
        async with opened(PostgresStore(database, read_only=True)) as reader:
            assert await reader.session("session00001") == row(1)
            for write in (
                reader.append(head(1, 1, expected=1), message(1, 1)),
                reader.commit([Change(row=row(2), expected=None)]),
                reader.sweep_erased(),
                reader.next_number(),
                reader.compact(),
            ):
                with pytest.raises(StoreReadOnly):
                    await write
        assert await positions(owner, 1) == []


PASSWORD = "v3ry-s3cret"


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        (f"postgresql://ann:{PASSWORD}@127.0.0.1:1/db", "127.0.0.1:1/db: nothing answers there"),
        (f"postgresql://ann:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/db?target_session_attrs=read-write", "nothing answers"),
        (f"postgresql://ann:{PASSWORD}@/db?host=/nowhere", "/nowhere/db: nothing answers there"),
        (f"postgresql://ann:{PASSWORD}/x@127.0.0.1:1/db", "must be quoted"),
        (f"postgresql://ann:{PASSWORD}@127.0.0.1:port/db", "must be quoted"),
    ],
)
async def test_what_can_not_be_reached_is_named_without_the_password(dsn: str, words: str) -> None:
    """An address that leads nowhere, or is none, is told at once, with the host and never the password."""
    store = PostgresStore(dsn)
    try:
        with pytest.raises((StoreError, InvalidValue)) as caught:
            await store.open()
    finally:
        await store.close()
    assert words in str(caught.value)
    assert PASSWORD not in f"{caught.value!r}{caught.value}{store!r}{store._options!r}"


async def test_an_address_of_another_kind_is_refused() -> None:
    """What is no address of PostgreSQL is refused before anything is reached."""
    with pytest.raises(InvalidValue, match="postgresql://user@host"):
        await PostgresStore(f"mysql://ann:{PASSWORD}@host/db").open()


async def test_a_wrong_password_is_told_without_it(postgres: PostgresServer) -> None:
    """The server's refusal is passed on with what to check, and without user or password."""
    port = ours(postgres).port
    postgres.execute("DROP ROLE IF EXISTS ann_of_tests", "CREATE ROLE ann_of_tests LOGIN PASSWORD 'the right one'")
    error = await refusal(PostgresStore(f"postgresql://ann_of_tests:{PASSWORD}@127.0.0.1:{port}/postgres"))
    assert str(error) == (
        f"127.0.0.1:{port}/postgres refuses this user or password; check both in the address of the store"
    )


async def test_a_missing_database_is_told(database: str) -> None:
    """A database that does not exist is named, with how to make it."""
    missing = database.replace(database_of(database), "no_such_database")
    assert "createdb" in str(await refusal(PostgresStore(missing)))


# -- behind a pooler ---------------------------------------------------------------------------------


async def test_behind_a_pooler_nothing_is_kept_on_a_connection(database: str, postgres: PostgresServer) -> None:
    """With `pooler` no statement is kept by name, and no setting is sent that a pooler refuses."""
    async with opened(PostgresStore(database, pooler=True)) as store:
        await fill(store, 1, 20)
        for position in range(21, 31):
            await store.append(head(1, position, expected=position - 20), message(1, position))
        async with store._connected.one() as connection:
            assert await connection.fetch("SELECT name FROM pg_prepared_statements") == []
            ((limit,),) = await connection.fetch("SHOW lock_timeout")
            assert limit == "0"


async def test_a_server_that_does_not_sync_is_refused_behind_a_pooler(database: str, postgres: PostgresServer) -> None:
    """Where settings can not be sent, a server that would lose what it acknowledged is refused."""
    postgres.execute(f'ALTER DATABASE "{database_of(database)}" SET synchronous_commit = off')
    assert "synchronous_commit" in str(await refusal(PostgresStore(database, pooler=True)))
    async with opened(PostgresStore(database)):
        pass  # here it is switched on with the connection
    postgres.execute(f'ALTER DATABASE "{database_of(database)}" RESET synchronous_commit')


# -- a whole manager ---------------------------------------------------------------------------------


async def test_a_manager_finds_everything_again(database: str) -> None:
    """What was said through one manager is read through the next, and verifying finds nothing wrong."""
    for opening in range(3):
        async with SessionManager.open(store=PostgresStore(database), encryption_key=KEY, clock=ManualClock()) as made:
            session = await made.get_or_create_session(person("ann"))
            await say(made, session.id, f"{opening}")
            expected = [text for number in range(opening + 1) for text in (f"{number}", f"re: {number}")]
            assert await texts(made, session.id) == expected
            assert await made.verify() == []


async def test_nothing_readable_lies_in_the_database(
    open_store: Opener, database: str, postgres: PostgresServer
) -> None:
    """No word, name or id of a person stands in any table."""
    async with open_store() as sessions:
        session = await sessions.new_session(person("canary-user"), title="canary-title")
        await say(sessions, session.id, "canary-text")
    tables = postgres.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'palaver'", address=database)
    for (table,) in tables:
        for (line,) in postgres.fetch(f"SELECT t::text FROM palaver.{table} AS t", address=database):  # noqa: S608
            assert "canary" not in line
            assert b"canary".hex() not in line


async def test_a_changed_row_is_noticed(open_store: Opener, database: str, postgres: PostgresServer) -> None:
    """A message that is changed in the database does not open, and verifying names its conversation."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(person("ann"))
        await say(sessions, session.id, "one")
    postgres.execute(
        "UPDATE palaver.message SET body = set_byte(body, 20, 1 + get_byte(body, 20) % 255)", address=database
    )
    async with open_store() as sessions:
        assert await sessions.verify() != []
    postgres.execute("DELETE FROM palaver.census", address=database)
    with pytest.raises(Tampered):
        async with open_store() as sessions:
            await sessions.new_session(person("bob"))


async def test_compacting_keeps_everything(database: str) -> None:
    """Space is given back where there is some at the end of a table, and what is stored stays."""
    async with opened(PostgresStore(database)) as store:
        await fill(store, 2, 5)
        await fill(store, 1, 20_000)
        await store.erase_sessions([1], lambda before: before)
        await store.sweep_erased()
        before, after = await store.compact()
        assert 0 < after < before
        assert await positions(store, 2) == [1, 2, 3, 4, 5]


async def test_a_unit_of_work_is_known_by_what_it_stores(database: str) -> None:
    """One whose end is unknown was committed if its token is there, however often that is asked."""
    async with opened(PostgresStore(database)) as store:
        await add(store, row(1))
        ((token,),) = await store._units.fetch("SELECT token FROM palaver.unit LIMIT 1")
        for _ in range(2):
            assert await store._units._was_committed(token)
            assert not await store._units._was_committed(b"another one of all")
