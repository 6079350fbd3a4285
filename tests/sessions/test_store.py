"""Stores: what every database must do, in terms of sealed rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

import pytest

from sessions.errors import StaleSession, Tampered
from sessions.postgres.store import PostgresStore
from sessions.records import (
    Census,
    Change,
    EntryRow,
    Foundation,
    HeadUpdate,
    KeyringRow,
    Mail,
    MessageRow,
    ParcelRow,
    PreferenceRow,
    Resealing,
    Rewrap,
    SessionRow,
    WrappedKey,
    record_id,
)
from sessions.sqlite.store import SqliteStore
from sessions.store import Store

S = TypeVar("S", bound=Store)
MakeStore = Callable[[], Store]
Reopen = Callable[[], AbstractAsyncContextManager[Store]]


def in_file(request: pytest.FixtureRequest) -> MakeStore:
    """Give what describes the test's store in a file."""
    return partial(SqliteStore, request.getfixturevalue("tmp_path") / "palaver.db")


def in_postgres(request: pytest.FixtureRequest) -> MakeStore:
    """Give what describes the test's store in PostgreSQL."""
    return partial(PostgresStore, request.getfixturevalue("database"))


def in_postgres_behind_pooler(request: pytest.FixtureRequest) -> MakeStore:
    """Give what describes the test's store in PostgreSQL, where nothing may be kept on a connection."""
    return partial(PostgresStore, request.getfixturevalue("database"), pooler=True)


# One line for each database. Those that outlive their process are opened a second time as well.
LASTING = {"sqlite file": in_file, "postgres": in_postgres, "postgres behind pooler": in_postgres_behind_pooler}
PASSING = {"sqlite memory": lambda _: partial(SqliteStore, None)}

FOUNDATION = Foundation(
    install_id=b"i" * 16,
    salt=b"s" * 16,
    created_at=1_000,
    keyring=(
        KeyringRow(
            kid=b"k" * 8, provider="raw", parameters="", state="primary", created_at=1_000, check_value=b"c" * 32
        ),
    ),
    secrets={"index": b"w" * 70, "census": b"x" * 70},
)
EMPTY = Census(b"m" * 16, 0, 0, 0)


@asynccontextmanager
async def opened(store: S) -> AsyncIterator[S]:
    """Open a store, and found it if it is new."""
    try:
        if await store.open() is None:
            await store.found(FOUNDATION, EMPTY)
        else:
            await store.ready()
        yield store
    finally:
        await store.close()


