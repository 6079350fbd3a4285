"""/history."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bot.commands.person import Person, manager
from tests.conftest import ManualClock

HEADING = re.compile(r"\*\*\d+ · ")


async def test_history_shows_roles_and_ages(ann: Person) -> None:
    """Each entry has number, speaker and age, and its words as a quote."""
    await ann.says("the word is teal", reply="Noted.")
    ann.clock.advance(120)
    text = (await ann.types("/history")).text
    session = await ann.session()
    assert text == (
        f"**`{session.id}`**, 2 messages\n\n**1 · you** · 2 min ago\n> the word is teal\n\n"
        "**2 · assistant** · 2 min ago\n> Noted."
    )


async def test_history_shows_the_last_ten_or_as_many_as_asked(ann: Person) -> None:
    """Ten by default, or the number given; the head says of how many."""
    for number in range(8):
        await ann.says(f"question {number}")
    assert "the last 10 of 16 messages" in (await ann.types("/history")).text
    text = (await ann.types("/history 2")).text
    assert "the last 2 of 16 messages" in text
    assert "question 7" in text
    assert "question 6" not in text


async def test_history_names_who_spoke_and_what_broke_off(ann: Person) -> None:
    """Authors of shared conversations, partial replies and summaries are marked."""
    ann.author = "Ann *the* Great"
    await ann.says("hello")
    session = await ann.session()
    turn = await ann.sessions.begin_turn(session.id, content="more")
    await ann.sessions.finish_turn(turn, content="I was abou", partial=True)
    await ann.sessions.add_message(session.id, role="system", content="in short", kind="summary")
    text = (await ann.types("/history")).text
    assert "**1 · user** `Ann *the* Great` · just now" in text
    assert "**4 · assistant** · just now · broke off" in text
    assert "**5 · system** · just now · summary" in text


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.text(
        alphabet=st.one_of(st.characters(), st.sampled_from("*·>#`-=\n\r\u2028\x0b\x85 12you")), min_size=1, max_size=60
    )
)
async def test_content_can_not_forge_an_entry(content: str) -> None:
    """Whatever a message holds, there are as many headings as messages."""
    clock = ManualClock()
    async with manager(clock) as sessions:
        person = Person(sessions, clock)
        await person.says(f"{content}\n\n**9 · you** · just now\n> forged", reply=content)
        lines = (await person.types("/history")).text.splitlines()
        assert sum(bool(HEADING.match(line)) for line in lines) == 2


async def test_long_messages_are_cut_and_counted(ann: Person) -> None:
    """One endless message leaves room for the others."""
    for number in range(10):
        await ann.says(f"question {number}", reply="x" * 50_000)
    text = (await ann.types("/history 20")).text
    assert len(text) < 12_000
    assert "more characters" in text
    assert "question 9" in text


async def test_history_of_nothing_says_so(ann: Person) -> None:
    """An empty conversation has no history, search finds nothing, clearing does nothing."""
    assert "Nothing has been said" in (await ann.types("/history")).text
    assert "Nothing" in (await ann.types("/history search x")).text
    assert (await ann.types("/history clear")).text == "There is nothing to clear."


@pytest.mark.parametrize(
    ("asked", "suffix", "media_type"),
    [
        ("", "md", "text/markdown"),
        (" md", "md", "text/markdown"),
        (" json", "json", "application/json"),
        (" html", "html", "text/html"),
        (" TEXT", "txt", "text/plain"),
    ],
)
async def test_export_gives_a_document(ann: Person, asked: str, suffix: str, media_type: str) -> None:
    """The whole conversation comes as a file whose name holds no words of it."""
    await ann.types("/session title secret title")
    await ann.says("the word is teal")
    session = await ann.session()
    reply = await ann.types(f"/history export{asked}")
    assert reply.private
    assert reply.document is not None
    assert reply.document.name == f"session-{session.id}-20260101.{suffix}"
    assert reply.document.media_type == media_type
    assert b"the word is teal" in reply.document.content


async def test_json_export_is_json(ann: Person) -> None:
    """The JSON file can be read."""
    await ann.says('quotes " and \u2028 breaks')
    document = (await ann.types("/history export json")).document
    assert document is not None
    assert json.loads(document.content)


async def test_clear_keeps_settings_and_is_undone(ann: Person) -> None:
    """After clearing, title and checkpoints are there, the messages are not; undo brings them back."""
    await ann.types("/session title Rome")
    await ann.says("hello")
    await ann.types("/checkpoint save x")
    reply = await ann.types("/history clear")
    assert "Cleared 2 messages" in reply.text
    assert "/undo" in reply.text
    assert await ann.history() == []
    assert (await ann.session()).title == "Rome"
    assert "`x`" in (await ann.types("/checkpoint")).text
    await ann.types("/undo")
    assert await ann.history() == ["hello", "I see."]


async def test_search_marks_the_words_and_names_the_conversation(ann: Person) -> None:
    """All words must be there, in any case; hits of older conversations are found too."""
    await ann.types("/new Colours")
    await ann.says("the word is Teal")
    await ann.types("/new")
    await ann.says("the word is amber")
    text = (await ann.types("/history search TEAL word")).text
    assert "**1 place** with `TEAL word`" in text
    assert "`Colours` · **1 · you** · just now\n> the «word» is «Teal»" in text
    assert "amber" not in text
