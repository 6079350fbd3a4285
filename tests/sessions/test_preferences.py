"""Preferences: what a person chose for a chat, kept for exactly that person and chat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import time, timedelta

import pytest

from sessions.errors import InvalidValue
from sessions.manager import SessionManager
from sessions.scope import Scope
from tests.sessions.conftest import Opener, person, say, texts

ANN = person("ann")
Opened = Callable[[], SessionManager]


async def test_a_scope_holds_for_one_person_in_one_chat(open_store: Opener) -> None:
    """Not in another chat, thread, platform or account, nor for anybody else; and it survives a restart."""
    async with open_store() as sessions:
        assert await sessions.set_scope(ANN, "peer") is Scope.PER_PEER
    async with open_store() as sessions:
        assert await sessions.scope_of(ANN) is Scope.PER_PEER
        others = (
            person("bob"),
            person("Ann"),
            person("ann", chat="chat-2"),
            person("ann", thread="7"),
            person("ann", platform="discord"),
            person("ann", account="bot-2"),
        )
        for other in others:
            assert await sessions.scope_of(other) is Scope.PER_CHANNEL_PEER


async def test_conversations_under_another_scope_are_kept(open_memory: Opened) -> None:
    """Going back to a scope comes back to its conversation; each scope has its own."""
    async with open_memory() as sessions:
        ids = {}
        for scope in Scope:
            await sessions.set_scope(ANN, scope)
            session = await sessions.get_or_create_session(ANN)
            ids[scope] = session.id
            await say(sessions, session.id, scope.value)
        assert len(set(ids.values())) == 4
        for scope in Scope:
            await sessions.set_scope(ANN, scope)
            session = await sessions.get_or_create_session(ANN)
            assert (session.id, session.scope) == (ids[scope], scope)
            assert await texts(sessions, session.id) == [scope.value, f"re: {scope.value}"]
            assert [s.id for s in await sessions.list_sessions(ANN)] == [ids[scope]]


async def test_a_shared_scope_is_shared_by_those_who_chose_it(open_memory: Opened) -> None:
    """In a channel everybody who chose so talks in one conversation, and nobody else sees it."""
    async with open_memory() as sessions:
        for name in ("ann", "bob"):
            await sessions.set_scope(person(name), "channel")
        shared = await sessions.get_or_create_session(ANN)
        await say(sessions, shared.id, "hello")
        assert (await sessions.get_or_create_session(person("bob"))).id == shared.id
        assert (await sessions.get_or_create_session(person("eve"))).id != shared.id


async def test_an_unknown_scope_changes_nothing(open_memory: Opened) -> None:
    """The one before holds on."""
    async with open_memory() as sessions:
        await sessions.set_scope(ANN, "peer")
        with pytest.raises(InvalidValue):
            await sessions.set_scope(ANN, "everybody")
        assert await sessions.scope_of(ANN) is Scope.PER_PEER


async def test_a_reset_rule_holds_for_all_sessions_of_a_conversation(open_store: Opener) -> None:
    """Also for one that was in memory under the old rule when another was current, and after a restart."""
    async with open_store() as sessions:
        old = await sessions.get_or_create_session(ANN)
        await say(sessions, old.id, "one")
        assert (await sessions.reset_rule(old.id)).source == "default"
        await sessions.new_session(ANN)
        rule = await sessions.set_chat_resets(
            ANN, daily_at=time(4), timezone="Europe/Berlin", idle=timedelta(minutes=30)
        )
        assert (rule.source, rule.policy.daily_at, rule.policy.idle) == ("chat", time(4), timedelta(minutes=30))
        resumed = await sessions.switch_session(ANN, old.id)
        assert await sessions.reset_rule(old.id) == rule
        assert resumed.next_reset_at is not None
    async with open_store() as sessions:
        assert await sessions.reset_rule(old.id) == rule
        changed = await sessions.set_chat_resets(ANN, idle=None)
        assert (changed.policy.daily_at, changed.policy.idle) == (time(4), None)


async def test_forgetting_a_person_forgets_their_choices_and_nobody_elses(open_memory: Opened) -> None:
    """Their scope goes; the reset rule of a channel that they shared stays for the others."""
    async with open_memory() as sessions:
        for name in ("ann", "bob"):
            await sessions.set_scope(person(name), "channel")
        await sessions.set_chat_resets(ANN, idle=timedelta(minutes=30))
        await sessions.erase_person(ANN)
        assert await sessions.scope_of(ANN) is Scope.PER_CHANNEL_PEER
        shared = await sessions.get_or_create_session(person("bob"))
        assert (await sessions.reset_rule(shared.id)).source == "chat"
        await sessions.set_chat_resets(ANN, idle=timedelta(minutes=30))
        await sessions.erase_person(ANN)
        own = await sessions.get_or_create_session(ANN)
        assert (await sessions.reset_rule(own.id)).source == "default"
        assert await sessions.verify() == []


async def test_choices_made_at_the_same_moment_are_all_counted(open_store: Opener) -> None:
    """Many changes at once leave one of them in force and the store whole."""
    async with open_store() as sessions:
        await asyncio.gather(*(sessions.set_scope(ANN, scope) for scope in [*Scope] * 10))
        chosen = await sessions.scope_of(ANN)
        assert await sessions.verify() == []
    async with open_store() as sessions:
        assert await sessions.scope_of(ANN) is chosen
