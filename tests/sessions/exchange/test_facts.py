"""Titles, models, tags and metadata of two machines become one, and nothing that lost is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sessions.exchange.facts import Facts, Stamps, decode_stamps, encode_stamps, merged, observed
from sessions.exchange.trouble import BadBundle
from sessions.message import JsonValue
from tests.sessions.exchange.conftest import Workshop


def facts(title: str | None = None, tags: tuple[str, ...] = (), **metadata: JsonValue) -> Facts:
    return Facts(title, None, tags, metadata)


BASE = facts("base", ("a", "b"), same=1, changed=1, removed=1)
KNOWN = observed({}, BASE, 10)


def test_what_one_side_changed_is_taken() -> None:
    """Also what it removed, and whoever merges."""
    other = facts("other", ("b", "c"), same=1, changed=2, added=1)
    told = observed(KNOWN, other, 20)
    assert merged(BASE, other, KNOWN, told) == (other, told)
    found, stamps = merged(other, BASE, told, KNOWN)
    assert (found, stamps) == (other, told)


def test_of_what_both_changed_the_later_counts_and_the_other_is_kept() -> None:
    """By the machine whose value has lost, in the metadata, under `sync.` and its name."""
    ours, theirs = facts("ours", changed=2), facts("theirs", changed=3)
    earlier, later = observed(KNOWN, ours, 20), observed(KNOWN, theirs, 30)
    found, stamps = merged(ours, theirs, earlier, later)
    assert found.title == "theirs"
    assert found.metadata == {"changed": 3, "sync.title": "ours", "sync.changed": 2}
    winner, _ = merged(theirs, ours, later, earlier)
    assert winner == theirs
    assert merged(winner, found, later, stamps)[0].plain() == found.plain()


def test_a_change_of_what_is_known_there_is_no_conflict() -> None:
    """What was replaced by somebody who knew it is not kept, also after several changes."""
    first = observed({}, facts("one"), 1)
    third = observed(observed(first, facts("two"), 2), facts("three"), 3)
    assert merged(facts("one"), facts("three"), first, third)[0] == facts("three")


def test_of_changes_at_the_same_moment_all_choose_the_same() -> None:
    """By their digests."""
    one, other = observed(KNOWN, facts("one"), 20), observed(KNOWN, facts("other"), 20)
    assert (
        merged(facts("one"), facts("other"), one, other)[0].title
        == merged(facts("other"), facts("one"), other, one)[0].title
    )


def test_tags_of_both_are_kept_and_a_removed_one_is_gone() -> None:
    """Each is told of by itself."""
    ours, theirs = facts(tags=("a", "x")), facts(tags=("a", "b", "y"))
    found, _ = merged(ours, theirs, observed(KNOWN, ours, 20), observed(KNOWN, theirs, 20))
    assert found.tags == ("a", "x", "y")


NAMES = some.sampled_from(["k", "l"])
ANY = some.builds(
    Facts,
    some.none() | some.sampled_from(["t", "u"]),
    some.none() | some.just("m"),
    some.lists(NAMES, unique=True).map(tuple),
    some.dictionaries(NAMES, some.integers(0, 2)),
)
CHANGES = some.lists(some.tuples(some.integers(0, 2), some.integers(0, 2), ANY), max_size=12)


@given(CHANGES)
def test_machines_that_tell_each_other_come_to_the_same(changes: list[tuple[int, int, Facts]]) -> None:
    """Three machines change facts, hear of another's now and then, and in the end of all."""
    machines: list[tuple[Facts, Stamps]] = [(facts(), {}) for _ in range(3)]

    def hears(one: int, other: int) -> None:
        (ours, known), (theirs, told) = machines[one], machines[other]
        machines[one] = merged(ours, theirs, known, told)

    for number, (one, other, new) in enumerate(changes):
        machines[one] = (new, observed(machines[one][1], new, number // 3))
        if one != other:
            hears(other, one)
    for _ in range(4):
        for one in range(3):
            hears(one, (one + 1) % 3)
    assert machines[0][0].plain() == machines[1][0].plain() == machines[2][0].plain()
    assert [{name: stamp[:2] for name, stamp in stamps.items()} for _, stamps in machines[:2]] == [
        {name: stamp[:2] for name, stamp in machines[2][1].items()}
    ] * 2


@given(ANY, some.integers(0, 1 << 50))
def test_stamps_are_written_and_read(found: Facts, at: int) -> None:
    """As JSON; what is none is refused."""
    stamps = observed(KNOWN, found, at)
    assert decode_stamps(json.loads(json.dumps(encode_stamps(stamps)))) == stamps


@pytest.mark.parametrize(
    "said", [None, [], {"title": 1}, {"title": [-1, ""]}, {"title": [True, ""]}, {"title": [1, 2]}]
)
def test_what_are_no_stamps_is_refused(said: object) -> None:
    """Whatever else it is."""
    with pytest.raises(BadBundle):
        decode_stamps(said)


async def test_a_new_title_goes_over_and_an_old_one_does_not_come_back(each_workshop: Workshop) -> None:
    """One side renames, tags and notes something; nothing is left under `sync.`."""
    async with each_workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", title="First")
        await desk.sessions.update_session(ident, tags=["a"], metadata={"project": "x"})
        await desk.push()
        await laptop.pull()
        await laptop.sessions.update_session(ident, title="Second", tags=["b"], model="m", metadata={"points": 5})
        await laptop.push()
        await desk.pull()
        for one in (desk, laptop):
            session = await one.session(ident)
            assert (session.title, session.tags, session.model) == ("Second", ("b",), "m")
            assert session.metadata == {"points": 5}
        await desk.push()
        await laptop.pull()
        assert (await laptop.session(ident)).title == "Second"


async def test_titles_that_both_changed_become_one_and_the_other_is_kept(workshop: Workshop) -> None:
    """On both machines the same, whichever pulls first."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", title="First")
        await desk.push()
        await laptop.pull()
        desk.clock.advance(1)
        await desk.sessions.update_session(ident, title="Desk")
        desk.clock.advance(10)
        await laptop.sessions.update_session(ident, title="Laptop")
        await desk.push()
        await laptop.push()
        await desk.pull()
        await laptop.pull()
        for _ in range(2):
            for one in (desk, laptop):
                await one.push()
                await one.pull()
        for one in (desk, laptop):
            session = await one.session(ident)
            assert session.title == "Laptop"
            assert session.metadata == {"sync.title": "Desk"}
        assert (await desk.push()).bundles == (await laptop.push()).bundles == 0
