"""Keys of an installation come, take over, and go; whatever happens meanwhile, everything opens."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sessions.errors import (
    InvalidValue,
    KeyRefused,
    NotFound,
    SessionLocked,
    Tampered,
    WrongKey,
)
from sessions.keys import KeyProvider, Passphrase, RawKey
from sessions.manager import SessionManager
from sessions.vault import Vault
from tests.sessions.conftest import Opener, person, say, texts
from tests.sessions.rotating import NEW, OLD, rotate

ROOT = Path(__file__).parents[2]
BOTH: list[KeyProvider] = [RawKey(NEW), RawKey(OLD)]
FORMS = pytest.mark.parametrize("deep", [False, True], ids=["shallow", "deep"])
PEOPLE = [person(f"user{number}", chat=f"chat-{number}") for number in range(7)]


def rows(path: Path, sql: str, *values: object) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def edit(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql, values)


def on_disk(path: Path) -> bytes:
    """Give the bytes of the database and its log."""
    return b"".join(file.read_bytes() for file in (path, path.with_name(path.name + "-wal")))


async def filled(sessions: SessionManager) -> dict[str, list[str]]:
    """Give everybody a conversation and one of them a fork; give what is to be read in each."""
    said: dict[str, list[str]] = {}
    for number, who in enumerate(PEOPLE):
        session = await sessions.get_or_create_session(who)
        await say(sessions, session.id, *[f"{number} says {turn}" for turn in range(number)])
        await sessions.update_session(session.id, title=f"title {number}", tags=["kept"])
        said[session.id] = await texts(sessions, session.id)
    original = (await sessions.list_sessions(PEOPLE[-1]))[0]
    await sessions.save_checkpoint(original.id, name="here")
    fork = await sessions.fork(original.id)
    await say(sessions, fork.id, "in the fork")
    said[fork.id] = await texts(sessions, fork.id)
    return said


async def read(sessions: SessionManager, said: dict[str, list[str]]) -> dict[str, list[str]]:
    return {session_id: await texts(sessions, session_id) for session_id in said}


async def opens_whole(sessions: SessionManager, said: dict[str, list[str]]) -> None:
    """Check that everything is there to be read, and nothing is damaged."""
    assert await read(sessions, said) == said
    assert await sessions.verify() == []
    assert [problem async for problem in sessions.keyring.verify()] == []


# -- moving to another key -----------------------------------------------------------------------


async def test_a_rotation_wraps_keys_and_seals_no_message(open_store: Opener, db_path: Path) -> None:
    """Every wrapped key names the new master key afterwards; no message, journal or profile was written."""
    async with open_store(key=OLD) as sessions:
        said, old = await filled(sessions), sessions.kid
    records = "SELECT body FROM message UNION ALL SELECT body FROM journal"
    sealed = rows(db_path, records)
    profiles = rows(db_path, "SELECT profile, commitment, mac, version FROM session ORDER BY number")
    async with open_store(key=BOTH) as sessions:
        assert sessions.kid == old
        assert await rotate(sessions, deep=False) == 0
        new = sessions.kid
        assert new != old
        await opens_whole(sessions, said)
        told = [entry.about for entry in await sessions.audit.newest(3)]
        assert [about["done"] for about in told] == ["rotation ended", "rotation begun", "added"]
    assert rows(db_path, records) == sealed
    assert rows(db_path, "SELECT profile, commitment, mac, version FROM session ORDER BY number") == profiles
    wraps = rows(db_path, "SELECT wrapped FROM session UNION ALL SELECT wrapped FROM secret")
    assert {wrapped[2:10].hex() for (wrapped,) in wraps} == {new}
    async with open_store(key=NEW) as sessions:
        await opens_whole(sessions, said)


async def test_a_deep_rotation_leaves_nothing_that_the_old_data_keys_open(open_store: Opener, db_path: Path) -> None:
    """Every record and data key is another one; of the old ones not a byte is in the file or its log."""
    async with open_store(key=OLD) as sessions:
        said = await filled(sessions)
        forks = [session_id for session_id, read_there in said.items() if "in the fork" in read_there]
    sealed = [f"SELECT {what}" for what in ("body FROM message", "body FROM journal", "wrapped FROM session")]
    before = [row[0] for sql in [*sealed, "SELECT profile FROM session"] for row in rows(db_path, sql)]
    assert len(before) > 60
    async with open_store(key=BOTH) as sessions:
        assert await rotate(sessions, deep=True) == 0
        await opens_whole(sessions, said)
        await say(sessions, forks[0], "afterwards")
        data = on_disk(db_path)
        assert [record for record in before if record in data] == []
    async with open_store(key=NEW) as sessions:
        said[forks[0]] += ["afterwards", "re: afterwards"]
        await opens_whole(sessions, said)
        await sessions.delete_session(next(iter(set(said) - set(forks))))


async def test_data_keys_alone_can_be_changed(open_store: Opener, db_path: Path) -> None:
    """The deep form under the same master key gives every session another data key."""
    async with open_store(key=OLD) as sessions:
        said = await filled(sessions)
        before = rows(db_path, "SELECT commitment FROM session")
        await sessions.rotation.begin(sessions.kid, deep=True)
        while not (await sessions.rotation.step()).done:
            pass
        assert await sessions.rotation.end() == 0
        assert set(before).isdisjoint(rows(db_path, "SELECT commitment FROM session"))
        await opens_whole(sessions, said)


@FORMS
async def test_what_is_erased_after_a_rotation_leaves_its_forks_whole(open_store: Opener, deep: bool) -> None:
    """The shared part is handed over under the keys there are by then."""
    async with open_store(key=BOTH) as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "shared")
        fork = await sessions.fork(session.id)
        await rotate(sessions, deep=deep)
        await sessions.delete_session(session.id)
        assert await texts(sessions, fork.id) == ["shared", "re: shared"]
        assert await sessions.verify() == []


# -- while the bot works -------------------------------------------------------------------------


@FORMS
async def test_messages_are_written_while_keys_are_rotated(open_store: Opener, deep: bool) -> None:
    """Nobody's message is lost or unreadable, new conversations begin meanwhile, and all is under the new key."""
    async with open_store(key=OLD, hot_sessions=3) as sessions:
        said = await filled(sessions)
        stop = asyncio.Event()

        async def write(session_id: str) -> None:
            while not stop.is_set():
                message = await sessions.add_message(session_id, role="user", content=f"word {len(said[session_id])}")
                said[session_id].append(message.content)
                assert (await sessions.get_history(session_id, limit=100))[-1].content == message.content

        async def begin() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                session = await sessions.get_or_create_session(person(f"new{number}", chat=f"new{number}"))
                said[session.id] = []

        writing = [asyncio.create_task(write(session_id)) for session_id in list(said)[:4]]
        writing.append(asyncio.create_task(begin()))
        await asyncio.sleep(0.05)
        kept = {session_id: len(said[session_id]) for session_id in said}
        assert await rotate(sessions, deep=deep) == 0
        await asyncio.sleep(0.05)
        stop.set()
        await asyncio.gather(*writing)
        assert sum(map(len, said.values())) > sum(kept.values())
        await opens_whole(sessions, said)
        assert [key.sessions for key in await sessions.keyring.standing() if key.state != "primary"] == [0]
    async with open_store(key=NEW) as sessions:
        await opens_whole(sessions, said)