@pytest.fixture(params=[*LASTING, *PASSING])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A store that was just founded."""
    async with opened((LASTING | PASSING)[request.param](request)()) as made:
        yield made


@pytest.fixture(params=[*LASTING])
def make(request: pytest.FixtureRequest) -> MakeStore:
    """Describe a store that outlives its process."""
    return LASTING[request.param](request)


@pytest.fixture
def reopen(make: MakeStore) -> Reopen:
    """Open a store that outlives its process; the first time it is new."""
    return lambda: opened(make())


def row(number: int, **fields: object) -> SessionRow:
    """Give the row of a session of its own key and owner."""
    made = SessionRow(
        number=number,
        id=f"session{number:05}",
        key_idx=b"key%d" % number,
        owner_idx=b"owner%d" % number,
        status="active",
        created_at=1_000,
        last_activity_at=2_000,
        updated_at=3_000,
        next_reset_at=None,
        head=0,
        stored=0,
        entries=0,
        message_count=0,
        input_tokens=0,
        output_tokens=0,
        cached_tokens=0,
        version=1,
        profile_version=1,
        profile=b"\x00profile\xff",
        wrapped=b"C5" + b"k" * 8 + b"wrapped",
        commitment=b"commitment",
        mac=b"mac",
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # the tests name fields of the row


def message(number: int, position: int, *, keep: int = 0, body: bytes = b"\x00sealed\xff") -> MessageRow:
    """Give a sealed message for a place."""
    return MessageRow(record_id(number, position), 0, 1, 1, keep, 5_000 + position, body)


def entry(number: int, position: int) -> EntryRow:
    """Give a sealed journal entry for a place."""
    return EntryRow(record_id(number, position), 3, 6_000 + position, b"entry%d" % position)


def head(number: int, position: int, *, expected: int, entries: int = 0) -> HeadUpdate:
    """Give the update that goes with a message at a place."""
    return HeadUpdate(
        7_000, 8_000, 9_000, position, position, entries, position, 1, 2, 3, expected + 1, b"new", number, expected
    )


async def add(store: Store, *rows: SessionRow) -> None:
    """Store new sessions."""
    await store.commit([Change(row=each, expected=None) for each in rows])


async def fill(store: Store, number: int, count: int) -> None:
    """Store a session with so many messages, every tenth of them to be kept."""
    messages = tuple(message(number, position, keep=int(position % 10 == 0)) for position in range(1, count + 1))
    stored = row(number, head=count, stored=count, message_count=count)
    await store.commit([Change(row=stored, expected=None, messages=messages)])


async def positions(store: Store, number: int, *, last: int = 1000) -> list[int]:
    """List the positions at which a session has messages."""
    found = await store.messages(record_id(number, 1), record_id(number, last), last, newest=False)
    return [record - record_id(number, 0) for record, *_ in found]


# -- opening -----------------------------------------------------------------------------------------


async def test_a_store_gives_back_what_it_was_founded_with(make: MakeStore) -> None:
    """A store is new until it is founded; afterwards it gives the foundation and the census it was given."""
    async with opened(make()):
        pass
    again = make()
    try:
        assert await again.open() == FOUNDATION
        await again.ready()
        assert await again.census() == EMPTY
    finally:
        await again.close()


async def test_what_was_acknowledged_is_there_when_the_store_is_opened_again(reopen: Reopen) -> None:
    """Sessions, messages, journal and preferences come back byte for byte."""
    change = Change(row=row(1), expected=None, messages=(message(1, 1),), entries=(entry(1, 1),))
    preference = PreferenceRow(b"idx", 1, b"body")
    async with reopen() as store:
        await store.commit([change], lambda _: Census(b"one", 1, 0, 0))
        await store.put_preference(preference, lambda _: Census(b"two", 1, 1, 1))
    async with reopen() as store:
        assert await store.session("session00001") == row(1)
        assert list(map(tuple, await store.messages(0, 1 << 60, 9, newest=False))) == [message(1, 1)]
        assert await store.journal(1) == [entry(1, 1)]
        assert await store.preferences() == [preference]
        assert await store.census() == Census(b"two", 1, 1, 1)


async def test_closing_writes_what_is_queued(reopen: Reopen) -> None:
    """A write that was asked for before the store was closed is acknowledged and there afterwards."""
    async with reopen() as store:
        writes = [asyncio.ensure_future(add(store, row(number))) for number in range(1, 21)]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    async with reopen() as store:
        assert len(await store.sessions_after(0, 100)) == 20


# -- one message -------------------------------------------------------------------------------------


async def test_append_stores_a_message_and_the_head_that_goes_with_it(store: Store) -> None:
    """After an append the message is there and every field of the session is as the update says."""
    await add(store, row(1))
    await store.append(head(1, 1, expected=1, entries=1), message(1, 1), [entry(1, 1)])
    (found,) = await store.messages(0, 1 << 60, 9, newest=False)
    assert tuple(found) == message(1, 1)
    assert await store.journal(1) == [entry(1, 1)]
    expected = row(1, last_activity_at=7_000, updated_at=8_000, next_reset_at=9_000, head=1, stored=1, entries=1)
    counted = replace(expected, message_count=1, input_tokens=1, output_tokens=2, cached_tokens=3)
    assert await store.session("session00001") == replace(counted, version=2, mac=b"new")


async def test_append_to_another_version_stores_nothing(store: Store) -> None:
    """Whoever saw an older version of a session is refused, and neither message nor head change."""
    await add(store, row(1))
    await store.append(head(1, 1, expected=1), message(1, 1))
    with pytest.raises(StaleSession):
        await store.append(head(1, 2, expected=1), message(1, 2))
    assert await positions(store, 1) == [1]


async def test_append_to_a_session_that_is_gone_stores_nothing(store: Store) -> None:
    """A message for no session is refused like one for another version."""
    with pytest.raises(StaleSession):
        await store.append(head(1, 1, expected=1), message(1, 1))
    assert await positions(store, 1) == []


async def test_append_to_a_taken_place_is_noticed(store: Store) -> None:
    """A place that is taken means that the row is an old one put back; nothing is stored."""
    await add(store, row(1))
    await store.append(head(1, 1, expected=1), message(1, 1))
    before = await store.session("session00001")
    with pytest.raises(Tampered):
        await store.append(head(1, 1, expected=2), message(1, 1, body=b"another"))
    assert await store.session("session00001") == before
    (found,) = await store.messages(0, 1 << 60, 9, newest=False)
    assert tuple(found) == message(1, 1)


async def test_of_writers_that_saw_the_same_version_one_succeeds(store: Store) -> None:
    """Of twenty appends at once that expect one version the first is stored and the others are refused."""
    await add(store, row(1))
    update = head(1, 1, expected=1)
    results = await asyncio.gather(*(store.append(update, message(1, 1)) for _ in range(20)), return_exceptions=True)
    assert [result for result in results if result is None] == [None]
    assert sum(isinstance(result, StaleSession) for result in results) == 19


async def test_writers_of_different_sessions_do_not_disturb_each_other(store: Store) -> None:
    """Fifty sessions take ten messages each at once, and one that is refused takes nobody with it."""

    async def talk(number: int) -> None:
        for position in range(1, 11):
            await store.append(head(number, position, expected=position), message(number, position))

    await add(store, *(row(number) for number in range(1, 51)))
    talks = [talk(number) for number in range(1, 51)]
    refused = [store.append(head(number, 1, expected=77), message(number, 99)) for number in range(1, 51)]
    results = await asyncio.gather(*talks, *refused, return_exceptions=True)
    assert results[:50] == [None] * 50
    assert all(isinstance(result, StaleSession) for result in results[50:])
    for number in range(1, 51):
        assert await positions(store, number) == list(range(1, 11))


async def test_what_messages_bring_along_is_stored_with_them_alone(store: Store) -> None:
    """Of many messages with entries, parcels and counts those that are refused leave nothing and take nobody along."""

    def bring(number: int) -> Mail:
        def recount(before: Census) -> Census:
            if number % 10 == 0:
                raise Tampered("the census of the store")
            return before._replace(parcels=before.parcels + 1)

        return Mail(parcels=(ParcelRow(number, b"channel", 0, b"body"),), recount=recount)

    async def talk(number: int) -> None:
        expected = 7 if number % 3 == 0 else 1
        update = head(number, 1, expected=expected, entries=1)
        await store.append(update, message(number, 1), [entry(number, 1)], bring(number))

    numbers = range(1, 41)
    await add(store, *(row(number) for number in numbers))
    done = await asyncio.gather(*map(talk, numbers), return_exceptions=True)
    refused = [StaleSession if n % 3 == 0 else Tampered if n % 10 == 0 else None for n in numbers]
    assert [None if result is None else type(result) for result in done] == refused
    there = [number for number, error in zip(numbers, refused, strict=True) if error is None]
    assert [number for number in numbers if await positions(store, number)] == there
    assert [number for number in numbers if await store.journal(number)] == there
    assert [parcel.id for parcel in await store.parcels(b"channel")] == there
    assert (await store.census()).parcels == len(there)


async def test_a_cancelled_append_is_stored_and_its_caller_learns_it_late(store: Store) -> None:
    """Cancelling a caller does not tear a unit of work: its error comes when all of it is stored."""
    await add(store, row(1))
    task = asyncio.ensure_future(store.append(head(1, 1, expected=1), message(1, 1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = await store.session("session00001")
    assert found is not None
    assert (found.stored, await positions(store, 1)) == (1, [1])


# -- units of work -----------------------------------------------------------------------------------


async def test_a_unit_of_work_is_applied_whole(store: Store) -> None:
    """One commit ends a session and begins another of the same key, with messages, entries and links."""
    await add(store, row(1))
    ended = Change(row=row(1, status="completed", version=2), expected=1, entries=(entry(1, 1),))
    begun = Change(row=row(2, key_idx=b"key1"), expected=None, messages=(message(2, 1),), sources=(1,))
    await store.commit([ended, begun], lambda before: Census(b"two", before.sessions + 2, 0, 0))
    current = await store.current(b"key1")
    assert current is not None
    assert current.number == 2
    assert await store.session("session00001") == ended.row
    assert (await store.readers_of(1), await store.sources_of(2)) == ([2], [1])
    assert (await store.census()).sessions == 2


async def test_a_unit_of_work_that_fails_leaves_nothing(store: Store) -> None:
    """If one change of several does not fit, none of them is applied and the counts stay."""
    await add(store, row(1))
    fits = Change(row=row(2), expected=None, messages=(message(2, 1),), entries=(entry(2, 1),), sources=(1,))
    does_not = Change(row=row(1, version=9), expected=8)
    with pytest.raises(StaleSession):
        await store.commit([fits, does_not], lambda _: Census(b"nine", 9, 9, 9))
    assert [found.number for found in await store.sessions_after(0, 9)] == [1]
    assert await positions(store, 2) == []
    assert (await store.journal(2), await store.readers_of(1), await store.census()) == ([], [], EMPTY)


async def test_the_counts_belong_to_the_unit_of_work(store: Store) -> None:
    """If the counts before are not to be believed, nothing is applied."""

    def refuse(before: Census) -> Census:
        raise Tampered("the census of the store")

    with pytest.raises(Tampered):
        await store.commit([Change(row=row(1), expected=None)], refuse)
    with pytest.raises(Tampered):
        await store.put_preference(PreferenceRow(b"idx", 1, b"body"), refuse)
    assert await store.sessions_after(0, 9) == []
    assert await store.preferences() == []


@pytest.mark.parametrize("status", ["active", "error"])
async def test_a_key_has_one_current_session(store: Store, status: str) -> None:
    """A second current session of one key is refused, whether it is new or comes back."""
    await add(store, row(1), row(2, key_idx=b"key1", status="paused"))
    with pytest.raises(StaleSession):
        await add(store, row(3, key_idx=b"key1", status=status))
    with pytest.raises(StaleSession):
        await store.commit([Change(row=row(2, key_idx=b"key1", status=status, version=2), expected=1)])
    current = await store.current(b"key1")
    assert current == row(1)


async def test_a_session_that_does_not_open_can_be_set_aside(store: Store) -> None:
    """It gets a status that is not current and no reset, and its key is free; the rest stays as it was."""
    await add(store, row(1, next_reset_at=5))
    await store.set_aside(1, "paused")
    assert await store.current(b"key1") is None
    assert await store.session("session00001") == row(1, status="paused")


async def test_numbers_are_given_once(reopen: Reopen) -> None:
    """A number is never given again, not even that of an erased session after a restart."""
    async with reopen() as store:
        given = [await store.next_number(), *await store.next_numbers(3), await store.next_number()]
        assert given == sorted(set(given))
        await add(store, *(row(number) for number in given))
        await store.erase_sessions([given[-1]], lambda before: before)
    async with reopen() as store:
        assert min(await store.next_numbers(2)) > given[-1]


# -- erasing -----------------------------------------------------------------------------------------


async def test_erased_sessions_are_gone_at_once_and_their_rows_soon(store: Store) -> None:
    """Row and key go with the first step, messages, journal and links with the second; others keep theirs."""
    await fill(store, 1, 30)
    await fill(store, 2, 5)
    await store.commit([Change(row=row(3), expected=None, entries=(entry(3, 1),), sources=(1, 2))])
    await store.erase_sessions([1, 3], lambda before: Census(b"seven", 7, 0, 0))
    assert [found.number for found in await store.sessions_after(0, 9)] == [2]
    assert (await store.census()).sessions == 7
    assert await store.sweep_erased() == 30
    assert await positions(store, 1) == []
    assert await positions(store, 2) == [1, 2, 3, 4, 5]
    assert (await store.journal(3), await store.readers_of(1), await store.readers_of(2)) == ([], [], [])
    assert await store.sweep_erased() == 0


async def test_erasing_goes_on_where_it_was_left(reopen: Reopen) -> None:
    """What an erasure has not removed before the store was closed is removed when it is opened again."""
    async with reopen() as store:
        await fill(store, 1, 30)
        await store.erase_sessions([1], lambda before: before)
    async with reopen() as store:
        assert await positions(store, 1) == []


# -- reading -----------------------------------------------------------------------------------------


async def test_sessions_are_found_by_what_identifies_them(store: Store) -> None:
    """By id, number, key and owner; of a key or owner the newest first; all of them page by page."""
    shared = [row(1, status="completed"), row(2), row(3, status="paused")]
    shared = [replace(each, key_idx=b"k", owner_idx=b"o") for each in shared]
    await add(store, *shared, row(4))
    assert await store.session("session00003") == shared[2]
    assert await store.session_by_number(3) == shared[2]
    assert await store.current(b"k") == shared[1]
    assert await store.sessions_of_key(b"k") == shared[::-1]
    assert await store.sessions_of_owner(b"o") == shared[::-1]
    assert [found.number for found in await store.sessions_after(1, 2)] == [2, 3]
    assert [found.number for found in await store.sessions_after(3, 2)] == [4]


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    """An unknown id, number, key or owner gives nothing, and no error."""
    assert (await store.session("nobody"), await store.session_by_number(1), await store.current(b"k")) == (None,) * 3
    assert (await store.sessions_of_key(b"k"), await store.sessions_of_owner(b"o")) == ([], [])
    assert (await store.preference(b"idx"), await store.journal(1), await store.readers_of(1)) == (None, [], [])


async def test_due_sessions_come_earliest_first(store: Store) -> None:
    """Only those whose time has come, the earliest first, no more than asked for."""
    times = {1: 300, 2: 100, 3: None, 4: 200, 5: 301}
    await add(store, *(row(number, next_reset_at=at) for number, at in times.items()))
    assert [found.number for found in await store.due(300, 9)] == [2, 4, 1]
    assert [found.number for found in await store.due(300, 2)] == [2, 4]
    assert await store.due(99, 9) == []


async def test_messages_are_read_in_order_from_either_end(store: Store) -> None:
    """A range gives its first or last messages in order of position, and none of the neighbours'."""
    for number in (1, 2, 3):
        await fill(store, number, 25)
    bounds = (record_id(2, 1), record_id(2, 25))

    async def read(limit: int, *, newest: bool, kept: bool = False) -> list[int]:
        found = await store.messages(*bounds, limit, newest=newest, kept=kept)
        return [record - record_id(2, 0) for record, *_ in found]

    assert await read(3, newest=False) == [1, 2, 3]
    assert await read(3, newest=True) == [23, 24, 25]
    assert await read(99, newest=True) == list(range(1, 26))
    assert await read(1, newest=True, kept=True) == [20]
    assert await read(99, newest=False, kept=True) == [10, 20]


