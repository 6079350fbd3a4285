"""Sharing: what one reads goes to those who are named, and to nobody else; a clone goes on by itself."""

from __future__ import annotations

import pytest

from sessions.errors import Ambiguous, InvalidValue, NotFound
from sessions.exchange.folder import INSIDE, FolderPlace
from sessions.exchange.place import Place
from sessions.message import Usage
from sessions.session import Status
from tests.sessions.conftest import person
from tests.sessions.exchange.conftest import ANN, Machine, Workshop

BOB = person("bob", platform="console", account="local", chat="console")


async def strangers(machines: list[Machine]) -> None:
    """Have them be people, and no machines of one of them."""
    for one in machines:
        own = await one.sessions.exchange.identity()
        for contact in await one.sessions.exchange.contacts.all():
            await one.sessions.exchange.contacts.add(contact.name, contact.public.line, mine=False, own=own)


async def test_a_shared_session_is_listed_on_both_sides_and_cloned(each_workshop: Workshop) -> None:
    """The clone is another session, and what is said in it stays there."""
    async with each_workshop.machines("ann", "bob", "eve") as machines:
        ann, bob, eve = machines
        await strangers(machines)
        ident = await ann.begins("one", "two", title="Plans")
        (shared,) = await ann.sessions.exchange.share(ann.place, ident, ["bob"], None)
        assert shared.id.startswith("shared-")
        for machine, outgoing, name in ((ann, True, "bob"), (bob, False, "ann")):
            (listed,), troubles = await machine.sessions.exchange.shared(machine.place)
            assert (listed.id, listed.outgoing, listed.name) == (shared.id, outgoing, name)
            assert (listed.title, listed.messages, listed.session, troubles) == ("Plans", 4, ident, [])
        assert (await eve.sessions.exchange.shared(eve.place)) == ([], [])
        with pytest.raises(NotFound):
            await eve.sessions.exchange.clone(eve.place, shared.id, None, BOB)
        session, name = await bob.sessions.exchange.clone(bob.place, shared.id, None, BOB)
        assert (name, session.title, session.status, session.metadata) == (
            "ann",
            "Plans",
            Status.PAUSED,
            {"shared_by": "ann"},
        )
        assert session.id != ident
        assert await bob.reads(session.id) == ["one", "two"]
        await bob.says(session.id, "three")
        await ann.says(ident, "four")
        assert await bob.reads(session.id) == ["one", "two", "three"]
        assert await ann.reads(ident) == ["one", "two", "four"]
        assert await bob.sessions.verify() == []
        kinds = [entry.kind for entry in await bob.sessions.audit.newest()]
        assert kinds[0] == "clone"
        assert (await ann.sessions.audit.newest())[0].kind == "share"


async def test_only_what_one_reads_is_shared(workshop: Workshop) -> None:
    """No side branch, checkpoint, address, author, platform's id, token count, tag or note of mine goes along."""
    async with workshop.machines("ann", "bob") as machines:
        ann, bob = machines
        ident = await ann.begins("one", "regretted")
        await ann.sessions.undo(ANN)
        await ann.sessions.update_session(ident, tags=["canary"], metadata={"canary": "note"})
        await ann.sessions.add_message(
            ident, role="user", content="two", author="Ann canary", metadata={"source": "canary"}
        )
        await ann.sessions.add_message(ident, role="assistant", content="re: two", usage=Usage(1, 2, 3))
        await ann.sessions.save_checkpoint(ident, name="canary")
        (shared,) = await ann.sessions.exchange.share(ann.place, ident, ["bob"], None)
        session, _ = await bob.sessions.exchange.clone(bob.place, shared.id, "ann", BOB)
        transcript = await bob.sessions.transcript(session.id)
        assert [one.message.content for one in transcript.stored] == ["one", "re: one", "two", "re: two"]
        assert "canary" not in repr(transcript)
        assert ANN.user_id not in repr(transcript.address)
        assert transcript.session.usage == Usage()