async def test_a_session_in_memory_never_puts_its_old_wrapping_back(open_store: Opener, db_path: Path) -> None:
    """What is written to a session after a rotation leaves its wrapped key as the rotation left it."""
    async with open_store(key=BOTH) as sessions:
        session = await sessions.get_or_create_session(person())
        before = rows(db_path, "SELECT wrapped FROM session")
    async with open_store(key=[RawKey(OLD), RawKey(NEW)]) as sessions:
        await sessions.get_session(session.id)  # open it, under the key it has
        other = await sessions.keyring.adopt(RawKey(OLD))
        await sessions.rotation.begin(other)
        await sessions.rotation.step()
        moved = rows(db_path, "SELECT wrapped FROM session")
        assert moved != before
        await sessions.update_session(session.id, title="another")
        await say(sessions, session.id, "hello")
        await sessions.set_status(session.id, (await sessions.get_session(session.id)).status)
        assert rows(db_path, "SELECT wrapped FROM session") == moved


@pytest.mark.parametrize("beside", [False, True], ids=["same process", "beside it"])
async def test_a_conversation_is_read_while_it_is_sealed_anew(open_store: Opener, beside: bool) -> None:
    """Whoever began to read before reads on; no message is shown as unreadable."""
    async with open_store(key=BOTH, hot_messages=0) as sessions, open_store(key=BOTH, read_only=True) as other:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, *map(str, range(5)))
        reading = (other if beside else sessions).iter_history(session.id, page=1)
        found = [(await anext(reading)).content]
        await sessions.rotation.begin(sessions.kid, deep=True)
        await sessions.rotation.step()
        found += [message.content async for message in reading]
        assert found == await texts(sessions, session.id)
        assert len(found) == 10


