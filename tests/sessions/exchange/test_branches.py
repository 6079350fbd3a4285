"""Machines that went on from the same message: nothing is overwritten, the other side becomes a branch."""

from __future__ import annotations

import shutil

from sessions.errors import SessionError
from sessions.manager import SessionManager
from tests.sessions.conftest import KEY
from tests.sessions.exchange.conftest import ANN, Machine, Workshop, introduce


async def test_a_new_session_comes_with_its_id_and_a_longer_one_is_continued(each_workshop: Workshop) -> None:
    """It goes to the other machine and back as if there was one."""
    async with each_workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", title="Plans")
        assert (await desk.push()).sessions == 1
        pulled = await laptop.pull()
        assert (pulled.added, pulled.messages, pulled.ids) == (1, 2, [ident])
        assert (await laptop.session(ident)).title == "Plans"
        assert await laptop.reads(ident) == ["one"]
        await laptop.says(ident, "two", "three")
        assert (await laptop.push()).sessions == 1
        pulled = await desk.pull()
        assert (pulled.continued, pulled.branched, pulled.messages) == (1, 0, 4)
        assert await desk.reads(ident) == ["one", "two", "three"]
        assert await desk.branches(ident) == []
        assert await desk.sessions.verify() == await laptop.sessions.verify() == []


async def test_the_same_pull_twice_changes_nothing_and_nothing_is_sent_back(each_workshop: Workshop) -> None:
    """Also when everything is looked at again from the beginning; when both have the same nothing goes out."""
    async with each_workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        before = await laptop.sessions.transcript(ident, exported_at=(await laptop.session(ident)).created_at)
        for force in (False, True):
            pulled = await laptop.pull(force=force)
            assert (pulled.added, pulled.continued, pulled.messages) == (0, 0, 0)
        assert before == await laptop.sessions.transcript(ident, exported_at=before.exported_at)
        assert (await laptop.push()).bundles == 0
        assert (await desk.push()).bundles == 0
        assert (await desk.push(force=True)).bundles == 1


async def test_both_went_on_from_the_same_message_twice_in_a_row(each_workshop: Workshop) -> None:
    """Each reads on where it was; the other's words are a checkpoint away, and both have everything in the end."""
    async with each_workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        for turn in ("a", "b"):
            await desk.says(ident, f"desk {turn}")
            await laptop.says(ident, f"laptop {turn}")
            await desk.push()
            await laptop.push()
            assert (await desk.pull()).branched == (await laptop.pull()).branched == 1
        assert await desk.reads(ident) == ["one", "desk a", "desk b"]
        assert await laptop.reads(ident) == ["one", "laptop a", "laptop b"]
        assert await desk.branches(ident) == [["one", "laptop a"], ["one", "laptop a", "laptop b"]]
        assert await laptop.branches(ident) == [["one", "desk a"], ["one", "desk a", "desk b"]]
        for _ in range(2):
            for one in (desk, laptop):
                await one.push()
            for one in (desk, laptop):
                assert (await one.pull()).messages == 0
        assert [len((await one.sessions.transcript(ident)).stored) for one in (desk, laptop)] == [10, 10]
        assert await desk.sessions.verify() == await laptop.sessions.verify() == []


async def test_three_machines_went_on_from_the_same_message(each_workshop: Workshop) -> None:
    """Whatever the order, each has all three continuations once, and stays where it was."""
    async with each_workshop.machines("desk", "laptop", "phone") as machines:
        desk, laptop, phone = machines
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await phone.pull()
        for one in machines:
            await one.says(ident, one.name)
        await laptop.push()
        await phone.pull()
        await phone.push()
        await desk.pull()
        await desk.push()
        for _ in range(2):
            for one in machines:
                await one.pull()
                await one.push()
        for one in machines:
            assert await one.reads(ident) == ["one", one.name]
            others = sorted([["one", other.name] for other in machines if other is not one])
            assert sorted(await one.branches(ident)) == others
            assert len((await one.sessions.transcript(ident)).stored) == 8
            assert await one.sessions.verify() == []
        for one in machines:  # and then there is rest
            await one.pull()
            assert (await one.push()).bundles == 0


