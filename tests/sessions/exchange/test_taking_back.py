"""What was shared can be taken back also from somebody who is not known any more."""

from __future__ import annotations

import pytest

from sessions.errors import NotFound
from sessions.exchange.folder import FolderPlace
from tests.sessions.exchange.conftest import Machine, Workshop
from tests.sessions.exchange.test_attacker import files


async def shared_with_bob(ann: Machine, bob: Machine) -> str:
    """Share a conversation, and have bob know of it."""
    ident = await ann.begins("one", title="Plans")
    await ann.sessions.exchange.share(ann.place, ident, ["bob"], None)
    assert len((await bob.sessions.exchange.shared(bob.place))[0]) == 1
    return ident


@pytest.mark.parametrize("names", [[], ["bob"], ["BOB"]])
async def test_somebody_who_is_not_known_any_more_loses_it(workshop: Workshop, names: list[str]) -> None:
    """Whether they are named or not: their bundle leaves the place."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        ident = await shared_with_bob(ann, bob)
        gone, left = await ann.sessions.exchange.remove_contact("bob")
        assert (gone.name, left) == ("bob", [ident])
        ((listed,), _) = await ann.sessions.exchange.shared(None)
        assert (listed.name, listed.session) == ("bob", ident)
        assert await ann.sessions.exchange.unshare(ann.place, ident, names, None) == (ident, ["bob"])
        assert files(ann) == []
        assert await ann.sessions.exchange.shared(None) == ([], [])
        assert await bob.sessions.exchange.shared(bob.place) == ([], [])
        with pytest.raises(NotFound):
            await ann.sessions.exchange.unshare(ann.place, ident, names, None)


async def test_the_id_that_is_listed_stays_the_same(workshop: Workshop) -> None:
    """Removing the contact changes nothing of it."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        await shared_with_bob(ann, bob)
        ((before,), _) = await ann.sessions.exchange.shared(None)
        await ann.sessions.exchange.remove_contact("bob")
        assert await ann.sessions.exchange.shared(None) == ([before], [])


async def test_a_name_that_somebody_else_has_now_takes_back_from_both(workshop: Workshop) -> None:
    """The one who is known by it goes first; without a name all go."""
    async with workshop.machines("ann", "bob", "eve") as (ann, bob, eve):
        ident = await shared_with_bob(ann, bob)
        exchange = ann.sessions.exchange
        await exchange.remove_contact("bob")
        await exchange.remove_contact("eve")
        line, own = (await eve.sessions.exchange.identity()).line, await exchange.identity()
        await exchange.contacts.add("bob", line, mine=False, own=own)
        await exchange.share(ann.place, ident, ["bob"], None)
        assert len(files(ann)) == 2
        assert await exchange.unshare(ann.place, ident, ["bob"], None) == (ident, ["bob"])
        assert len((await bob.sessions.exchange.shared(bob.place))[0]) == 1
        assert await eve.sessions.exchange.shared(eve.place) == ([], [])
        assert await exchange.unshare(ann.place, ident, ["bob"], None) == (ident, ["bob"])
        assert files(ann) == []


async def test_a_name_that_never_was_is_not_found(workshop: Workshop) -> None:
    """Nothing is taken back then."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        ident = await shared_with_bob(ann, bob)
        await ann.sessions.exchange.remove_contact("bob")
        with pytest.raises(NotFound, match="contact: carl"):
            await ann.sessions.exchange.unshare(ann.place, ident, ["carl", "bob"], None)
        assert len(files(ann)) == 1


async def test_where_the_place_fails_it_can_be_taken_back_later(workshop: Workshop) -> None:
    """It is still listed."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        ident = await shared_with_bob(ann, bob)
        await ann.sessions.exchange.remove_contact("bob")
        with pytest.raises(OSError, match="no such stick"):
            await ann.sessions.exchange.unshare(Broken(workshop.folder), ident, [], None)
        assert await ann.sessions.exchange.unshare(ann.place, ident, [], None) == (ident, ["bob"])


async def test_what_is_shared_again_is_newer_whatever_the_clock_says(workshop: Workshop) -> None:
    """Also after it was taken back, and with a clock that went back: the other one takes it for no replay."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        ident = await shared_with_bob(ann, bob)
        await ann.sessions.exchange.unshare(ann.place, ident, [], None)
        workshop.clock.advance(-3600)
        await ann.sessions.exchange.share(ann.place, ident, ["bob"], None)
        (listed,), troubles = await bob.sessions.exchange.shared(bob.place)
        assert (listed.session, troubles) == (ident, [])


class Broken(FolderPlace):
    """A place that nothing can be taken from."""

    async def remove(self, box: str, slot: str) -> None:
        raise OSError("no such stick")
