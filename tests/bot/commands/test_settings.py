"""Scope and resets, set from chat."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from config.kinds import MOST_IDLE_MINUTES
from sessions.reset_policy import MAX_IDLE
from sessions.scope import Scope
from tests.bot.commands.person import ANN, Person, manager
from tests.conftest import ManualClock


async def test_scope_changes_whose_conversation_it_is(ann: Person) -> None:
    """Another scope is another conversation; the first one is kept and found again."""
    await ann.says("just between us")
    reply = await ann.types("/session scope peer")
    assert "`/session scope per-channel-peer` goes back" in reply.text
    assert await ann.history() == []
    elsewhere = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="other"))
    await elsewhere.types("/session scope per-peer")
    await elsewhere.says("hello from elsewhere")
    assert await ann.history() == ["hello from elsewhere", "I see."]
    await ann.types("/session scope channel-peer")
    assert await ann.history() == ["just between us", "I see."]


async def test_the_same_scope_changes_nothing(ann: Person) -> None:
    """Choosing the scope one has is said to be so, and stops no reply."""
    ann.application.replying = True
    assert "already" in (await ann.types("/session scope channel-peer")).text
    assert ann.application.replying


@pytest.mark.parametrize("scope", Scope, ids=str)
async def test_a_scope_is_spelled_as_in_the_settings_and_taken_in_either_way(ann: Person, scope: Scope) -> None:
    """One spelling is shown everywhere; the short one is understood as well."""
    ann.application.main_scope_allowed = True
    for said in (scope.value, scope.short):
        await ann.types(f"/session scope {said}")
        assert await ann.sessions.scope_of(ann.address) is scope
        assert f"`{scope.value}`" in (await ann.types(f"/session scope {said}")).text
        for line in ("/session", "/session why", "/whoami"):
            assert f"`{scope.value}`" in (await ann.types(line)).text


async def test_main_is_refused_where_everybody_is_let_in(ann: Person) -> None:
    """One conversation for all is not for a bot that answers anybody: no stranger may walk into it."""
    reply = await ann.types("/session scope main")
    assert reply.error
    assert await ann.sessions.scope_of(ann.address) is Scope.PER_CHANNEL_PEER


async def test_main_is_allowed_among_chosen_people(ann: Person) -> None:
    """A bot for chosen people may have one conversation for all of them."""
    ann.application.main_scope_allowed = True
    assert not (await ann.types("/session scope main")).error
    assert await ann.sessions.scope_of(ann.address) is Scope.MAIN


@pytest.mark.parametrize("scope", ["main", "peer", "channel"])
async def test_nothing_is_shared_while_incognito(ann: Person, scope: str) -> None:
    """What is to be forgotten must not lie in a conversation that others share."""
    ann.application.main_scope_allowed = True
    await ann.types("/incognito on")
    assert (await ann.types(f"/session scope {scope}")).error
    assert await ann.sessions.scope_of(ann.address) is Scope.PER_CHANNEL_PEER


async def test_an_unknown_scope_lists_the_known_ones(ann: Person) -> None:
    """A scope that does not exist is answered with those that do."""
    assert "`main`, `per-peer`, `per-channel`, `per-channel-peer`" in (await ann.types("/session scope everyone")).text


async def test_reset_time_is_set_and_switched_off(ann: Person) -> None:
    """The next reset is told in the zone that was chosen; off ends it."""
    await ann.says("hello")
    reply = await ann.types("/session reset-time 04:00 Europe/Berlin")
    assert "every day at 04:00 (Europe/Berlin)" in reply.text
    assert "Next: Thu 04:00 Europe/Berlin (in 3 h)" in reply.text
    assert "every day at 05:30 (Europe/Berlin)" in (await ann.types("/session reset-time 5:30")).text
    assert (await ann.types("/session reset-time off")).text == "Automatic resets are off here."
    assert (await ann.session()).next_reset_at is None


async def test_idle_reset_is_set_and_switched_off(ann: Person) -> None:
    """The next reset is counted from now; off ends it."""
    await ann.says("hello")
    assert "Next: Thu 00:30 UTC (in 30 min)" in (await ann.types("/session idle-reset 30")).text
    assert (await ann.types("/session idle-reset off")).text == "Automatic resets are off here."


async def test_a_reset_really_comes_and_can_be_taken_back(ann: Person) -> None:
    """After the silence the next conversation is a fresh one, and undo goes back."""
    await ann.says("hello")
    await ann.types("/session idle-reset 30")
    ann.clock.advance(31 * 60)
    assert await ann.history() == []
    assert "the automatic reset" in (await ann.types("/undo")).text
    assert await ann.history() == ["hello", "I see."]


async def test_a_rule_without_anything_said_waits(ann: Person) -> None:
    """An empty conversation has nothing to reset yet."""
    assert "none while nothing has been said" in (await ann.types("/session idle-reset 30")).text


async def test_the_longest_silence_is_that_of_the_library(ann: Person) -> None:
    """Who asks for more is told the most that is allowed, and that is allowed indeed."""
    most = MAX_IDLE // timedelta(minutes=1)
    assert most == MOST_IDLE_MINUTES  # the settings allow the same
    assert f"from 1 to {most:,}, or `off`" in (await ann.types(f"/session idle-reset {most + 1}")).text
    assert not (await ann.types(f"/session idle-reset {most}")).error


@pytest.mark.parametrize("line", ["/session idle-reset 0", "/session idle-reset 9999999", "/session reset-time 25:00"])
async def test_bad_values_change_nothing(ann: Person, line: str) -> None:
    """A value that is not allowed is refused and the rule stays."""
    await ann.says("hello")
    await ann.types("/session idle-reset 30")
    before = (await ann.session()).next_reset_at
    assert (await ann.types(line)).error
    assert (await ann.session()).next_reset_at == before


async def test_one_persons_rule_is_not_anothers(clock: ManualClock) -> None:
    """A rule set in one conversation leaves other people's alone."""
    async with manager(clock) as sessions:
        ann, bob = Person(sessions, clock), Person(sessions, clock, address=replace(ANN, user_id="bob"))
        await bob.says("hello")
        await ann.types("/session idle-reset 1")
        assert (await bob.session()).next_reset_at is None
