"""/undo, /redo, /retry, /fork."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sessions.address import ChatKind
from tests.bot.commands.person import ANN, Person


async def test_undo_and_redo_of_a_turn(ann: Person) -> None:
    """A turn is question and reply; what undo takes, redo gives back."""
    await ann.says("one")
    await ann.says("two")
    reply = await ann.types("/undo")
    assert "Took back the last turn (2 messages). The conversation has 2 messages." in reply.text
    assert await ann.history() == ["one", "I see."]
    assert "Did again the last turn (2 messages)" in (await ann.types("/redo")).text
    assert await ann.history() == ["one", "I see.", "two", "I see."]


async def test_undo_takes_several_steps(ann: Person) -> None:
    """A number takes back that many; more than there are takes back all and says how many."""
    for word in ("one", "two", "three"):
        await ann.says(word)
    assert "Took back 2 turns (4 messages)" in (await ann.types("/undo 2")).text
    assert "Did again 2 turns (4 messages)" in (await ann.types("/redo 5")).text
    assert len(await ann.history()) == 6


async def test_undo_goes_back_to_the_conversation_before(ann: Person) -> None:
    """A new conversation and a reset are steps like any other, and the answer says where one is."""
    await ann.says("one")
    first = await ann.session()
    await ann.types("/new")
    reply = await ann.types("/undo")
    assert f"the beginning of a new conversation. You are in `{first.id}` now, with 2 messages" in reply.text
    await ann.types("/reset")
    assert "the reset" in (await ann.types("/undo")).text
    assert (await ann.session()).id == first.id


async def test_undo_names_the_conversation_it_leads_to_but_not_before_a_group(ann: Person) -> None:
    """In a direct chat by its title; in a group neither title nor id is shown to everybody."""
    group = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="g", chat_kind=ChatKind.GROUP))
    for person, name in ((ann, "`Rome`"), (group, "another conversation")):
        await person.types("/new Rome")
        await person.says("one")
        rome = await person.session()
        await person.types("/new")
        text = (await person.types("/undo")).text
        assert f"You are in {name} now, with 2 messages" in text
        assert rome.id not in text


async def test_undo_tells_no_words(ann: Person) -> None:
    """The answer can be read by the whole chat, so nothing of what was said is in it."""
    await ann.types("/new secret")
    await ann.says("secret", reply="secret")
    await ann.types("/checkpoint save secret")
    await ann.types("/history clear")
    assert "secret" not in (await ann.types("/undo 3")).text


@pytest.mark.parametrize("line", ["/undo", "/redo", "/retry"])
async def test_nothing_to_do_is_said(ann: Person, line: str) -> None:
    """At the end of the line of time there is a clear answer."""
    reply = await ann.types(line)
    assert reply.error
    assert reply.text == f"There is nothing to {line[1:]}."


async def test_retry_asks_for_another_reply(ann: Person) -> None:
    """The same question gets a new reply in the place of the old one."""
    await ann.says("tell me a joke", reply="no")
    request = await ann.asks_for_turn("/retry")
    assert request.turn.message.content == "tell me a joke"
    await ann.sessions.finish_turn(request.turn, content="well then")
    assert await ann.history() == ["tell me a joke", "well then"]


async def test_fork_leaves_the_original_alone(ann: Person) -> None:
    """What is said in the copy is not in the original."""
    await ann.says("one")
    original = await ann.session()
    reply = await ann.types("/fork What if by train")
    assert "`What if by train`, with 2 messages" in reply.text
    assert f"The original stays as it is: `/resume {original.id}`" in reply.text
    await ann.says("two")
    assert await ann.history() == ["one", "I see.", "two", "I see."]
    await ann.types(f"/resume {original.id}")
    assert await ann.history() == ["one", "I see."]


async def test_fork_names_the_original_by_its_title(ann: Person) -> None:
    """An id alone says nothing to a person who gave a title."""
    await ann.types("/new Trip to Rome")
    await ann.says("one")
    assert "The original, `Trip to Rome`, stays as it is" in (await ann.types("/fork")).text


async def test_nothing_to_redo_stops_nothing(ann: Person) -> None:
    """A reply that runs goes on, where there is nothing to go forward to."""
    await ann.says("one")
    ann.application.replying = True
    for line in ("/redo", "/redo 5"):
        assert (await ann.types(line)).text == "There is nothing to redo."
    assert (ann.application.replying, ann.application.stops) == (True, 0)


@pytest.mark.parametrize("line", ["/undo", "/redo", "/retry", "/fork", "/history clear"])
async def test_moving_stops_the_running_reply(ann: Person, line: str) -> None:
    """A reply to what is being left is stopped."""
    await ann.says("one")
    await ann.says("two")
    await ann.types("/undo")
    ann.application.replying = True
    if line == "/retry":
        await ann.asks_for_turn(line)
    else:
        await ann.types(line)
    assert not ann.application.replying