async def test_the_journal_is_read_in_order(store: Store) -> None:
    """Entries come oldest first, whatever the order in which they were stored, and of one session only."""
    entries = tuple(entry(1, position) for position in (2, 1, 3))
    await store.commit([Change(row=row(1), expected=None, entries=entries)])
    await store.commit([Change(row=row(2), expected=None, entries=(entry(2, 1),))])
    assert await store.journal(1) == [entry(1, 1), entry(1, 2), entry(1, 3)]


async def test_preferences_are_replaced(store: Store) -> None:
    """There is one preference under an index, the one put last."""
    for revision in (1, 2):
        preference = PreferenceRow(b"idx", revision, b"body%d" % revision)
        await store.put_preference(preference, lambda _, n=revision: Census(b"m", 0, 1, n))  # type: ignore[misc]
    assert await store.preference(b"idx") == PreferenceRow(b"idx", 2, b"body2")
    assert await store.count_rows() == Census(b"", 0, 1, 2)


async def test_records_that_do_not_belong_are_counted(store: Store) -> None:
    """Records beyond what a session has, and those of no session, are counted; a store in order has none."""
    await fill(store, 1, 5)
    assert (await store.strays(1, 5, 0), await store.orphans()) == (0, 0)
    await store.commit([Change(row=row(2), expected=None, messages=(message(9, 1),), entries=(entry(1, 1),))])
    assert await store.strays(1, 4, 0) == 2
    assert await store.orphans() == 1


