"""Every conversation of an installation, found by those who run it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sessions.catalogue import SortBy, Wanted
from sessions.errors import Ambiguous, InvalidValue, NotFound
from sessions.manager import SessionManager
from sessions.message import Usage
from sessions.session import Status
from tests.conftest import ManualClock
from tests.sessions.conftest import Opener, person, say

DAY = 86_400.0
PEOPLE = ("ann", "ben", "cleo")


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    """Three people with one conversation each, a day apart, the older the longer."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock, backend="echo") as sessions:
        for number, name in enumerate(PEOPLE):
            platform = "discord" if name == "cleo" else "telegram"
            session = await sessions.get_or_create_session(person(name, chat=name, platform=platform))
            await sessions.update_session(session.id, title=f"{'zyx'[number]} of {name}", tags=["all", name])
            await sessions.add_message(session.id, role="assistant", content="hello", usage=Usage(number, 7))
            await say(sessions, session.id, *["words"] * (3 - number))
            clock.advance(DAY)
        yield sessions


async def names(
    sessions: SessionManager,
    wanted: Wanted | None = None,
    *,
    sort: SortBy = "date",
    reverse: bool = False,
    limit: int | None = None,
) -> list[str]:
    """Give whose conversations are listed."""
    found = await sessions.catalogue.select(wanted or Wanted(), sort=sort, reverse=reverse, limit=limit)
    return [one.address.user_id for one in found if one.address]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("date", "cleo ben ann"), ("messages", "ann ben cleo"), ("tokens", "cleo ben ann"), ("title", "cleo ben ann")],
)
async def test_it_is_sorted_and_cut(sessions: SessionManager, sort: SortBy, order: str) -> None:
    """The newest or largest come first, titles in their order; reversing turns it round, a limit cuts the end off."""
    expected = order.split()
    assert await names(sessions, sort=sort) == expected
    assert await names(sessions, sort=sort, reverse=True) == expected[::-1]
    assert await names(sessions, sort=sort, limit=2) == expected[:2]
    with pytest.raises(InvalidValue, match="limit"):
        await names(sessions, limit=0)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(platform="telegram"), {"ann", "ben"}),
        (Wanted(person="discord:cleo"), {"cleo"}),
        (Wanted(tags=["ALL"]), set(PEOPLE)),
        (Wanted(tags=["all", "ben"]), {"ben"}),
        (Wanted(tags=["ann", "ben"]), set()),
        (Wanted(title="OF B"), {"ben"}),
        (Wanted(backend="echo"), set(PEOPLE)),
        (Wanted(backend="openai"), set()),
        (Wanted(model="m"), set()),
        (Wanted(project="x"), set()),
        (Wanted(status=Status.ACTIVE), set(PEOPLE)),
        (Wanted(status=Status.EXPIRED), set()),
    ],
)
async def test_every_condition_counts(sessions: SessionManager, wanted: Wanted, found: set[str]) -> None:
    """What is sealed is asked as well as what is not."""
    assert set(await names(sessions, wanted)) == found


async def test_since_and_until_count_each_alone(sessions: SessionManager) -> None:
    """They bound the last activity."""
    middle = (await sessions.catalogue.select(Wanted(person="telegram:ben")))[0].session.last_activity_at
    assert await names(sessions, Wanted(since=middle)) == ["cleo", "ben"]
    assert await names(sessions, Wanted(until=middle)) == ["ann"]
    assert await names(sessions, Wanted(since=middle, until=middle + timedelta(hours=1))) == ["ben"]


async def test_a_conversation_is_found_by_the_beginning_of_its_id(sessions: SessionManager) -> None:
    """One that none has is not found, and nothing at all says what to say."""
    listed = await sessions.catalogue.select(Wanted())
    for one in listed:
        assert (await sessions.catalogue.find(one.session.id[:8].upper())).session.id == one.session.id
        assert (await sessions.catalogue.find(one.session.id)).person == one.person
    for wrong in ("zzzzzzzzzzzz", "not an id!", "%"):
        with pytest.raises(NotFound):
            await sessions.catalogue.find(wrong)
    with pytest.raises(InvalidValue, match="say which"):
        await sessions.catalogue.find(" ")


async def test_a_beginning_that_fits_several_is_ambiguous(open_store: Opener) -> None:
    """The error names those it fits."""
    async with open_store() as sessions:
        ids = [(await sessions.new_session(person(chat=str(number)))).id for number in range(33)]
        letter = next(id_[0] for id_ in ids if sum(other[0] == id_[0] for other in ids) > 1)
        with pytest.raises(Ambiguous) as error:
            await sessions.catalogue.find(letter)
        assert set(error.value.candidates) == {id_ for id_ in ids if id_[0] == letter}


async def test_messages_are_counted_by_day_and_role(sessions: SessionManager) -> None:
    """Each conversation for itself."""
    ids = await sessions.catalogue.ids()
    counted = await sessions.catalogue.counts()
    assert {(ids[one.session], one.role): one.messages for one in counted} == {
        (one.session.id, role): count
        for one in await sessions.catalogue.select(Wanted())
        for role, count in (
            ("user", (one.session.message_count - 1) // 2),
            ("assistant", (one.session.message_count + 1) // 2),
        )
    }
    assert len({one.day for one in counted}) == 3


@pytest.mark.parametrize("person", ["", " ", "telegram", ":42", "telegram:"])
async def test_what_names_nobody_is_refused_and_stands_for_nobody(person: str) -> None:
    """A variable that was never set must not mean everybody."""
    with pytest.raises(InvalidValue, match="no person"):
        Wanted(person=person)
