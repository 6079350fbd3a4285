"""Search: words in one's own conversations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.manager import SessionManager
from sessions.search import AROUND, snippet
from tests.sessions.conftest import person, say

ANN = person("ann")
Opened = Callable[[], SessionManager]


async def found(sessions: SessionManager, words: str, *, limit: int = 20) -> list[str]:
    """Give the texts in which Ann finds some words."""
    return [hit.message.content for hit in await sessions.search(ANN, words, limit=limit)]


async def test_all_the_words_must_be_there_in_any_case_and_order(open_memory: Opened) -> None:
    """Newest first; a part of a word is enough."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        for text in ("The quick brown fox", "the QUICK dog", "a slow fox"):
            await sessions.add_message(session.id, role="user", content=text)
        assert await found(sessions, "quick") == ["the QUICK dog", "The quick brown fox"]
        assert await found(sessions, "FOX  quick") == ["The quick brown fox"]
        assert await found(sessions, "qui row") == ["The quick brown fox"]
        assert await found(sessions, "fox dog") == []
        assert await found(sessions, "o", limit=2) == ["a slow fox", "the QUICK dog"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("今日は東京に行きました", "東京"),
        ("well done 👩‍👩‍👧 family", "👩‍👩‍👧"),
        ("👍🏽", "👍"),
        ("Straße nach Süden", "STRASSE"),
        ("İstanbul", "i̇stanbul"),
        ("Привет, мир", "ПРИВЕТ"),
        ('she said "no" to 100%', '"no" 100%'),
        ("a OR b AND NOT c*", "OR NOT c*"),
        ("'; DROP TABLE message; --", "'; --"),
        ("back\\slash (and [brackets", "\\ ( ["),
        ("col:value NEAR/3", "col:value NEAR/3"),
        ("«quoted»", "«quoted»"),
        ("x", "x"),
    ],
)
async def test_every_script_and_every_sign_is_searched_as_it_is(open_memory: Opened, text: str, words: str) -> None:
    """Emoji, CJK, quotes and what are operators elsewhere are plain characters here."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "nothing of the kind")
        await sessions.add_message(session.id, role="user", content=text)
        (hit,) = await sessions.search(ANN, words)
        assert (hit.message.content, hit.session.id) == (text, session.id)
        assert "«" in hit.snippet


async def test_archived_conversations_are_searched_and_erased_ones_never(open_memory: Opened) -> None:
    """What was reset is found; what was deleted or belongs to others is not."""
    async with open_memory() as sessions:
        old = await sessions.get_or_create_session(ANN)
        await say(sessions, old.id, "pear")
        await sessions.reset(ANN)
        bob = await sessions.get_or_create_session(person("bob"))
        await say(sessions, bob.id, "pear of bob")
        elsewhere = await sessions.get_or_create_session(person("ann", platform="discord"))
        await say(sessions, elsewhere.id, "pear of discord")
        assert await found(sessions, "pear") == ["re: pear", "pear"]
        await sessions.delete_session(old.id)
        assert await found(sessions, "pear") == []


async def test_only_what_one_reads_is_found(open_memory: Opened) -> None:
    """A turn that was taken back is not found until it is done again."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        await sessions.undo(ANN)
        assert await found(sessions, "two") == []
        await sessions.redo(ANN)
        assert await found(sessions, "two") == ["re: two", "two"]


@pytest.mark.parametrize(("words", "limit"), [("", 5), ("  \n", 5), ("x", 0), ("x", -3)])
async def test_nothing_to_search_for_is_refused(open_memory: Opened, words: str, limit: int) -> None:
    """No words and no hits are not something to ask for."""
    async with open_memory() as sessions:
        await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue):
            await sessions.search(ANN, words, limit=limit)


def test_a_snippet_shows_what_is_around_the_first_match() -> None:
    """On one line, the words between « and », dots where something is left out."""
    text = "before " * 40 + "the NEEDLE\n\nlies here" + " after" * 40
    shown = snippet(text, ["needle", "lies"])
    assert "the «NEEDLE» «lies» here" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) <= 2 * AROUND + 12


def test_a_snippet_finds_its_place_where_folding_makes_words_longer() -> None:
    """Letters that fold to two do not shift what is marked."""
    assert snippet("Die Straße ist groß", ["strasse"]) == "Die «Straße» ist groß"
    assert snippet("ßßßß wort", ["wort"]) == "ßßßß «wort»"
    assert "«ziel»" in snippet("ß " * 200 + "ziel", ["ziel"])


@given(st.text(max_size=300), st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3))
def test_a_snippet_without_its_marks_is_a_piece_of_the_text(text: str, words: list[str]) -> None:
    """Whatever the text and the words, nothing is made up and the snippet stays short."""
    text, folded = text.replace("«", "").replace("»", "").replace("…", ""), [word.casefold() for word in words]
    shown = snippet(text, folded)
    assert shown.replace("«", "").replace("»", "").strip("…") in " ".join(text.split())