# -- keys ----------------------------------------------------------------------------------------

OLD_KEY, NEW_KEY = b"k" * 8, b"n" * 8


def wrapped(kid: bytes, number: int) -> bytes:
    """Give a data key as one master key wraps it."""
    return b"C5" + kid + b"wrapped%d" % number


async def test_the_keyring_is_changed_with_what_it_wraps(store: Store) -> None:
    """Rows are added and replaced, and the installation's own keys change with them."""
    assert await store.foundation() == FOUNDATION
    old = replace(FOUNDATION.keyring[0], state="readable", check_value=b"d" * 32)
    new = replace(old, kid=NEW_KEY, state="primary", created_at=2_000)
    await store.put_keyring([old, new], {"index": b"y" * 70})
    secrets = FOUNDATION.secrets | {"index": b"y" * 70}
    assert await store.foundation() == replace(FOUNDATION, keyring=(new, old), secrets=secrets)


async def test_wrapped_keys_are_counted_and_paged(store: Store) -> None:
    """By number, a page at a time, with or without those under one key."""
    new = replace(FOUNDATION.keyring[0], kid=NEW_KEY, created_at=2_000)
    await store.put_keyring([new], {})
    kids = [OLD_KEY, NEW_KEY, OLD_KEY, OLD_KEY]
    await add(store, *[row(number, wrapped=wrapped(kid, number)) for number, kid in enumerate(kids, 1)])
    assert await store.count_wrapped() == {OLD_KEY: 3, NEW_KEY: 1}
    assert [key.number for key in await store.wrapped_keys(1, 2)] == [2, 3]
    assert [key.number for key in await store.wrapped_keys(1, 9, but=NEW_KEY)] == [3, 4]
    assert await store.wrapped_keys(3, 9) == [WrappedKey(4, "session00004", wrapped(OLD_KEY, 4), b"commitment")]
    assert (await store.wrapped_keys(3, 9))[0].kid == OLD_KEY