async def test_a_session_that_was_drawn_up_before_its_key_went_is_not_stored(open_store: Opener) -> None:
    """One whose key is wrapped with a retired master key would be lost: it is refused, and drawn up anew."""
    async with open_store(key=OLD) as sessions:
        session, old = await sessions.get_or_create_session(person()), sessions.kid
        async with sessions._parts.cache.locked(session.id):
            beginning = asyncio.create_task(sessions.new_session(person()))
            await asyncio.sleep(0.05)  # it has drawn its key, and waits
            await rotate(sessions, deep=False)
            await sessions.keyring.retire(old)
        begun = await beginning
        assert await texts(sessions, begun.id) == []
        assert await sessions.verify() == []
        assert [key.sessions for key in await sessions.keyring.standing()] == [2]


# -- kill -9 -------------------------------------------------------------------------------------


def run(path: Path, writes: int, form: str) -> int:
    """Rotate in a process of its own that is killed after so many writes; give how it ended."""
    command = [sys.executable, "-m", "tests.sessions.rotating", str(path), str(writes), form]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


@FORMS
async def test_a_rotation_that_is_killed_after_any_write_goes_on(open_store: Opener, db_path: Path, deep: bool) -> None:
    """Killed after each of its writes, and again two writes later: everything opens, and the next run ends it.

    Then the old key is retired, and opens nothing any more; the new one opens all.
    """
    async with open_store(key=OLD) as sessions:
        said, old = await filled(sessions), sessions.kid
    form, writes, code = "deep" if deep else "shallow", 0, -signal.SIGKILL
    while code != 0:
        writes += 1
        path = db_path.with_name(f"killed-{writes}.db")
        edit(db_path, "VACUUM INTO ?", str(path))
        code = run(path, writes, form)
        assert code in (0, -signal.SIGKILL)
        async with open_store(path=path, key=BOTH) as sessions:
            await opens_whole(sessions, said)
        assert run(path, 2, form) in (0, -signal.SIGKILL)
        async with open_store(path=path, key=BOTH) as sessions:
            await opens_whole(sessions, said)
            assert await rotate(sessions, deep=deep) == 0
            await sessions.keyring.retire(old)
        with pytest.raises(WrongKey):
            async with open_store(path=path, key=OLD):
                pytest.fail("the old key opened it")
        async with open_store(path=path, key=NEW) as sessions:
            await opens_whole(sessions, said)
    assert writes > (16 if deep else 8)


# -- what is refused -----------------------------------------------------------------------------


async def test_a_key_is_retired_only_when_nothing_is_wrapped_with_it(open_store: Opener) -> None:
    """Not the primary one, not one that a session needs, and not one there is not; then it goes for good."""
    async with open_store(key=OLD) as sessions:
        said, old = await filled(sessions), sessions.kid
        with pytest.raises(InvalidValue, match="is the primary one"):
            await sessions.keyring.retire(old)
        with pytest.raises(NotFound):
            await sessions.keyring.retire("00" * 8)
        await sessions.rotation.begin(await sessions.keyring.adopt(RawKey(NEW)))
        await sessions.rotation.step(limit=len(said) - 1)
        with pytest.raises(InvalidValue, match="still wraps 1 keys"):
            await sessions.keyring.retire(old)
        assert "retired" not in [entry.about.get("done") for entry in await sessions.audit.newest()]
        await opens_whole(sessions, said)
        await rotate(sessions, deep=False)
        await sessions.keyring.retire(old)
        assert [key.kid for key in await sessions.keyring.standing()] == [sessions.kid]
        assert (await sessions.audit.newest(1))[0].about == {"done": "retired", "key": old}
        await opens_whole(sessions, said)
    with pytest.raises(WrongKey) as refused:
        async with open_store(key=OLD):
            pytest.fail("the old key opened it")
    assert old not in refused.value.wanted


