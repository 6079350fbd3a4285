"""The audit: nothing that counts happens without an entry, and no entry is changed or lost unnoticed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sessions.audit import AuditKind, acting
from sessions.errors import NotFound, StoreFull
from sessions.manager import SessionManager
from tests.conftest import ManualClock
from tests.sessions.conftest import Opener, person, say
from tests.sessions.power import SQLITE_FULL, SQLITE_OK, Disk, put_in

ANN = person()


async def kinds(sessions: SessionManager) -> list[tuple[str | None, str | None]]:
    """Give kind and actor of all entries, oldest first."""
    return [(entry.kind, entry.by) for entry in reversed(await sessions.audit.newest(1_000))]


async def lived(sessions: SessionManager) -> None:
    """Do one of everything that is told of."""
    session = await sessions.get_or_create_session(ANN)
    await say(sessions, session.id, "one")
    checkpoint = await sessions.save_checkpoint(session.id, name="before")
    await say(sessions, session.id, "two")
    with acting("telegram:ann"):
        await sessions.restore_checkpoint(checkpoint.id)
        await sessions.export(session.id, format="json")
        await sessions.set_scope(ANN, "per-peer")
        await sessions.set_scope(ANN, "per-channel-peer")
        await sessions.reset(ANN)
        await sessions.new_session(ANN)
    await sessions.delete_session(session.id)


LIVED = [
    *((kind, "telegram:ann") for kind in ("restore", "export", "scope", "scope", "reset", "reset")),
    ("erasure", "program"),
]


async def test_each_thing_is_told_with_who_did_it(open_store: Opener, clock: ManualClock) -> None:
    """In the order in which it happened, with its time, and it is there after a restart."""
    async with open_store() as sessions:
        await lived(sessions)
        assert await kinds(sessions) == LIVED
    async with open_store() as sessions:
        assert await kinds(sessions) == LIVED
        newest = (await sessions.audit.newest(1))[0]
        assert newest.about["messages"] == 4
        assert newest.at.timestamp() == pytest.approx(clock(), abs=0.001)
        assert await sessions.audit.verify() == []
        assert await sessions.verify() == []


async def test_what_a_schedule_resets_is_told(clock: ManualClock) -> None:
    """The program did it."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock, idle_reset_minutes=5) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        clock.advance(3600)
        await sessions.sweep()
        entry = (await sessions.audit.newest())[0]
        assert (entry.kind, entry.by, entry.about["how"]) == ("reset", "program", "expire")
        assert entry.about["session"] == session.id


async def test_what_did_not_happen_is_not_told(open_store: Opener) -> None:
    """An act that fails leaves no entry, and the next one that works leaves its own."""
    disk = Disk()
    with put_in(disk):
        async with open_store() as sessions:
            await sessions.get_or_create_session(ANN)
            disk.refuse = lambda event: SQLITE_FULL if event.kind == "write" else SQLITE_OK
            with pytest.raises(StoreFull):
                await sessions.reset(ANN)
            disk.refuse = lambda event: SQLITE_OK
            assert await kinds(sessions) == []
            await sessions.reset(ANN)
            assert await kinds(sessions) == [("reset", "program")]
            assert await sessions.verify() == []


async def test_many_at_once_make_one_chain(open_store: Opener) -> None:
    """Entries that go into one transaction follow each other."""
    async with open_store() as sessions:
        await asyncio.gather(*(sessions.audit.note(AuditKind.READ, session=str(number)) for number in range(50)))
        assert sorted(int(str(e.about["session"])) for e in await sessions.audit.newest(99)) == list(range(50))
        assert await sessions.audit.verify() == []


DAMAGES = {
    "changed body": "UPDATE audit SET body = (SELECT body FROM audit WHERE number = 2) WHERE number = 3",
    "changed time": "UPDATE audit SET at = at + 1 WHERE number = 3",
    "removed from the middle": "DELETE FROM audit WHERE number = 3",
    "cut off": "DELETE FROM audit WHERE number > 4",
    "all of it removed": "DELETE FROM audit",
    "removed and closed up": (
        "DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3"
    ),
    "the beginning removed and closed up": "DELETE FROM audit WHERE number = 1; UPDATE audit SET number = number - 1",
    "the end told twice": "INSERT INTO audit SELECT number + 1, at, body, link FROM audit WHERE number = 7",
    "two that changed places": (
        "UPDATE audit SET number = 99 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3;"
        "UPDATE audit SET number = 3 WHERE number = 99"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_whatever_is_done_to_it_is_noticed(open_store: Opener, tmp_path: Path, damage: str) -> None:
    """By whoever can write to the file and has no key."""
    path = tmp_path / "audited.db"
    async with open_store(path=path) as sessions:
        await lived(sessions)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DAMAGES[damage])
    async with open_store(path=path) as sessions:
        problems = await sessions.audit.verify()
        assert len(problems) == 1
        assert problems[0].startswith("the audit: ")
        await sessions.audit.newest()  # what there is can still be listed
        assert problems[0] in await sessions.verify()


async def test_who_names_another_ones_conversation_is_told_of(clock: ManualClock) -> None:
    """The person hears what everybody hears of an id that there is not; one's own ids and slips are no entry."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock) as sessions:
        hers = await sessions.get_or_create_session(ANN)
        other = person("ben", chat="chat-2")
        await say(sessions, (await sessions.get_or_create_session(other)).id, "one")
        heard = []
        with acting("telegram:ben"):
            for which in (hers.id, "a" * 12, hers.id[:6]):
                with pytest.raises(NotFound) as error:
                    await sessions.find_session(other, which)
                heard.append(str(error.value).replace(which, "ID"))
        await sessions.find_session(ANN, hers.id)
        assert len(set(heard)) == 1
        (entry,) = await sessions.audit.newest()
        assert (entry.kind, entry.by, entry.about) == ("refused", "telegram:ben", {"session": hers.id})