async def test_only_an_expected_wrapped_key_is_replaced(store: Store) -> None:
    """One that was changed meanwhile is left; nothing else of a session changes."""
    before = row(1, wrapped=wrapped(OLD_KEY, 1))
    await add(store, before, row(2, wrapped=wrapped(OLD_KEY, 2)))
    await store.put_keyring([replace(FOUNDATION.keyring[0], kid=NEW_KEY)], {})
    new = wrapped(NEW_KEY, 1)
    assert await store.rewrap([Rewrap(1, before.wrapped, new), Rewrap(2, b"another", new), Rewrap(3, b"", new)]) == 1
    assert await store.session_by_number(1) == replace(before, wrapped=new)
    assert await store.count_wrapped() == {NEW_KEY: 1, OLD_KEY: 1}


async def test_a_change_of_a_session_leaves_its_wrapped_key(store: Store) -> None:
    """What a writer still has in memory of it is not put back."""
    first = row(1)
    await add(store, first)
    await store.put_keyring([replace(FOUNDATION.keyring[0], kid=NEW_KEY)], {})
    await store.rewrap([Rewrap(1, first.wrapped, wrapped(NEW_KEY, 1))])
    await store.commit([Change(row=replace(first, version=2, status="paused"), expected=1)])
    found = await store.session_by_number(1)
    assert found == replace(first, version=2, status="paused", wrapped=wrapped(NEW_KEY, 1))


