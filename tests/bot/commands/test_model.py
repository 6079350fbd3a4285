"""/model, /context, /compact, /usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.models.errors import ModelUnavailable
from sessions import Message, SessionManager
from tests.bot.commands.person import ANN, Person
from tests.conftest import ManualClock


async def _in_short(messages: Sequence[Message], instructions: str | None) -> str:
    return f"{len(messages)} messages in short; {instructions}"


async def _out_of_reach(messages: Sequence[Message], instructions: str | None) -> str:
    raise ModelUnavailable


async def test_model_is_shown_chosen_and_cleared(ann: Person) -> None:
    """The name is kept with the conversation; default clears it."""
    assert "`echo`, the default" in (await ann.types("/model")).text
    assert "`big model 2`" in (await ann.types("/model big model 2")).text
    assert (await ann.session()).model == "big model 2"
    assert "`big model 2`" in (await ann.types("/model")).text
    assert "`echo`, the default, again" in (await ann.types("/model DEFAULT")).text
    assert (await ann.session()).model is None


async def test_an_endless_model_name_is_refused(ann: Person) -> None:
    """A name that can be no model's is refused and changes nothing."""
    assert (await ann.types("/model " + "x" * 1000)).error
    assert (await ann.session()).model is None


async def test_context_tells_what_the_model_would_be_sent(ann: Person) -> None:
    """Messages, tokens, the way of choosing and what is left out."""
    for _ in range(20):
        await ann.says("x" * 400)
    text = (await ann.types("/context")).text
    assert "of 40" in text
    assert "of 1,000" in text
    assert "`smart`" in text
    assert "Left out: 0 messages" not in text
    assert "to be summed up before the next reply" in text


async def test_context_of_a_short_conversation_leaves_nothing_out(ann: Person) -> None:
    """What fits is sent whole."""
    await ann.says("hello")
    text = (await ann.types("/context")).text
    assert "Messages: 2 of 2" in text
    assert text.endswith("Left out: 0 messages")


async def test_compact_shows_the_summary_and_keeps_the_messages(clock: ManualClock) -> None:
    """The summary comes as a quote; history still has every message."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock, summarizer=_in_short) as sessions:
        ann = Person(sessions, clock)
        for number in range(60):
            await ann.says(f"{number} " + "x" * 400)
        reply = await ann.types("/compact keep all figures")
        assert "> " in reply.text
        assert "messages in short; keep all figures" in reply.text
        assert reply.private
        assert len([m for m in await ann.messages() if m.kind == "text"]) == 120
        assert "a summary stands for the oldest" in (await ann.types("/context")).text


async def test_compact_of_nothing_says_so(ann: Person) -> None:
    """An empty conversation has nothing to sum up."""
    assert "nothing to sum up" in (await ann.types("/compact")).text


async def test_a_model_that_fails_to_sum_up_is_answered(clock: ManualClock) -> None:
    """The failure is said in plain words and nothing is stored."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock, summarizer=_out_of_reach) as sessions:
        ann = Person(sessions, clock)
        for _ in range(60):
            await ann.says("x" * 400)
        reply = await ann.types("/compact")
        assert reply.error
        assert "nothing was changed" in reply.text
        assert len(await ann.messages()) == 120


async def test_usage_counts_this_and_all(ann: Person) -> None:
    """This conversation and all of the person's, in every chat, nobody else's."""
    await ann.says("one")
    elsewhere = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="other"))
    await elsewhere.says("two")
    bob = Person(ann.sessions, ann.clock, address=replace(ANN, user_id="bob"))
    await bob.says("three")
    assert (await ann.types("/usage")).text.splitlines()[1:] == [
        "- This conversation: 10 in, 5 out, 2 messages",
        "- All that are yours alone (2 conversations): 20 in, 10 out, 4 messages",
    ]
