"""Summaries: made once, stored beside the original, and never in the way of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sessions.errors import InvalidValue
from sessions.manager import SessionManager
from sessions.message import Message
from sessions.summaries import Summarizer as Summarize
from sessions.tokens import ByteEstimate, cost
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, person, say, texts

ANN = person("ann")


class Summarizer:
    """Writes down what it is given and answers with a few words, an error, or nothing."""

    def __init__(self, answer: str | Exception = "they talked") -> None:
        self.answer = answer
        self.calls: list[tuple[list[Message], str | None]] = []

    async def __call__(self, messages: Sequence[Message], instructions: str | None) -> str:
        self.calls.append((list(messages), instructions))
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return f"{self.answer} {len(self.calls)}" if self.answer.strip() else self.answer


def opened(summarizer: Summarize | None) -> SessionManager:
    """Open a store in memory."""
    return SessionManager.open(encryption_key=KEY, clock=ManualClock(), summarizer=summarizer)


async def long_talk(sessions: SessionManager, turns: int = 40) -> str:
    """Hold a conversation that is longer than a small budget."""
    session = await sessions.get_or_create_session(ANN)
    await say(sessions, session.id, *(f"turn {n}" for n in range(turns)))
    return session.id


async def test_a_summary_is_made_once_and_stands_for_the_older_part() -> None:
    """It is stored as a message of its own kind; the original stays, and the next context makes no other."""
    summarizer = Summarizer()
    async with opened(summarizer) as sessions:
        session_id = await long_talk(sessions)
        before = await texts(sessions, session_id)
        context = await sessions.get_context_history(session_id, max_tokens=200, strategy="summarize")
        calls = len(summarizer.calls)
        assert calls >= 1
        summary = context.messages[0]
        assert (summary.kind, summary.role, summary.content) == ("summary", "system", f"they talked {calls}")
        assert context.strategy == "summarize"
        assert context.note is None
        assert context.tokens <= 200
        assert await texts(sessions, session_id) == [*before, summary.content]
        again = await sessions.get_context_history(session_id, max_tokens=200, strategy="summarize")
        assert again == context
        assert len(summarizer.calls) == calls
        covered = summary.metadata["covers"] if summary.metadata else None
        assert isinstance(covered, int)
        assert [m.seq for m in context if m.kind == "text"] == list(range(covered + 1, len(before) + 1))


async def test_a_summary_rolls_on_over_the_one_before() -> None:
    """The next one is made of the last summary and what was said since, in pieces that fit the budget."""
    summarizer = Summarizer()
    async with opened(summarizer) as sessions:
        session_id = await long_talk(sessions, 100)
        await sessions.get_context_history(session_id, max_tokens=200, strategy="summarize")
        assert len(summarizer.calls) > 1
        for number, (pieces, _) in enumerate(summarizer.calls):
            assert sum(cost(m, ByteEstimate()) for m in pieces) <= 200 + 20
            assert (pieces[0].kind == "summary") is (number > 0)
        said = [m.seq for pieces, _ in summarizer.calls for m in pieces if m.kind == "text"]
        assert said == list(range(1, len(said) + 1))
        first = len(summarizer.calls)
        await say(sessions, session_id, *(f"later {n}" for n in range(40)))
        context = await sessions.get_context_history(session_id, max_tokens=200, strategy="summarize")
        assert len(summarizer.calls) > first
        assert summarizer.calls[first][0][0].content == f"they talked {first}"
        assert [m.content for m in context if m.kind == "summary"] == [f"they talked {len(summarizer.calls)}"]
        said = [m.seq for pieces, _ in summarizer.calls for m in pieces if m.kind == "text"]
        assert said == sorted(set(said))


@pytest.mark.parametrize("answer", [RuntimeError("model is down"), TimeoutError(), "", " \n"])
async def test_a_summarizer_that_fails_leaves_it_to_smart(answer: str | Exception) -> None:
    """The answer goes on with the newest turns, says so, and stores nothing."""
    async with opened(Summarizer(answer)) as sessions:
        session_id = await long_talk(sessions)
        before = await texts(sessions, session_id)
        smart = await sessions.get_context_history(session_id, max_tokens=200, strategy="smart")
        context = await sessions.get_context_history(session_id, max_tokens=200, strategy="summarize")
        assert (context.messages, context.strategy) == (smart.messages, "smart")
        assert context.note is not None
        assert "no summary could be made" in context.note
        assert "model is down" not in context.note
        assert await texts(sessions, session_id) == before


async def test_without_a_summarizer_smart_takes_its_place() -> None:
    """Asking for summaries where none can be made is no error, only a note."""
    async with opened(None) as sessions:
        session_id = await long_talk(sessions)
        context = await sessions.get_context_history(session_id, max_tokens=200, strategy="summarize")
        assert context.strategy == "smart"
        assert context.note is not None
        with pytest.raises(InvalidValue):
            await sessions.compact(session_id)


async def test_what_fits_is_not_summarised() -> None:
    """A short conversation is sent as it is."""
    summarizer = Summarizer()
    async with opened(summarizer) as sessions:
        session_id = await long_talk(sessions, 3)
        context = await sessions.get_context_history(session_id, max_tokens=1_000, strategy="summarize")
        assert (len(context), context.strategy, summarizer.calls) == (6, "summarize", [])


async def test_compact_follows_instructions_and_can_be_undone_with_its_turn() -> None:
    """Compacting makes a summary now; it changes nothing that was said and goes when its turn is taken back."""
    summarizer = Summarizer()
    async with opened(summarizer) as sessions:
        session_id = await long_talk(sessions)
        before = await texts(sessions, session_id)
        summary = await sessions.compact(session_id, instructions="names only", max_tokens=200)
        assert {instructions for _, instructions in summarizer.calls} == {"names only"}
        assert await texts(sessions, session_id) == [*before, summary.content]
        await sessions.undo(ANN)
        assert await texts(sessions, session_id) == before[:-2]
        context = await sessions.get_context_history(session_id, max_tokens=100)
        assert summary.content not in [message.content for message in context]


async def test_there_must_be_something_to_summarise() -> None:
    """Compacting an empty conversation, or the same twice, is refused."""
    async with opened(Summarizer()) as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue, match="nothing older to summarise"):
            await sessions.compact(session.id)
        session_id = await long_talk(sessions)
        await sessions.compact(session_id, max_tokens=200)
        with pytest.raises(InvalidValue, match="nothing older to summarise"):
            await sessions.compact(session_id, max_tokens=200)


async def test_a_message_during_the_summary_is_kept_and_not_covered() -> None:
    """What is said while a summary is being made stays after it in the context."""
    summarizer = Summarizer()
    async with opened(summarizer) as sessions:
        session_id = await long_talk(sessions)
        await asyncio.gather(
            sessions.compact(session_id, max_tokens=200),
            sessions.add_message(session_id, role="user", content="meanwhile"),
        )
        context = await sessions.get_context_history(session_id, max_tokens=200)
        words = [message.content for message in context]
        assert "meanwhile" in words
        assert any(message.kind == "summary" for message in context)


async def test_a_summary_that_comes_after_the_conversation_moved_on_is_dropped() -> None:
    """A summary of what was cleared meanwhile must not stand in the new beginning and hide what is said there."""
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(messages: Sequence[Message], instructions: str | None) -> str:
        started.set()
        await go_on.wait()
        return "they talked"

    async with opened(slow) as sessions:
        session_id = await long_talk(sessions)
        making = asyncio.ensure_future(sessions.compact(session_id, max_tokens=100))
        await started.wait()
        await sessions.clear_history(session_id)
        go_on.set()
        with pytest.raises(InvalidValue, match="moved on"):
            await making
        await sessions.add_message(session_id, role="user", content="hello")
        context = await sessions.get_context_history(session_id, max_tokens=1_000)
        assert [message.content for message in context] == ["hello"]