async def test_a_key_goes_when_it_wraps_nothing(store: Store) -> None:
    """Not while a session or a key of the installation is under it; a session under it is refused from then on."""
    await add(store, row(1))
    new = replace(FOUNDATION.keyring[0], kid=NEW_KEY, created_at=2_000)
    await store.put_keyring([new], {name: wrapped(NEW_KEY, 0) for name in FOUNDATION.secrets})
    assert await store.retire_key(OLD_KEY) == 1
    assert len((await store.foundation()).keyring) == 2
    await store.rewrap([Rewrap(1, row(1).wrapped, wrapped(NEW_KEY, 1))])
    assert await store.retire_key(NEW_KEY) == 1 + len(FOUNDATION.secrets)
    assert await store.retire_key(OLD_KEY) == 0
    assert [key.kid for key in (await store.foundation()).keyring] == [NEW_KEY]
    with pytest.raises(StaleSession):
        await add(store, row(2))
    await add(store, row(2, wrapped=wrapped(NEW_KEY, 2)))


async def test_nothing_is_wrapped_with_a_key_that_is_not_there(store: Store) -> None:
    """A key that was retired meanwhile wraps no session any more, and none of the others that go with it."""
    await store.put_keyring([replace(FOUNDATION.keyring[0], kid=NEW_KEY)], {})
    await add(store, row(1), row(2))
    changes = [Rewrap(1, row(1).wrapped, wrapped(NEW_KEY, 1)), Rewrap(2, row(2).wrapped, wrapped(b"r" * 8, 2))]
    with pytest.raises(StaleSession):
        await store.rewrap(changes)
    assert await store.count_wrapped() == {OLD_KEY: 2}


