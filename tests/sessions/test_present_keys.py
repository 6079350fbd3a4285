"""Several workers of one database, and a master key that comes, takes over and goes while they run."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from sessions.catalogue import Wanted
from sessions.errors import InvalidValue, KeyRefused, SessionLocked, StaleSession, VaultError
from sessions.keys import KeyFile, KeyProvider, Passphrase, RawKey, write_secret
from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from sessions.records import Change, Foundation, Mail
from sessions.store import Recount
from tests.conftest import ManualClock
from tests.sessions.conftest import person, say, texts
from tests.sessions.rotating import NEW, OLD, rotate

THIRD = bytes(range(9, 41))
old, new, third = RawKey(OLD), RawKey(NEW), RawKey(THIRD)


class Open(Protocol):
    """Opens the test's database as another program; it is closed when the test ends."""

    async def __call__(self, *keys: KeyProvider, store: PostgresStore | None = ...) -> SessionManager: ...


@pytest.fixture
async def opened(database: str, clock: ManualClock) -> AsyncIterator[Open]:
    """Open one database as several programs."""
    async with AsyncExitStack() as stack:

        async def program(*keys: KeyProvider, store: PostgresStore | None = None) -> SessionManager:
            store = store or PostgresStore(database, many=True, size=4)
            described = SessionManager.open(store=store, encryption_key=list(keys), clock=clock)
            return await stack.enter_async_context(described)

        yield program


async def spoken(sessions: SessionManager, name: str) -> str:
    """Give somebody a conversation with a word in it; give its id."""
    session = await sessions.get_or_create_session(person(name, chat=name))
    await say(sessions, session.id, f"from {name}")
    return session.id


async def kids(sessions: SessionManager) -> set[str]:
    """Give the keys that wrap a session."""
    return {key.hex() for key in await sessions._store.count_wrapped()}


async def is_whole(sessions: SessionManager) -> None:
    """Check that everything opens."""
    assert await sessions.verify() == []
    assert [line async for line in sessions.keyring.verify()] == []


# -- a worker that can have the new key ------------------------------------------------------------


async def test_a_worker_that_has_both_keys_wraps_with_the_new_one_after_a_rotation(opened: Open) -> None:
    """It learns of it from the keyring, without a restart; then the old one goes, and all that it begins opens."""
    first = await opened(old)
    await spoken(first, "ann")
    before, kid = first.kid, await first.keyring.add(new)
    second = await opened(new, old)
    assert second.kid == before
    assert await rotate(first, deep=False) == 0
    await spoken(second, "ben")
    assert second.kid == kid
    assert await kids(first) == {kid}
    await first.keyring.retire(before)
    begun = await spoken(second, "cid")
    await second.reset(person("ann", chat="ann"))
    await second.fork(begun)
    assert await kids(first) == {kid}
    await is_whole(second)


@pytest.mark.parametrize("kind", ["raw", "file"])
async def test_a_key_that_is_in_the_settings_before_it_is_in_the_keyring(
    opened: Open, kind: str, tmp_path: Path
) -> None:
    """A worker passes it over when it starts, and takes it when the first conversation is met that needs it."""
    path = tmp_path / "new.key"
    write_secret(path, base64.b64encode(NEW))
    provider: KeyProvider = new if kind == "raw" else KeyFile(path)
    first, second = await opened(old), await opened(provider, old)
    known, other = await spoken(first, "ann"), await spoken(first, "ben")
    assert await texts(second, known) == ["from ann", "re: from ann"]
    before = first.kid
    assert await rotate(first, deep=True) == 0
    await first.keyring.retire(before)
    assert await texts(second, other) == ["from ben", "re: from ben"]
    await say(second, known, "more")
    await spoken(second, "cid")
    assert await kids(first) == {first.kid}
    await is_whole(second)


async def test_a_passphrase_is_found_by_a_worker_that_started_before_it_was_let_in(opened: Open) -> None:
    """Its salt stands in the keyring, and is read there."""
    cheap = Passphrase("correct horse battery staple", memory_kib=64, passes=1, lanes=1)
    first, second = await opened(old), await opened(cheap, old)
    known, before = await spoken(first, "ann"), first.kid
    kid = await first.keyring.add(cheap)
    await first.rotation.begin(kid)
    while not (await first.rotation.step()).done:
        pass
    assert await first.rotation.end() == 0
    await first.keyring.retire(before)
    assert await texts(second, known) == ["from ann", "re: from ann"]
    await spoken(second, "ben")
    assert await kids(first) == {kid}