async def test_what_went_on_one_machine_is_followed_by_way_of_a_third(workshop: Workshop) -> None:
    """Also if nothing was ever heard of it from the machine it was said on."""
    async with workshop.machines("desk", "laptop", "phone") as (desk, laptop, phone):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await laptop.says(ident, "two")
        await laptop.push()
        await phone.pull()
        await phone.says(ident, "three")
        await phone.push()
        await desk.pull()
        assert await desk.reads(ident) == ["one", "two", "three"]
        assert await desk.branches(ident) == []


async def test_who_went_back_here_stays_there(workshop: Workshop) -> None:
    """An undo here is not done again by what the other machine went on with; that is a branch."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", "two")
        await desk.push()
        await laptop.pull()
        await laptop.push(force=True)
        await desk.pull()
        await desk.sessions.undo(ANN)
        await laptop.says(ident, "three")
        await laptop.push()
        await desk.pull()
        assert await desk.reads(ident) == ["one"]
        assert await desk.branches(ident) == [["one", "two", "three"]]


async def test_an_undo_there_is_followed_here_if_nothing_was_said_since(workshop: Workshop) -> None:
    """And can be taken back here, as any step."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", "two")
        await desk.push()
        await laptop.pull()
        await laptop.push(force=True)
        await desk.pull()
        await laptop.sessions.undo(ANN)
        await laptop.says(ident, "other")
        await laptop.push()
        await desk.pull()
        assert await desk.reads(ident) == ["one", "other"]
        await desk.sessions.undo(ANN)
        assert await desk.reads(ident) == ["one", "two"]


async def test_a_fork_is_merged_as_well(each_workshop: Workshop) -> None:
    """What it shares with another session is not doubled, also where the branch leaves from there."""
    async with each_workshop.machines("desk", "laptop") as (desk, laptop):
        first = await desk.begins("one", "two")
        fork = (await desk.sessions.fork(first)).id
        await desk.says(fork, "three")
        await desk.push()
        assert (await laptop.pull()).added == 2
        assert await laptop.reads(fork) == ["one", "two", "three"]
        await laptop.sessions.switch_session(ANN, fork)
        await laptop.sessions.undo(ANN, steps=2)
        await laptop.says(fork, "other")
        await laptop.push()
        await desk.says(fork, "four")
        await desk.pull()
        assert await desk.reads(fork) == ["one", "two", "three", "four"]
        assert await desk.branches(fork) == [["one", "other"]]
        assert (await desk.pull(force=True)).messages == 0
        assert await desk.sessions.verify() == await laptop.sessions.verify() == []


async def test_an_edited_message_is_edited_there(workshop: Workshop) -> None:
    """The older text is replaced on the other machine and does not come back from there."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins()
        await desk.sessions.add_message(ident, role="user", content="old", metadata={"source": "s1"})
        await desk.sessions.add_message(ident, role="assistant", content="reply")
        await desk.push()
        await laptop.pull()
        desk.clock.advance(1)
        assert await desk.sessions.revise_message(ANN, source="s1", content="new")
        await laptop.says(ident, "more")
        await desk.push()
        await laptop.pull()
        assert await laptop.reads(ident) == ["new", "more"]
        await laptop.push()
        await desk.pull()
        assert await desk.reads(ident) == ["new", "more"]
        for one in (desk, laptop):
            assert "old" not in [m.message.content for m in (await one.sessions.transcript(ident)).stored]
            assert await one.sessions.verify() == []


async def test_a_message_that_a_fork_shares_is_edited_on_both_sides(workshop: Workshop) -> None:
    """Whichever of them holds it in common, and whichever has it twice."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        first = await desk.begins()
        await desk.sessions.add_message(first, role="user", content="old", metadata={"source": "s1"})
        await desk.sessions.add_message(first, role="assistant", content="reply")
        fork = (await desk.sessions.fork(first)).id
        await desk.says(fork, "more")
        await desk.push()
        await laptop.pull()
        desk.clock.advance(1)
        assert await desk.sessions.revise_message(ANN, source="s1", content="new")
        await desk.push()
        await laptop.pull()
        for ident in (first, fork):
            assert (await laptop.reads(ident))[0] == "new"
        laptop.clock.advance(1)
        await laptop.sessions.switch_session(ANN, fork)
        assert await laptop.sessions.revise_message(ANN, source="s1", content="newest")
        await laptop.push()
        await desk.pull()
        assert await desk.reads(fork) == ["newest", "more"]
        assert await desk.reads(first) == ["newest"]
        for one in (desk, laptop):
            assert await one.sessions.verify() == []