async def test_what_is_gone_is_not_read(store: Store) -> None:
    """A session that goes on from an erased one is refused whole, whether it is new or not."""
    await add(store, row(1), row(2), row(3))
    await store.erase_sessions([1], lambda census: census)
    for change in (
        Change(row=row(4), expected=None, sources=(1,)),
        Change(row=row(2, version=2), expected=1, sources=(3, 1)),
    ):
        with pytest.raises(StaleSession):
            await store.commit([change])
    assert [await store.readers_of(number) for number in (1, 3)] == [[], []]
    await store.commit([Change(row=row(5), expected=None, sources=(3,))])
    await store.commit([Change(row=row(6), expected=None), Change(row=row(7), expected=None, sources=(6,))])
    assert [await store.readers_of(number) for number in (3, 6)] == [[5], [7]]


async def test_what_others_read_is_not_erased(store: Store) -> None:
    """A reader that nobody has counted on keeps a session from going; one that goes with it does not."""
    await add(store, row(1))
    await store.commit([Change(row=row(2), expected=None, sources=(1,))])
    await store.commit([Change(row=row(3), expected=None, sources=(1,))])
    for gone, readers in (([1], {2}), ([1, 3], set[int]()), ([1], set[int]())):
        with pytest.raises(StaleSession):
            await store.erase_sessions(gone, lambda census: census, readers=readers)
    assert len(await store.ids()) == 3
    await store.erase_sessions([1, 3], lambda census: census, readers={2})
    assert list(await store.ids()) == [2]


async def test_what_was_changed_since_is_not_erased(store: Store) -> None:
    """Sessions that go only as they are stay together when one of them was written to."""
    await add(store, row(1), row(2))
    await store.commit([Change(row=row(2, version=2), expected=1)])
    with pytest.raises(StaleSession):
        await store.erase_sessions([1, 2], lambda census: census, versions={1: 1, 2: 1})
    assert len(await store.ids()) == 2
    await store.erase_sessions([1, 2], lambda census: census, versions={1: 1, 2: 2})
    assert await store.ids() == {}


async def test_a_session_is_sealed_anew_as_a_whole(store: Store) -> None:
    """Its row, journal and messages change together, those of others do not, and what does not open is left."""
    await fill(store, 1, 1_100)
    await fill(store, 2, 2)
    await store.commit([Change(row=replace(row(3), entries=1), expected=None, entries=(entry(3, 1),))])
    there = await store.session_by_number(1)
    assert there is not None
    anew = replace(
        there, version=there.version + 1, wrapped=wrapped(NEW_KEY, 1), commitment=b"c", mac=b"m", profile=b"p"
    )

    def change(expected: int) -> Resealing:
        return Resealing(
            row=anew,
            expected=expected,
            message=lambda fields: None if fields[0] == record_id(1, 7) else b"new%d" % fields[0],
            entry=lambda stored: b"entry%d" % stored.id,
            anew=refuse,
        )

    def refuse(stored: SessionRow) -> Resealing:
        assert stored == there
        raise StaleSession("has got another key")

    with pytest.raises(StaleSession):
        await store.reseal(change(there.version))  # under a key that is not there, or not any more
    assert await store.session_by_number(1) == there
    await store.put_keyring([replace(FOUNDATION.keyring[0], kid=NEW_KEY, state="readable")], {})
    with pytest.raises(StaleSession):
        await store.reseal(change(there.version - 1))
    assert await store.session_by_number(1) == there
    assert await store.reseal(change(there.version)) == 1
    assert await store.session_by_number(1) == anew
    messages = await store.messages(record_id(1, 1), record_id(1, 1_100), 2_000, newest=False)
    bodies = [message(1, 7).body if fields[0] == record_id(1, 7) else b"new%d" % fields[0] for fields in messages]
    assert [fields[6] for fields in messages] == bodies
    others = await store.messages(record_id(2, 1), record_id(2, 9), 9, newest=False)
    assert {fields[6] for fields in others} == {message(2, 1).body}
    assert await store.journal(3) == [entry(3, 1)]