async def test_without_the_old_key_nothing_is_moved(open_store: Opener, db_path: Path) -> None:
    """Half-way the new key alone opens what was moved; the rest is locked, and going on needs the old key."""
    async with open_store(key=OLD) as sessions:
        said, old = await filled(sessions), sessions.kid
        await sessions.rotation.begin(await sessions.keyring.adopt(RawKey(NEW)))
        await sessions.rotation.step(limit=3)
    before = rows(db_path, "SELECT wrapped FROM session")
    async with open_store(key=NEW) as sessions:
        with pytest.raises(SessionLocked, match=old):
            await read(sessions, said)
        with pytest.raises(KeyRefused, match=f"{old}, which is not at hand; name its file in old_key_files"):
            await sessions.rotation.begin(sessions.kid)
        locked = [line async for line in sessions.keyring.verify()]
        assert len(locked) == len(said) - 3
        assert all(old in line for line in locked)
        missing = [key for key in await sessions.keyring.standing() if not key.offered]
        assert [(key.kid, key.sessions) for key in missing] == [(old, len(said) - 3)]
    assert rows(db_path, "SELECT wrapped FROM session") == before
    async with open_store(key=BOTH) as sessions:
        await opens_whole(sessions, said)


async def test_a_wrong_key_is_no_old_key(open_store: Opener) -> None:
    """Keys that this store never had are passed over, and open nothing."""
    async with open_store(key=OLD) as sessions:
        said, kid = await filled(sessions), sessions.kid
    with pytest.raises(WrongKey):
        async with open_store(key=[RawKey(NEW), RawKey(bytes(32))]):
            pytest.fail("it opened")
    async with open_store(key=[RawKey(bytes(32)), RawKey(OLD)]) as sessions:
        assert sessions.kid == kid
        await opens_whole(sessions, said)
        with pytest.raises(KeyRefused, match="not at hand"):
            await sessions.rotation.begin("00" * 8)


async def test_a_passphrase_is_let_in_only_when_asked(open_store: Opener) -> None:
    """A mistyped one must not become a key; one that was added is found again, and can take over."""
    cheap = Passphrase("correct horse battery staple", memory_kib=64, passes=1, lanes=1)
    async with open_store(key=OLD) as sessions:
        said, old = await filled(sessions), sessions.kid
        with pytest.raises(KeyRefused, match="if it is new, run: palaver keys new"):
            await sessions.keyring.adopt(cheap)
        kid = await sessions.keyring.add(cheap)
        assert await sessions.keyring.adopt(cheap) == kid
        await sessions.rotation.begin(kid)
        await sessions.rotation.step()
        assert await sessions.rotation.end() == 0
        await sessions.keyring.retire(old)
    async with open_store(key=cheap) as sessions:
        await opens_whole(sessions, said)
        with pytest.raises(InvalidValue, match="in the keyring already"):
            await sessions.keyring.add(_Same(cheap, await _parameters(sessions)))


class _Same:
    """A provider that gives a key which is in the keyring already."""

    name = "passphrase"

    def __init__(self, phrase: Passphrase, parameters: str) -> None:
        self._phrase, self._parameters = phrase, parameters

    def create(self) -> tuple[bytes, str]:
        return self._phrase.find(self._parameters), self._parameters

    def find(self, parameters: str) -> bytes:
        return self._phrase.find(parameters)


async def _parameters(sessions: SessionManager) -> str:
    return (await sessions.keyring._store.foundation()).keyring[0].parameters


# -- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("UPDATE keyring SET state = ? WHERE kid = ?", "primary"),
        ("UPDATE keyring SET provider = ? WHERE kid = ?", "file"),
        ("UPDATE keyring SET parameters = ? WHERE kid = ?", "{}"),
        ("UPDATE keyring SET created_at = ? WHERE kid = ?", 1),
        ("UPDATE keyring SET check_value = ? WHERE kid = ?", bytes(32)),
    ],
)
async def test_a_changed_row_of_an_old_key_is_noticed(
    open_store: Opener, db_path: Path, change: str, value: object
) -> None:
    """Whoever can open the store with both keys is told; the twin that leaves the rows alone opens."""
    async with open_store(key=BOTH) as sessions:
        other = await sessions.keyring.adopt(RawKey(OLD))
    async with open_store(key=BOTH):
        pass
    edit(db_path, change, value, bytes.fromhex(other))
    with pytest.raises(Tampered, match="the keyring"):
        async with open_store(key=BOTH):
            pytest.fail("it opened")


async def test_a_keyring_that_is_put_back_is_noticed(open_store: Opener, db_path: Path) -> None:
    """The rows from before a rotation are genuine, but do not fit what is wrapped by now."""
    async with open_store(key=OLD) as sessions:
        await filled(sessions)
        await sessions.keyring.adopt(RawKey(NEW))
    before = rows(db_path, "SELECT * FROM keyring")
    async with open_store(key=BOTH) as sessions:
        await rotate(sessions, deep=False)
    for row in before:
        edit(db_path, "INSERT OR REPLACE INTO keyring VALUES (?, ?, ?, ?, ?, ?)", *row)
    with pytest.raises(Tampered, match="the keyring"):
        async with open_store(key=BOTH):
            pytest.fail("it opened")