async def test_named_checkpoints_come_along_once_and_one_that_was_deleted_stays_away(workshop: Workshop) -> None:
    """Their numbers may differ; the places are the same."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await desk.sessions.save_checkpoint(ident, name="here", description="why")
        await desk.says(ident, "two")
        await desk.push()
        await laptop.pull()
        (point,) = await laptop.sessions.list_checkpoints(ident)
        assert (point.name, point.description, point.message_count) == ("here", "why", 2)
        await laptop.pull(force=True)
        assert len(await laptop.sessions.list_checkpoints(ident)) == 1
        await laptop.sessions.delete_checkpoint(point.id)
        await laptop.pull(force=True)
        assert await laptop.sessions.list_checkpoints(ident) == []


async def test_many_messages_at_once_are_added_in_order(workshop: Workshop) -> None:
    """More than go into one unit of work."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        for number in range(1_200):
            await desk.sessions.add_message(ident, role="user", content=f"{number}")
        await desk.push()
        assert (await laptop.pull()).messages == 1_200
        history = await laptop.sessions.get_history(ident, limit=None)
        assert [message.content for message in history[2:]] == [f"{number}" for number in range(1_200)]
        assert [message.seq for message in history] == list(range(1, 1_203))
        assert await laptop.sessions.verify() == []


async def test_a_store_that_was_put_back_is_still_heard(workshop: Workshop) -> None:
    """What is said in an older copy of a store goes out, and what was said in the newer one is not lost."""

    def opened(name: str) -> SessionManager:
        return SessionManager.open(store=workshop.store(name), encryption_key=KEY, clock=workshop.clock)

    async with opened("laptop") as second:
        laptop = Machine("laptop", second, workshop.place(), workshop.clock)
        async with opened("desk") as first:
            desk = Machine("desk", first, workshop.place(), workshop.clock)
            await introduce([desk, laptop])
            ident = await desk.begins("one")
            await desk.push()
        shutil.copytree(workshop.folder / "desk", workshop.folder / "backup")
        async with opened("desk") as first:
            desk = Machine("desk", first, workshop.place(), workshop.clock)
            await desk.push(force=True)
            await desk.says(ident, "newer")
            await desk.push()
        await laptop.pull()
        workshop.clock.advance(60)
        async with opened("backup") as first:
            desk = Machine("desk", first, workshop.place(), workshop.clock)
            await desk.says(ident, "other")
            await desk.push()
            await laptop.pull()
            assert await laptop.reads(ident) == ["one", "other"]
            await laptop.sessions.undo(ANN)
            assert await laptop.reads(ident) == ["one", "newer"]
            await laptop.push()
            await desk.pull()
            assert len((await desk.sessions.transcript(ident)).stored) == 6


async def test_somebody_who_is_being_answered_is_not_disturbed(workshop: Workshop) -> None:
    """The session waits for the next pull."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await desk.says(ident, "two")
        await desk.push()
        async with laptop.sessions.lanes.enter(ident, "ann"):
            pulled = await laptop.sessions.exchange.pull(laptop.place)
        assert len(pulled.troubles) == 1
        assert await laptop.reads(ident) == ["one"]
        await laptop.pull()
        assert await laptop.reads(ident) == ["one", "two"]


async def test_a_damaged_session_stays_where_it_is(workshop: Workshop) -> None:
    """It is told of, and all others go."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        bad, good = await desk.begins("bad"), await desk.begins("good")
        await desk.sessions._store._writer.submit(  # type: ignore[attr-defined]
            lambda connection: connection.execute("UPDATE message SET body = zeroblob(90) WHERE id = 1 << 24 | 1")
        )
        pushed = await desk.sessions.exchange.push(desk.place)
        assert (pushed.sessions, len(pushed.troubles)) == (1, 1)
        assert bad in pushed.troubles[0]
        assert (await laptop.pull()).ids == [good]
        try:
            await laptop.session(bad)
        except SessionError:
            return
        raise AssertionError
