"""The exchange identity of an installation, and whom it knows."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from sessions.errors import InvalidValue, NotFound, VaultError
from sessions.exchange.identity import Identity
from sessions.exchange.identity_keeper import PURPOSE
from sessions.keys import RawKey
from sessions.manager import SessionManager
from sessions.store import Store
from sessions.store_copy import StoreCopy, both_open
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, OTHER_KEY
from tests.sessions.exchange.conftest import Workshop

ANN, BOB = (Identity(bytes([number]) * 32).public for number in (1, 2))


def opened(store: Store, clock: ManualClock, *keys: bytes) -> SessionManager:
    return SessionManager.open(store=store, encryption_key=[RawKey(key) for key in keys or (KEY,)], clock=clock)


async def test_it_is_made_once_and_stays(workshop: Workshop) -> None:
    """Also if two ask at the same moment; another installation has another one."""
    async with opened(workshop.store("a"), workshop.clock) as sessions:
        first, second = await asyncio.gather(sessions.exchange.identity(), sessions.exchange.identity())
        assert first == second
    async with opened(workshop.store("a"), workshop.clock) as sessions:
        assert await sessions.exchange.identity() == first
        assert await sessions.verify() == []
    async with opened(workshop.store("b"), workshop.clock) as sessions:
        assert await sessions.exchange.identity() != first


async def test_it_stays_when_the_master_key_changes(each_workshop: Workshop) -> None:
    """It is wrapped anew with the other keys of the installation, and opens with the new one alone."""
    store = each_workshop.store("a")
    async with opened(store, each_workshop.clock) as sessions:
        before = await sessions.exchange.identity()
    async with opened(each_workshop.again(store), each_workshop.clock, KEY, OTHER_KEY) as sessions:
        kid = await sessions.keyring.adopt(RawKey(OTHER_KEY))
        await sessions.rotation.begin(kid)
        while not (step := await sessions.rotation.step()).done:
            assert not step.failed
        await sessions.rotation.end()
        (old,) = [key.kid for key in await sessions.keyring.standing() if key.kid != kid]
        await sessions.keyring.retire(old)
    async with opened(each_workshop.again(store), each_workshop.clock, OTHER_KEY) as sessions:
        assert await sessions.exchange.identity() == before
        assert [found async for found in sessions.keyring.verify()] == []


async def test_it_goes_with_a_copy_of_the_store(workshop: Workshop) -> None:
    """Also into one that was copied before it was made."""
    async with opened(workshop.store("a"), workshop.clock):
        pass
    await copied(workshop)
    async with opened(workshop.store("a"), workshop.clock) as sessions:
        identity = await sessions.exchange.identity()
    await copied(workshop)
    async with opened(workshop.store("b"), workshop.clock) as sessions:
        assert await sessions.exchange.identity() == identity


async def copied(workshop: Workshop) -> None:
    ours, theirs = workshop.store("a", read_only=True), workshop.store("b")
    async with both_open(ours, theirs, [RawKey(KEY)]) as census:
        await StoreCopy(ours, theirs, census, None).run()


async def test_a_changed_one_is_noticed(workshop: Workshop) -> None:
    """A wrapped seed of another installation does not open."""
    wrapped = []
    for name in ("a", "b"):
        async with opened(workshop.store(name), workshop.clock) as sessions:
            await sessions.exchange.identity()
        with closing(sqlite3.connect(workshop.folder / name / "palaver.db")) as file:
            wrapped += file.execute("SELECT wrapped FROM secret WHERE purpose = ?", (PURPOSE,)).fetchone()
    with closing(sqlite3.connect(workshop.folder / "a" / "palaver.db")) as file, file:
        file.execute("UPDATE secret SET wrapped = ? WHERE purpose = ?", (wrapped[1], PURPOSE))
    with pytest.raises(VaultError):
        async with opened(workshop.store("a"), workshop.clock) as sessions:
            await sessions.exchange.identity()


async def test_contacts_come_and_go(each_workshop: Workshop) -> None:
    """They are found whatever the case, and are there after a restart."""
    store = each_workshop.store("a")
    async with opened(store, each_workshop.clock) as sessions:
        contacts, own = sessions.exchange.contacts, await sessions.exchange.identity()
        await contacts.add("Ann", ANN.line, mine=False, own=own)
        await contacts.add("bob", BOB.line, mine=True, own=own)
        await contacts.set_team("Friends", ["BOB", "ann", "bob"])
    async with opened(each_workshop.again(store), each_workshop.clock) as sessions:
        contacts = sessions.exchange.contacts
        assert [(one.name, one.public, one.mine) for one in await contacts.all()] == [
            ("Ann", ANN, False),
            ("bob", BOB, True),
        ]
        assert (await contacts.find("ANN")).public == ANN
        assert [one.name for one in await contacts.of(["ann"], "friends")] == ["Ann", "bob"]
        await contacts.remove("ann")
        assert (await contacts.team("FRIENDS")).members == ("bob",)
        await contacts.remove_team("friends")
        for missing in (contacts.find("ann"), contacts.team("friends"), contacts.of([], "friends")):
            with pytest.raises(NotFound):
                await missing
        assert await sessions.verify() == []


async def test_a_name_keeps_its_identity(workshop: Workshop) -> None:
    """A line that somebody slipped in can not take the place of a known one; nor is anybody known twice, or myself."""
    async with opened(workshop.store("a"), workshop.clock) as sessions:
        contacts, own = sessions.exchange.contacts, await sessions.exchange.identity()
        await contacts.add("ann", ANN.line, mine=False, own=own)
        for name, line in (("ANN", BOB.line), ("other", ANN.line), ("me", own.line), ("", BOB.line)):
            with pytest.raises(InvalidValue):
                await contacts.add(name, line, mine=False, own=own)
        with pytest.raises(InvalidValue):
            await contacts.set_team("empty", [])
        again = await contacts.add("ann", ANN.line, mine=True, own=own)
        assert again.mine
        assert len(await contacts.all()) == 1