async def test_it_can_be_shared_again_and_taken_back(each_workshop: Workshop) -> None:
    """Sharing again takes the place of what was shared; what was taken back is not found any more."""
    async with each_workshop.machines("ann", "bob", "eve") as machines:
        ann, bob, _ = machines
        await strangers(machines)
        ident = await ann.begins("one")
        await ann.sessions.exchange.contacts.set_team("team", ["bob", "eve"])
        (first, _) = await ann.sessions.exchange.share(ann.place, ident, [], "team")
        await ann.says(ident, "two")
        (again, _) = await ann.sessions.exchange.share(ann.place, ident, ["bob"], "team")
        assert again.id == first.id
        ((listed,), _) = await bob.sessions.exchange.shared(bob.place)
        assert listed.messages == 4
        assert await ann.sessions.exchange.unshare(ann.place, ident, ["bob"], None) == (ident, ["bob"])
        assert await bob.sessions.exchange.shared(bob.place) == ([], [])
        ((left,), _) = await ann.sessions.exchange.shared(None)
        assert left.name == "eve"
        assert await ann.sessions.exchange.unshare(ann.place, ident, [], None) == (ident, ["eve"])
        for names in ([], ["bob"]):
            with pytest.raises(NotFound):
                await ann.sessions.exchange.unshare(ann.place, ident, names, None)


async def test_what_was_erased_can_still_be_taken_back(workshop: Workshop) -> None:
    """Nothing of its words is kept for that."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        ident = await ann.begins("one", title="Plans")
        await ann.sessions.exchange.share(ann.place, ident, ["bob"], None)
        await ann.sessions.delete_session(ident)
        ((listed,), _) = await ann.sessions.exchange.shared(None)
        assert (listed.session, listed.title) == (ident, None)
        assert await ann.sessions.exchange.unshare(ann.place, ident[:4], [], None) == (ident, ["bob"])
        assert await bob.sessions.exchange.shared(bob.place) == ([], [])


async def test_sharing_with_a_machine_of_mine_and_syncing_do_not_mix(workshop: Workshop) -> None:
    """A pull takes no share in, and a share is no state."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.sessions.exchange.share(desk.place, ident, ["laptop"], None)
        assert (await laptop.pull()).added == 0
        await desk.push()
        assert (await laptop.pull()).added == 1
        assert len((await laptop.sessions.exchange.shared(laptop.place))[0]) == 1


async def test_an_unknown_or_doubtful_name_is_an_error(workshop: Workshop) -> None:
    """Nothing is shared then."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        ident = await ann.begins("one")
        for names, team in ((["carl"], None), (["bob"], "team")):
            with pytest.raises(NotFound):
                await ann.sessions.exchange.share(ann.place, ident, names, team)
        assert await ann.sessions.exchange.shared(ann.place) == ([], [])
        with pytest.raises(NotFound):
            await ann.sessions.exchange.share(ann.place, "aaaaaaaaaaaa", ["bob"], None)
        for number in range(20):
            other = await ann.begins(f"{number}")
            await ann.sessions.exchange.share(ann.place, other, ["bob"], None)
        with pytest.raises(InvalidValue):
            await bob.sessions.exchange.clone(bob.place, "shared-", None, BOB)
        listed, _ = await bob.sessions.exchange.shared(bob.place)
        beginnings = [one.id[7] for one in listed]
        twice = next(letter for letter in beginnings if beginnings.count(letter) > 1)
        with pytest.raises(Ambiguous):
            await bob.sessions.exchange.clone(bob.place, f"shared-{twice}", None, BOB)
        with pytest.raises(NotFound):
            await bob.sessions.exchange.clone(bob.place, "shared-zzz", None, BOB)


async def test_a_share_that_was_changed_is_left_out_and_told_of(workshop: Workshop) -> None:
    """The others are listed all the same, and it can not be cloned."""
    async with workshop.machines("ann", "bob") as (ann, bob):
        first, second = await ann.begins("one"), await ann.begins("two")
        (bad,) = await ann.sessions.exchange.share(ann.place, first, ["bob"], None)
        (good,) = await ann.sessions.exchange.share(ann.place, second, ["bob"], None)
        spoil(ann.place, bad.id)
        (listed,), troubles = await bob.sessions.exchange.shared(bob.place)
        assert listed.id == good.id
        assert len(troubles) == 1
        with pytest.raises(NotFound):
            await bob.sessions.exchange.clone(bob.place, bad.id, None, BOB)


def spoil(place: Place, shared_id: str) -> None:
    assert isinstance(place, FolderPlace)
    root = place._path / INSIDE
    (path,) = [path for path in root.rglob("*") if path.name.startswith(shared_id.removeprefix("shared-"))]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
