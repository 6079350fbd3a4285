"""/incognito, /mydata, /forgetme, /whoami."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sessions.address import ChatKind
from tests.bot.commands.person import ANN, Person


async def test_incognito_is_switched_and_told(ann: Person) -> None:
    """On and off are passed on; the same again is said; alone it tells the state."""
    assert "Incognito is off" in (await ann.types("/incognito")).text
    assert "in memory only" in (await ann.types("/incognito on")).text
    assert ann.address in ann.application.incognito
    assert "already" in (await ann.types("/incognito on")).text
    assert "Incognito is on" in (await ann.types("/incognito")).text
    assert "encrypted" in (await ann.types("/incognito off")).text
    assert ann.address not in ann.application.incognito


async def test_mydata_holds_everything_of_the_person_and_nothing_else(ann: Person) -> None:
    """All own conversations of all chats, with every word; not a word of anybody else."""
    await ann.says("from the terminal")
    await ann.types("/new Second")
    await ann.says("again")
    elsewhere = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="other"))
    await elsewhere.says("from elsewhere")
    bob = Person(ann.sessions, ann.clock, address=replace(ANN, user_id="bob"))
    await bob.says("canary")
    reply = await ann.types("/mydata")
    assert "3 conversations with 6 messages" in reply.text
    assert reply.document is not None
    data = json.loads(reply.document.content)
    assert data["person"] == {"platform": "console", "user_id": "ann"}
    assert len(data["sessions"]) == 3
    text = reply.document.content.decode()
    assert all(words in text for words in ("from the terminal", "again", "from elsewhere", "Second"))
    assert "canary" not in text


async def test_forgetme_erases_after_a_yes_and_gives_a_receipt(ann: Person) -> None:
    """Everything of the person goes, in all chats; other people's stays."""
    await ann.says("one")
    await ann.types("/new")
    await ann.says("two")
    elsewhere = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="other"))
    await elsewhere.says("three")
    bob = Person(ann.sessions, ann.clock, address=replace(ANN, user_id="bob"))
    await bob.says("four")
    question = await ann.types("/forgetme")
    assert "3 conversations" in question.text
    receipt = await ann.answers("yes")
    assert receipt.private
    assert "3 conversations with 6 messages erased" in receipt.text
    assert await ann.sessions.own_sessions(ann.address) == []
    assert await bob.history() == ["four", "I see."]


async def test_forgetme_keeps_everything_without_a_yes(ann: Person) -> None:
    """A no, or another message, leaves everything as it was."""
    await ann.says("one")
    await ann.types("/forgetme")
    await ann.answers("no")
    await ann.types("/forgetme")
    assert await ann.pending.take(ann.address, "what is the weather") is None
    assert await ann.pending.take(ann.address, "yes") is None
    assert len(await ann.history()) == 2


async def test_nobody_else_can_say_yes(ann: Person) -> None:
    """A yes of another person in the same chat erases nothing."""
    await ann.says("one")
    await ann.types("/forgetme")
    assert await ann.pending.take(replace(ANN, user_id="bob"), "yes") is None
    assert len(await ann.history()) == 2


@pytest.mark.parametrize("line", ["/mydata", "/forgetme"])
async def test_stored_data_is_not_handled_while_incognito(ann: Person, line: str) -> None:
    """In memory there is only what is incognito: to pretend that it is all would be a lie."""
    await ann.types("/incognito on")
    reply = await ann.types(line)
    assert reply.error
    assert "`/incognito off` first" in reply.text


async def test_whoami_tells_what_the_bot_sees(ann: Person) -> None:
    """Ids, platform, chat and scope; the name is shown as a name."""
    group = replace(ANN, chat_id="g", thread_id="7", chat_kind=ChatKind.GROUP)
    person = Person(ann.sessions, ann.clock, address=group, author="Ann")
    reply = await person.types("/whoami")
    for part in (
        "You: `console:ann`, called `Ann`",
        "Platform: `console`",
        "Chat: `g`, group",
        "Topic: `7`",
        "Your conversation in the group: `per-channel-peer`, yours alone, in the group",
    ):
        assert part in reply.text
    assert reply.private


async def test_whoami_tells_those_who_run_the_bot_that_they_do(ann: Person) -> None:
    """The settings name operators; whether one is meant by them is seen here, and by nobody else."""
    assert "You run this bot" not in (await ann.types("/whoami")).text
    ann.operator = True
    assert (await ann.types("/whoami")).text.startswith("- You: `console:ann`\n- You run this bot")


async def test_incognito_names_the_group_it_is_about(ann: Person) -> None:
    """What holds in a group does not hold in the direct chat in which one may read of it."""
    assert "what you say here is stored" in (await ann.types("/incognito")).text
    group = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="g", chat_kind=ChatKind.GROUP))
    assert "what you say in the group is stored" in (await group.types("/incognito")).text
    assert "what you say in the group is kept in memory only" in (await group.types("/incognito on")).text
