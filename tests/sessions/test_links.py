"""Linked accounts share one conversation across platforms, and part again without losing any."""

from __future__ import annotations

import pytest

from sessions.address import ChatKind
from sessions.errors import InvalidValue, NotFound
from sessions.scope import Scope
from tests.sessions.conftest import Opener, person, say, texts

HERE = person("42", chat="42")
THERE = person("9000", chat="77", platform="discord", account="bot-2")
ELSEWHERE = person("9000", chat="-5", platform="discord", account="bot-2", kind=ChatKind.GROUP)


async def test_a_linked_account_goes_on_in_the_same_conversation(open_store: Opener) -> None:
    """After the link both read and write one conversation under per-peer, also after a restart."""
    async with open_store() as sessions:
        for address in (HERE, THERE, ELSEWHERE):
            await sessions.set_scope(address, Scope.PER_PEER)
        mine = await sessions.get_or_create_session(HERE)
        await say(sessions, mine.id, "here")
        other = await sessions.get_or_create_session(THERE)
        await say(sessions, other.id, "there")
        assert [session.id for session in await sessions.joining_sessions(THERE)] == [other.id]
        assert await sessions.link(HERE, THERE) == 1
    async with open_store() as sessions:
        for address in (HERE, THERE, ELSEWHERE):
            assert (await sessions.get_or_create_session(address)).id == mine.id
            assert {session.id for session in await sessions.list_sessions(address)} == {mine.id, other.id}
        await sessions.switch_session(HERE, other.id)
        assert await texts(sessions, (await sessions.get_or_create_session(THERE)).id) == ["there", "re: there"]
        assert await sessions.verify() == []


async def test_accounts_part_with_what_began_at_each(open_store: Opener) -> None:
    """Taking the link back gives each account its own conversations, those begun meanwhile included."""
    async with open_store() as sessions:
        for address in (HERE, THERE):
            await sessions.set_scope(address, Scope.PER_PEER)
        mine, other = await sessions.get_or_create_session(HERE), await sessions.get_or_create_session(THERE)
        await sessions.link(HERE, THERE)
        began = await sessions.new_session(THERE, title="begun there while linked")
        assert await sessions.unlink(THERE) == 2
        assert (await sessions.get_or_create_session(HERE)).id != began.id
        listed = [{s.id for s in await sessions.list_sessions(address)} for address in (HERE, THERE)]
        assert not listed[0] & listed[1]
        assert began.id in listed[1]
        assert (await sessions.find_session(THERE, began.id)).id == began.id
        with pytest.raises(NotFound):
            await sessions.find_session(HERE, other.id)
        with pytest.raises(NotFound):
            await sessions.unlink(HERE)
        assert (await sessions.get_session(mine.id)).id == mine.id
        assert await sessions.verify() == []


async def test_what_is_not_shared_across_chats_stays_apart(open_store: Opener) -> None:
    """A link changes nothing under per-channel-peer, but everything of a person is found for erasing."""
    async with open_store() as sessions:
        mine, other = await sessions.get_or_create_session(HERE), await sessions.get_or_create_session(THERE)
        await sessions.link(HERE, THERE)
        assert (await sessions.get_or_create_session(THERE)).id == other.id != mine.id
        assert {session.id for session in await sessions.own_sessions(HERE)} == {mine.id, other.id}
        assert (await sessions.erase_person(THERE)).sessions == 2


async def test_only_what_can_be_linked_is(open_store: Opener) -> None:
    """Twice, with itself, and an account that has links of its own are refused, and nothing changes."""
    async with open_store() as sessions:
        third = person("third", platform="discord")
        await sessions.link(HERE, THERE)
        for main, other in ((HERE, THERE), (THERE, HERE), (HERE, HERE), (third, THERE)):
            with pytest.raises(InvalidValue):
                await sessions.link(main, other)
        await sessions.link(THERE, third)
        assert [account.user_id for account in await sessions.linked_accounts(third)] == ["42", "9000", "third"]


async def test_a_chat_that_moved_keeps_its_conversations(open_store: Opener) -> None:
    """Both ids name the same conversations, in any order of telling and however often it is told."""
    old, new = person("ann", chat="-10"), person("ann", chat="-10010")
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(old)
        await sessions.set_scope(old, Scope.PER_CHANNEL)
        shared = await sessions.get_or_create_session(old)
        for _ in range(2):
            await sessions.move_chat("telegram", "bot-1", "-10", "-10010")
        assert (await sessions.get_or_create_session(new)).id == shared.id
        assert await sessions.chat_now(old) == "-10010"
        await sessions.move_chat("telegram", "bot-1", "-10010", "-10011")
        assert (await sessions.get_or_create_session(person("ann", chat="-10011"))).id == shared.id
        assert await sessions.chat_now(old) == "-10011"
        await sessions.set_scope(new, Scope.PER_CHANNEL_PEER)
        assert (await sessions.get_or_create_session(person("ann", chat="-10011"))).id == session.id
        assert (await sessions.get_or_create_session(person("ann", chat="-10", account="bot-9"))).id != session.id