async def test_a_list_right_after_a_rotation_shows_everything(opened: Open) -> None:
    """What a worker has not opened since is not called unreadable."""
    first, second = await opened(old), await opened(new, old)
    ann = person("ann", chat="ann")
    await first.create_session(ann, title="One")
    await first.create_session(ann, title="Two")
    assert await rotate(first, deep=False) == 0
    assert sorted(one.title or "" for one in await second.list_sessions(ann)) == ["One", "Two"]


@pytest.mark.parametrize("how", ["list", "id", "ids", "search", "count"])
async def test_an_operator_of_one_worker_sees_what_another_has_begun_under_a_new_key(opened: Open, how: str) -> None:
    """Whatever is asked first."""
    first, second = await opened(old), await opened(new, old)
    await first.keyring.add(new)
    assert await rotate(first, deep=False) == 0
    begun = await spoken(first, "ann")
    if how == "list":
        assert [one.person async for one in second.catalogue.each(Wanted())] == ["telegram:ann"]
    elif how == "id":
        assert (await second.catalogue.find(begun[:6])).person == "telegram:ann"
    elif how == "ids":
        assert (await second.catalogue.some([begun]))[begun].person == "telegram:ann"
    elif how == "search":
        assert [hit.found.session.id async for hit in second.everywhere.search("from ann")] == [begun] * 2
    else:
        listed = await first.catalogue.find(begun)
        assert (await second.everywhere.tally(listed)).stored == 2


async def test_one_worker_goes_on_with_what_another_has_begun(opened: Open) -> None:
    """Also if it has not heard of the new key yet: what it moves is under the new one."""
    first, second = await opened(old), await opened(new, old)
    for number in range(5):
        await spoken(first, f"p{number}")
    await first.rotation.begin(await first.keyring.adopt(new))
    await first.rotation.step(limit=2)
    after, done = 0, False
    while not done:
        step = await second.rotation.step(after, limit=2)
        after, done = step.after, step.done
    assert await second.rotation.end() == 0
    assert await kids(second) == {first.kid}
    await is_whole(second)


# -- a worker that has the old key alone -------------------------------------------------------------


