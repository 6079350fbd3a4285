"""Resets left out, put off and switched off from chat."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from sessions.address import ChatKind
from sessions.reset_policy import ResetPolicy
from tests.bot.commands.person import ANN, Person


async def test_the_coming_reset_is_left_out_once(ann: Person) -> None:
    """The next one is told, and telling it twice changes nothing."""
    await ann.says("hello")
    await ann.types("/session reset-time 04:00 Europe/Berlin")
    for _ in range(2):
        reply = await ann.types("/session keep")
        assert "stays. The next automatic reset: Fri 04:00 Europe/Berlin (in 27 h)" in reply.text


@pytest.mark.parametrize(
    ("line", "when"),
    [("", "01:00 UTC (in 1 h)"), (" 90", "01:30 UTC (in 1 h 30 min)"), (" 1440", "00:00 UTC (in 24 h)")],
)
async def test_a_reset_is_put_off(ann: Person, line: str, when: str) -> None:
    """By an hour, or by as many minutes as one likes up to a day."""
    await ann.says("hello")
    await ann.types("/session idle-reset 30")
    assert when in (await ann.types(f"/session snooze{line}")).text


@pytest.mark.parametrize("line", ["/session snooze 0", "/session snooze 1441", "/session snooze soon"])
async def test_a_snooze_out_of_bounds_changes_nothing(ann: Person, line: str) -> None:
    """What can not be meant is refused."""
    await ann.says("hello")
    await ann.types("/session idle-reset 30")
    before = await ann.session()
    assert (await ann.types(line)).error
    assert await ann.session() == before


@pytest.mark.parametrize("line", ["/session keep", "/session snooze"])
async def test_where_no_reset_comes_that_is_said(ann: Person, line: str) -> None:
    """Because they are off, or because nothing was said."""
    assert (await ann.types(line)).text == "Automatic resets are off here."
    await ann.types("/session idle-reset 30")
    assert "Nothing has been said here yet" in (await ann.types(line)).text


async def test_answers_in_a_group_name_it(ann: Person) -> None:
    """A button of a warning is pressed in the direct chat, where "here" would mean another conversation."""
    group = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="g", chat_kind=ChatKind.GROUP))
    assert (await group.types("/session keep")).text == "Automatic resets are off in the group."
    await group.says("hello")
    assert "The conversation in the group begins afresh after" in (await group.types("/session idle-reset 30")).text
    assert "The conversation in the group stays" in (await group.types("/session keep")).text
    assert "The conversation in the group begins afresh not before" in (await group.types("/session snooze")).text
    assert "No automatic resets in the group" in (await group.types("/session never-reset")).text


async def test_never_switches_both_halves_off(ann: Person) -> None:
    """Also for the conversations to come; the way back is told, and keeps the zone."""
    await ann.says("hello")
    await ann.types("/session reset-time 04:00 Europe/Berlin")
    await ann.types("/session idle-reset 30")
    reply = await ann.types("/session never-reset")
    assert "`/session reset-time`" in reply.text
    assert (await ann.session()).next_reset_at is None
    await ann.types("/new")
    await ann.says("hello")
    assert (await ann.session()).next_reset_at is None
    assert "set here with" in (await ann.types("/session why")).text
    assert "every day at 05:00 (Europe/Berlin)" in (await ann.types("/session reset-time 05:00")).text


async def test_never_is_meant_for_a_session_with_a_rule_of_its_own_too(ann: Person) -> None:
    """A rule that a program gave the session does not outlast it."""
    await ann.says("hello")
    own = ResetPolicy(daily_at=time(4), idle=timedelta(minutes=30))
    await ann.sessions.update_session((await ann.session()).id, reset_policy=own)
    await ann.types("/session never-reset")
    assert (await ann.sessions.current_session(ANN)) == await ann.session()
    assert (await ann.session()).next_reset_at is None
    ann.clock.advance(2 * 86_400)
    assert await ann.sessions.sweep() == []


async def test_times_are_told_in_the_persons_own_zone(ann: Person) -> None:
    """Until somebody names a zone it is the bot's; each time names the one it is in."""
    await ann.says("hello")
    assert "Created: 2026-01-01 01:00 Europe/Berlin" in (await ann.types("/session")).text
    await ann.types("/session reset-time 04:00 Asia/Tokyo")
    text = (await ann.types("/session")).text
    assert "Created: 2026-01-01 09:00 Asia/Tokyo" in text
    assert "Next reset: Fri 04:00 Asia/Tokyo (in 19 h)" in text
    assert "Next reset: Fri 04:00 Asia/Tokyo (in 19 h)" in (await ann.types("/session why")).text
