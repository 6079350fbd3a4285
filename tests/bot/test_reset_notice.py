"""What is said before and after a reset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from adapters.reply import Reply
from bot.reset_notice import reset_notice, reset_warning
from sessions.address import ChatKind
from sessions.resets import ResetEvent
from tests.bot.commands.person import ANN, Person, manager
from tests.conftest import ManualClock

NIGHT = datetime(2026, 1, 1, 2, 50, tzinfo=UTC).timestamp()  # ten to four in Berlin


@pytest.fixture
async def ann(clock: ManualClock) -> AsyncIterator[Person]:
    async with manager(clock) as sessions:
        yield Person(sessions, clock)


@pytest.fixture
async def night(ann: Person) -> Person:
    """Somebody who has spoken, and is reset at four in Berlin."""
    await ann.says("hello")
    await ann.sessions.set_chat_resets(ANN, daily_at=time(4), timezone="Europe/Berlin")
    ann.clock.now = NIGHT
    return ann


async def warned(person: Person) -> Reply:
    (warning,) = await person.sessions.sweep_warnings()
    return reset_warning(warning, warning.timezone)


async def swept(person: Person) -> ResetEvent:
    (event,) = await person.sessions.sweep()
    return event


async def test_a_warning_says_when_and_why_and_that_nothing_is_lost(night: Person) -> None:
    """In the person's own zone, for nobody else to see."""
    reply = await warned(night)
    assert "begins afresh at 04:00 Europe/Berlin (in 10 min), because a new day begins then." in reply.text
    assert "Nothing is lost: it is kept and `/undo` brings it back." in reply.text
    assert reply.private
    assert [choice.label for choice in reply.choices] == ["Keep", "Snooze 1 h", "Never here"]


async def test_a_warning_for_silence_gives_its_reason(ann: Person) -> None:
    """Where nothing was said for a while."""
    await ann.says("hello")
    await ann.sessions.set_chat_resets(ANN, idle=timedelta(minutes=30))
    ann.clock.advance(25 * 60)
    text = (await warned(ann)).text
    assert "at 00:30 UTC (in 5 min), because nothing was said for a while." in text


@pytest.mark.parametrize(
    ("label", "said", "next_reset"),
    [
        ("Keep", "This conversation stays. The next automatic reset: Fri 04:00 Europe/Berlin", (2, 3, 0)),
        ("Snooze 1 h", "begins afresh not before Thu 04:50 Europe/Berlin (in 1 h)", (1, 3, 50)),
        ("Never here", "No automatic resets here from now on", None),
    ],
)
async def test_the_buttons_do_what_they_say(
    night: Person, label: str, said: str, next_reset: tuple[int, int, int] | None
) -> None:
    """Pressing one is sending its command; at four the conversation is still there."""
    choices = {choice.label: choice.text for choice in (await warned(night)).choices}
    assert said in (await night.types(choices[label])).text
    expected = next_reset and datetime(2026, 1, next_reset[0], *next_reset[1:], tzinfo=UTC)
    assert (await night.session()).next_reset_at == expected
    night.clock.advance(20 * 60)
    assert await night.sessions.sweep() == []
    assert await night.history() == ["hello", "I see."]


@pytest.mark.parametrize("reason", ["daily", "idle"])
async def test_a_notice_gives_the_reason_and_the_ways_back(night: Person, reason: str) -> None:
    """And how long each of them works."""
    reply = reset_notice(await night.session(), reason, ANN)
    assert {"daily": "a new day has begun", "idle": "nothing was said for a while"}[reason] in reply.text
    for part in ("The button brings it back for 24 hours", "`/undo`", "`/resume` at any time"):
        assert part in reply.text
    assert reply.private


@pytest.mark.parametrize("went_on", [False, True])
async def test_the_button_of_a_notice_brings_that_conversation_back(night: Person, *, went_on: bool) -> None:
    """At once, and also a day later when other things were said since."""
    night.clock.advance(10 * 60)
    event = await swept(night)
    if went_on:
        await night.says("good morning")
        night.clock.advance(23 * 3600)
    (button,) = reset_notice(event.archived, event.reason, event.address).choices
    await night.types(button.text)
    assert await night.history() == ["hello", "I see."]
    assert await night.sessions.sweep() == []


async def test_buttons_fit_where_platforms_keep_them(night: Person) -> None:
    """40 bytes are left for the command beside the signature."""
    for reply in (await warned(night), reset_notice(await night.session(), "daily", ANN)):
        assert all(len(choice.text.encode()) <= 40 for choice in reply.choices)


async def test_in_a_group_it_says_where_and_offers_no_button(night: Person) -> None:
    """It is read in the direct chat; where that is closed, the group reads a line without content."""
    group = replace(ANN, platform="telegram", chat_kind=ChatKind.GROUP)
    reply = reset_notice(await night.session(), "idle", group)
    assert "The conversation in the group began afresh" in reply.text
    assert "Written in the group" in reply.text
    assert reply.private
    assert not reply.choices
    assert "hello" not in reply.aside
    assert "nothing was said for a while" in reply.aside