async def test_a_worker_without_the_new_key_is_told_so_and_breaks_nothing(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on with what it has open; what needs the new key is refused with what to do, and nothing is damaged."""
    first, second = await opened(old), await opened(old)
    known, before = await spoken(second, "ann"), first.kid
    other = await spoken(first, "ben")
    assert await rotate(first, deep=False) == 0
    await say(second, known, "still here")
    with pytest.raises(SessionLocked, match=f"needs key {first.kid}.*name its file"):
        await texts(second, other)
    assert [f"wrapped with key {first.kid}" in line for line in caplog.messages] == [True]
    acts = [second.get_or_create_session(person("cid", chat="c"))]
    acts += [second.new_session(person(name, chat=name)) for name in ("ann", "ben")]
    for act in acts:
        with pytest.raises(KeyRefused, match=f"wrapped with key {first.kid}.*name its file.*restart"):
            await act
    assert len(set(caplog.messages)) == 1
    assert (await first.get_session(other)).status.is_current
    with pytest.raises(VaultError, match=first.kid):
        await second.exchange.identity()
    with pytest.raises(KeyRefused, match=first.kid):
        await second.addresses_of("telegram", "ben")
    with pytest.raises(KeyRefused, match=first.kid):
        await second.erase_person(person("ben", chat="ben"))
    await first.keyring.retire(before)
    with pytest.raises(KeyRefused, match=f"wrapped with key {first.kid}"):
        await second.get_or_create_session(person("cid", chat="c"))
    assert await kids(first) == {first.kid}
    await is_whole(first)
    await is_whole(await opened(new))


async def test_it_is_given_the_key_and_goes_on(opened: Open, tmp_path: Path) -> None:
    """The file that the settings name may come later: what was refused works then, without a restart."""
    path = tmp_path / "new.key"
    first, second = await opened(old), await opened(KeyFile(path), old)
    known = await spoken(first, "ann")
    assert await rotate(first, deep=False) == 0
    with pytest.raises(SessionLocked):
        await texts(second, known)
    write_secret(path, base64.b64encode(NEW))
    await spoken(second, "ben")
    assert await texts(second, known) == ["from ann", "re: from ann"]


async def test_a_key_that_was_retired_opens_nothing_for_anybody(opened: Open) -> None:
    """Another worker that still has its file lets it go as well when it learns of the new one."""
    first, second = await opened(old), await opened(new, old)
    await spoken(first, "ann")
    before = bytes.fromhex(first.kid)
    assert await rotate(first, deep=False) == 0
    await first.keyring.retire(before.hex())
    await spoken(second, "ben")
    assert not second._vault.knows(before)


# -- at the same moment --------------------------------------------------------------------------------


Job = Callable[[], Awaitable[object]]


class Held(PostgresStore):
    """A store in which a job is done, once, when the keyring was read and before a session is stored."""

    def __init__(self, database: str) -> None:
        super().__init__(database, many=True, size=4)
        self.after_reading: Job | None = None
        self.before_commit: Job | None = None

    async def foundation(self) -> Foundation:
        """Read it, and have the job done before it is used."""
        read = await super().foundation()
        job, self.after_reading = self.after_reading, None
        if job is not None:
            await job()
        return read

    async def commit(self, changes: Sequence[Change], recount: Recount | None = None, mail: Mail | None = None) -> None:
        """Have the job done, and store."""
        job, self.before_commit = self.before_commit, None
        if job is not None:
            await job()
        await super().commit(changes, recount, mail)


async def test_two_that_rotate_to_different_keys_at_once_leave_one_primary_key(opened: Open, database: str) -> None:
    """The later one is refused and can try again; the store opens for whoever has the keys."""
    held = Held(database)
    first, second = await opened(old, new, third, store=held), await opened(old, new, third)
    await spoken(first, "ann")
    one, other = await first.keyring.adopt(new), await second.keyring.adopt(third)
    held.after_reading = lambda: second.rotation.begin(other)
    with pytest.raises(StaleSession, match="try again"):
        await first.rotation.begin(one)
    await is_whole(await opened(old, new, third))
    await first.rotation.begin(one)
    while not (await first.rotation.step()).done:
        pass
    assert await first.rotation.end() == 0
    assert await kids(first) == {one}
    assert [key.kid for key in await first.keyring.standing() if key.state == "primary"] == [one]
    await is_whole(await opened(new))


async def test_an_identity_made_while_keys_are_rotated_opens_afterwards(opened: Open, database: str) -> None:
    """It is wrapped with the key that is the primary one when it is stored, or the store would open to nobody."""
    held = Held(database)
    first, second = await opened(old), await opened(new, old, store=held)
    await spoken(first, "ann")
    before = first.kid
    held.after_reading = lambda: rotate(first, deep=False)
    made = await second.exchange.identity()
    await first.keyring.retire(before)
    later = await opened(new)
    assert await later.exchange.identity() == made
    await is_whole(later)


async def test_an_identity_made_by_a_worker_that_has_not_heard_of_the_new_key(opened: Open) -> None:
    """It is under the new one all the same."""
    first, second = await opened(old), await opened(new, old)
    await spoken(first, "ann")
    await rotate(first, deep=False)
    made = await second.exchange.identity()
    assert await (await opened(new)).exchange.identity() == made


async def test_two_that_make_the_identity_at_once_have_the_same(opened: Open, database: str) -> None:
    """Whoever was shared with by one of them can be answered by the other, and after a restart."""
    held = Held(database)
    first, second = await opened(old, store=held), await opened(old)
    found = []

    async def made() -> None:
        found.append(await second.exchange.identity())

    held.after_reading = made
    found.append(await first.exchange.identity())
    found.append(await (await opened(old)).exchange.identity())
    assert found[0] == found[1] == found[2]


async def test_a_session_whose_key_goes_right_before_it_is_stored(opened: Open, database: str) -> None:
    """It is drawn up anew under the new key, at every place where one begins."""
    held = Held(database)
    first, second = await opened(old, new), await opened(new, old, store=held)
    await spoken(first, "ann")
    keys = [new, old]

    async def overtake() -> None:
        keys.reverse()
        await turn_over(first, keys[1], deep=False, rounds=1)

    ann = person("ann", chat="ann")
    acts: list[Job] = [
        lambda: second.get_or_create_session(person("ben", chat="b")),
        lambda: second.new_session(ann),
        lambda: second.reset(ann),
        lambda: second.create_session(ann, aside=True),
    ]
    for act in acts:
        held.before_commit = overtake
        await act()
        assert held.before_commit is None
        assert await kids(first) == {first.kid}
    await is_whole(first)


async def test_a_deep_rotation_reaches_conversations_that_another_worker_writes_to(opened: Open) -> None:
    """Each gets another data key, however often somebody comes between; none is told to be damaged."""
    first, second = await opened(old, new), await opened(old, new)
    idents = [await spoken(first, f"p{number}") for number in range(4)]
    before = {row.id: row.commitment for row in await first._store.sessions_by_id(idents)}
    said: list[str] = []
    stop = asyncio.Event()

    async def write(ident: str) -> None:
        while not stop.is_set():
            said.append((await second.add_message(ident, role="user", content=f"{ident} {len(said)}")).content)

    writing = [asyncio.create_task(write(ident)) for ident in idents]
    try:
        assert await rotate(first, deep=True) == 0
    finally:
        stop.set()
        await asyncio.gather(*writing)
    after = {row.id: row.commitment for row in await first._store.sessions_by_id(idents)}
    assert not before.items() & after.items()
    found = [text for ident in idents for text in await texts(first, ident)]
    assert sorted(said) == sorted(set(found) & set(said))
    await is_whole(first)


async def test_two_workers_rotate_deeply_at_once(opened: Open) -> None:
    """Both come to the end, nothing is told to be damaged, and every conversation has another data key."""
    first, second = await opened(old, new), await opened(old, new)
    idents = [await spoken(first, f"p{number}") for number in range(6)]
    before = {row.id: row.commitment for row in await first._store.sessions_by_id(idents)}
    kid = await first.keyring.adopt(new)
    await second.keyring.adopt(new)

    async def go(sessions: SessionManager) -> list[str]:
        failed: list[str] = []
        await sessions.rotation.begin(kid, deep=True)
        after, done = 0, False
        while not done:
            step = await sessions.rotation.step(after, limit=2)
            after, done = step.after, step.done
            failed += step.failed
        await sessions.rotation.end()
        return failed

    outcomes = await asyncio.gather(go(first), go(second))
    assert list(outcomes) == [[], []]
    after = {row.id: row.commitment for row in await first._store.sessions_by_id(idents)}
    assert not before.items() & after.items()
    assert await kids(first) == {kid}
    await is_whole(first)


@pytest.mark.parametrize("deep", [False, True], ids=["shallow", "deep"])
async def test_whoever_writes_while_keys_come_and_go_loses_nothing(opened: Open, deep: bool) -> None:
    """Workers begin and use conversations without a break while two of them rotate and retire; nobody is refused."""
    keys = [old, new, third]
    programs = [await opened(*keys) for _ in range(3)]
    said: dict[str, list[str]] = {}
    stop = asyncio.Event()

    async def write(sessions: SessionManager, name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            session = await sessions.get_or_create_session(person(name, chat=f"{name} {number // 3}"))
            await sessions.add_message(session.id, role="user", content=f"{name} {number}")
            said.setdefault(session.id, []).append(f"{name} {number}")

    writing = [asyncio.create_task(write(one, f"w{at}")) for at, one in enumerate(programs)]
    try:
        for turn in range(1, 5):
            await turn_over(programs[turn % 2], keys[turn % 3], deep=deep, rounds=2)
    finally:
        stop.set()
        await asyncio.gather(*writing)
    assert len(said) > 10
    last = await opened(keys[turn % 3])
    await turn_over(last, keys[turn % 3], deep=False, rounds=1)
    for session_id, lines in said.items():
        assert await texts(last, session_id) == lines
    await is_whole(last)


async def turn_over(sessions: SessionManager, provider: KeyProvider, *, deep: bool, rounds: int) -> None:
    """Rotate to a key and retire the others; again, if it is told that something began under one of them meanwhile."""
    for left in reversed(range(9)):
        await sessions.rotation.begin(await sessions.keyring.adopt(provider), deep=deep)
        for _ in range(rounds):
            after, done = 0, False
            while not done:
                step = await sessions.rotation.step(after)
                after, done = step.after, step.done
        await sessions.rotation.end()
        try:
            for key in await sessions.keyring.standing():
                if key.state != "primary":
                    await sessions.keyring.retire(key.kid)
        except InvalidValue as error:
            if not left or "still wraps" not in str(error):
                raise
        else:
            return