@FORMS
async def test_a_session_that_does_not_open_is_named_and_left(open_store: Opener, db_path: Path, deep: bool) -> None:
    """The others are moved, the old key stays for as long as something names it, and erasing sets it free."""
    async with open_store(key=OLD) as sessions:
        said, old = await filled(sessions), sessions.kid
    broken = next(iter(said))
    (wrapped,) = rows(db_path, "SELECT wrapped FROM session WHERE id = ?", broken)[0]
    edit(db_path, "UPDATE session SET wrapped = ? WHERE id = ?", wrapped[:-1] + b"\0", broken)
    async with open_store(key=BOTH) as sessions:
        await sessions.rotation.begin(await sessions.keyring.adopt(RawKey(NEW)), deep=deep)
        after, done, failed = 0, False, set[str]()
        while not done:
            step = await sessions.rotation.step(after, limit=2)
            after, done = step.after, step.done
            failed |= set(step.failed)
        assert {line.partition(":")[0] for line in failed} == {f"session {broken}"}
        assert await sessions.rotation.end() == 1
        assert len([line async for line in sessions.keyring.verify() if broken in line]) == 1
        with pytest.raises(InvalidValue, match="still wraps 1"):
            await sessions.keyring.retire(old)
        await sessions.delete_session(broken)
        await sessions.keyring.retire(old)
        await opens_whole(sessions, {one: lines for one, lines in said.items() if one != broken})


async def test_a_message_that_does_not_open_stays_as_it_is(open_store: Opener, db_path: Path) -> None:
    """The deep form says so, moves the rest of the conversation, and the gap stays visible."""
    async with open_store(key=OLD) as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "one", "two")
    edit(db_path, "UPDATE message SET role = 3 WHERE id & 16777215 = 2")
    async with open_store(key=OLD) as sessions:
        await sessions.rotation.begin(sessions.kid, deep=True)
        step = await sessions.rotation.step()
        assert step.failed == (f"session {session.id}: 1 records do not open and stay as they are",)
        assert await texts(sessions, session.id) == ["one", "[message 2 is unreadable]", "two", "re: two"]


async def test_swapped_wrapped_keys_are_not_taken_over(open_store: Opener, db_path: Path) -> None:
    """A wrapped key in the place of another session's is left, and named."""
    async with open_store(key=OLD) as sessions:
        ids: Sequence[str] = list(await filled(sessions))[:2]
    found = [rows(db_path, "SELECT wrapped FROM session WHERE id = ?", one)[0][0] for one in ids]
    for one, wrapped in zip(ids, reversed(found), strict=True):
        edit(db_path, "UPDATE session SET wrapped = ? WHERE id = ?", wrapped, one)
    async with open_store(key=BOTH) as sessions:
        await sessions.rotation.begin(await sessions.keyring.adopt(RawKey(NEW)))
        step = await sessions.rotation.step()
        assert len(step.failed) == 2
        assert await sessions.rotation.end() == 2


def test_secrets_under_another_key_than_the_primary_one_are_noticed() -> None:
    """They change with the keyring, as one unit of work: anything else was put together by somebody."""
    from sessions.cipher import Entropy

    vault, foundation = Vault.found([RawKey(OLD)], 1_000, Entropy())
    foreign = {name: wrapped[:2] + bytes(8) + wrapped[10:] for name, wrapped in foundation.secrets.items()}
    with pytest.raises(Tampered, match="the keyring"):
        Vault.unlock(replace(foundation, secrets=foreign), [RawKey(OLD)], Entropy())
    assert Vault.unlock(foundation, [RawKey(OLD)], Entropy()).kid == vault.kid


async def test_two_rotations_at_once_both_come_to_their_end(open_store: Opener) -> None:
    """Whoever finds it done by the other is told that nothing is left."""
    async with open_store(key=OLD) as sessions:
        said = await filled(sessions)
        kid = await sessions.keyring.adopt(RawKey(NEW))

        async def go() -> int:
            await sessions.rotation.begin(kid, deep=True)
            after, done = 0, False
            while not done:
                step = await sessions.rotation.step(after, limit=1)
                after, done = step.after, step.done
            return await sessions.rotation.end()

        assert list(await asyncio.gather(go(), go())) == [0, 0]
        await opens_whole(sessions, said)
