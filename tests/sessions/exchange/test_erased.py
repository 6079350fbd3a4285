"""Erased sessions: what was erased here stays so, and is erased on my other machines unless it went on there."""

from __future__ import annotations

from sessions.exchange.ledger import ERASED, Ledger
from tests.sessions.exchange.conftest import ANN, Machine, Workshop


async def is_there(machine: Machine, ident: str) -> bool:
    return ident in [session.id for session in await machine.sessions.list_sessions(ANN)]


async def test_a_pull_does_not_bring_back_what_was_erased_here(each_workshop: Workshop) -> None:
    """Also if it went on on the other machine, and if everything is looked at again."""
    async with each_workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await laptop.sessions.delete_session(ident)
        await desk.says(ident, "two")
        await desk.push(force=True)
        for force in (False, True):
            assert (await laptop.pull(force=force)).added == 0
        assert not await is_there(laptop, ident)


async def test_an_erased_session_is_erased_on_the_other_machines(each_workshop: Workshop) -> None:
    """Also on one that heard of it by way of another; and then there is rest."""
    async with each_workshop.machines("desk", "laptop", "phone") as machines:
        desk, laptop, phone = machines
        ident = await desk.begins("one")
        for _ in range(2):
            for one in machines:
                await one.pull()
                await one.push()
        assert await is_there(phone, ident)
        await desk.sessions.delete_session(ident)
        assert (await desk.push()).erased == 1
        assert (await laptop.pull()).erased == 1
        await laptop.push()
        assert (await phone.pull()).erased == 1
        for _ in range(2):
            for one in machines:
                assert (await one.pull()).added == 0
                await one.push()
        for one in machines:
            assert not await is_there(one, ident)
            assert (await one.push()).bundles == 0
            assert await one.sessions.verify() == []


async def test_what_went_on_there_is_kept_there(workshop: Workshop) -> None:
    """Words that the one who erased it never saw are not erased with it; it does not come back there either."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await laptop.says(ident, "two")
        await desk.sessions.delete_session(ident)
        await desk.push()
        pulled = await laptop.pull()
        assert (pulled.erased, pulled.kept) == (0, 1)
        assert await laptop.reads(ident) == ["one", "two"]
        assert (await laptop.pull()).kept == 0
        await laptop.push()
        await desk.pull()
        assert not await is_there(desk, ident)


async def test_what_the_other_had_seen_is_erased(workshop: Workshop) -> None:
    """The twin: once the desk has read the laptop's words, its tombstone holds for them as well."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await laptop.says(ident, "two")
        await laptop.push()
        await desk.pull()
        await desk.sessions.delete_session(ident)
        await desk.push()
        assert (await laptop.pull()).erased == 1


async def test_an_erased_session_that_is_imported_anew_goes_out_again(workshop: Workshop) -> None:
    """Who brings it back by hand means it."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        kept = await desk.sessions.transcript(ident)
        await desk.push()
        await laptop.pull()
        await desk.sessions.delete_session(ident)
        await desk.push()
        await desk.sessions.import_session(kept, address=ANN)
        assert (await desk.push()).sessions == 1


async def test_a_session_that_was_never_exchanged_leaves_no_tombstone(workshop: Workshop) -> None:
    """Nobody else knows of it."""
    async with workshop.machines("desk", "laptop") as (desk, _laptop):
        ident = await desk.begins("one")
        await desk.sessions.delete_session(ident)
        assert (await desk.push()).bundles == 0


async def test_nothing_that_was_said_is_kept_of_an_erased_session(workshop: Workshop) -> None:
    """Not even as a digest: the ledger knows that it was here, and no more."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", title="Plans")
        for one in (desk, laptop, desk):
            await one.pull()
            await one.push(force=True)
        await desk.sessions.delete_session(ident)
        await desk.push()
        await laptop.pull()
        for one in (desk, laptop):
            record = await Ledger(one.sessions._parts.preferences).record(ident)
            assert record.gone
            (standing,) = record.peers.values()
            assert {standing.sent, standing.told} <= {"", ERASED}
            assert (standing.told_head, record.stamps) == ("", {})
