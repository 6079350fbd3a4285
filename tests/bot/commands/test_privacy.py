"""/incognito, /mydata, /forgetme, /whoami."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace

import pytest

from bot.access import Access
from bot.commands.privacy import MOST_PACKED
from bot.person_notes import spending_note
from config.settings import AccessSettings
from sessions.address import ChatKind
from sessions.errors import NotFound
from sessions.scope import Scope
from tests.bot.archives import archive_of
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
    archive = archive_of(reply.document)
    assert archive.about["person"] == {"platform": "console", "user_id": "ann"}
    assert (len(archive.json), len(archive.markdown), len(archive.files)) == (3, 3, 8)
    for texts in ("".join(archive.markdown), json.dumps(archive.json)):
        assert all(words in texts for words in ("from the terminal", "again", "from elsewhere", "Second"))
    assert all(ident in archive.readme for ident in archive.ids)
    assert "canary" not in archive.text
    (entry, *_) = await ann.sessions.audit.newest()
    assert (entry.kind, entry.about["count"], entry.about["format"]) == ("export", 3, "person")


async def test_mydata_comes_in_parts_where_it_is_large(ann: Person) -> None:
    """Each fits, together they are all, and each says how to get the next; what fits nowhere is named."""
    for _ in range(4):
        await ann.types("/new")
        for _ in range(3):
            await ann.says(base64.b64encode(os.urandom(360_000)).decode())
    await ann.types("/new Huge")
    for _ in range(16):
        await ann.says(base64.b64encode(os.urandom(360_000)).decode())
    huge = (await ann.session()).id
    line, found, texts = "/mydata", [], []
    while line:
        reply = await ann.types(line)
        assert reply.document is not None
        assert len(reply.document.content) <= MOST_PACKED
        found.append(archive_of(reply.document).ids)
        texts.append(reply.text)
        line = reply.choices[0].text if reply.choices else ""
        assert not line or f"`{line}` gives the next part" in reply.text
    ids = [one.id for one in await ann.sessions.own_sessions(ann.address)]
    assert sorted(ident for part in found for ident in part) == sorted(set(ids) - {huge})
    assert len(found) > 1
    assert any(f"Too large for a file here: `{huge}`" in text for text in texts)
    assert all("A part of what is stored of you" in text for text in texts)


async def test_mydata_goes_on_only_from_what_is_ones_own(ann: Person) -> None:
    """An id of somebody else gets the same answer as one that there is not."""
    await ann.says("mine")
    bob = Person(ann.sessions, ann.clock, address=replace(ANN, user_id="bob"))
    await bob.says("his")
    for ident in ((await bob.session()).id, "zzzzzzzzzzzz"):
        reply = await ann.types(f"/mydata {ident}")
        assert (reply.error, reply.document) == (True, None)
        assert reply.text == f"There is no conversation of yours `{ident}`."


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
    assert all("share with others" in text for text in (question.text, receipt.text))
    assert await ann.sessions.own_sessions(ann.address) == []
    assert await bob.history() == ["four", "I see."]


async def test_forgetme_forgets_what_was_noted_and_keeps_that_they_were_let_in(ann: Person) -> None:
    """Links, choices, codes and the day's tokens go; the approval stays, and the receipt says that and why."""
    access = Access(ann.sessions, AccessSettings())
    await access.approve("console:ann", by="telegram:1", at=1)
    await ann.sessions.set_note(spending_note("console:ann"), {"day": "2026-01-01", "tokens": 5, "warned": False})
    await ann.sessions.link(ann.address, replace(ANN, platform="telegram", user_id="42"))
    await ann.sessions.set_scope(ann.address, "per-peer")
    code = await ann.application.linking.offer(ann.address)
    await ann.types("/forgetme")
    receipt = await ann.answers("yes")
    assert "That you were let in stays noted, or you could not write here any more" in receipt.text
    assert await access.is_approved("console:ann")
    assert await ann.sessions.note(spending_note("console:ann")) == {}
    assert len(await ann.sessions.linked_accounts(ann.address)) == 1
    assert await ann.sessions.scope_of(ann.address) is Scope.PER_CHANNEL_PEER
    with pytest.raises(NotFound):
        await ann.application.linking.find(code)


async def test_mydata_holds_what_is_noted_beside_the_words(ann: Person) -> None:
    """Linked accounts, that one was let in, and what one used on the latest day."""
    await Access(ann.sessions, AccessSettings()).approve("console:ann", by="telegram:1", at=1)
    await ann.sessions.link(ann.address, replace(ANN, platform="telegram", user_id="42"))
    first, second = archive_of((await ann.types("/mydata")).document).about["accounts"]
    assert (first["let_in"], first["used_today"]) == ({"approved": True, "by": "telegram:1", "at": 1}, None)
    assert (second["platform"], second["user_id"], second["let_in"]) == ("telegram", "42", None)


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
