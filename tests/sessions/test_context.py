"""Contexts: within the budget, in order, whole turns, and what matters first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.context import Context, StrategyName
from sessions.errors import InvalidValue
from sessions.manager import SessionManager
from sessions.message import Message, RoleName, Usage
from sessions.tokens import OVERHEAD, ByteEstimate, cost
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say

ANN = person("ann")
Opened = Callable[[], SessionManager]


class Said(NamedTuple):
    """A message to store."""

    role: RoleName
    size: int
    important: bool
    counted: int | None
    saved: bool


said = st.builds(
    Said,
    st.sampled_from(["user", "assistant", "assistant", "user", "tool", "system"]),
    st.integers(0, 120),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([None, None, 1, 50]),
    st.sampled_from([False, False, False, True]),
)


def turns(messages: list[Message]) -> list[set[int]]:
    """Group a conversation: what a person said, with all that answers it."""
    groups: list[set[int]] = []
    for message in messages:
        if message.role in ("user", "system") or not groups:
            groups.append(set())
        groups[-1].add(message.seq)
    return groups


def check(context: Context, every: list[Message], max_tokens: int) -> None:
    """Check what holds for every strategy."""
    by_seq = {message.seq: message for message in every}
    assert context.tokens == sum(cost(message, ByteEstimate()) for message in context)
    assert context.tokens <= max_tokens
    assert [message.seq for message in context] == sorted({message.seq for message in context})
    assert all(by_seq[message.seq] == message for message in context)
    assert context.dropped == len(every) - len(context)
    assert all(message.kind != "unreadable" for message in context)


@given(st.lists(said, min_size=1, max_size=25), st.integers(1, 400))
@settings(max_examples=200)
async def test_a_context_keeps_its_promises(messages: list[Said], max_tokens: int) -> None:
    """Never over the budget, in order, the newest turn if it fits, no turn torn, the dropped counted."""
    async with SessionManager.open(encryption_key=KEY, clock=ManualClock(), hot_messages=4) as sessions:
        session = await sessions.get_or_create_session(ANN)
        for n, each in enumerate(messages):
            usage = Usage(3, each.counted) if each.counted is not None and each.role == "assistant" else None
            await sessions.add_message(
                session.id, role=each.role, content="x" * each.size, usage=usage, important=each.important
            )
            if each.saved:
                await sessions.save_checkpoint(session.id, name=f"{n}")
        every = await sessions.get_history(session.id, limit=None)

        recent = await sessions.get_context_history(session.id, max_tokens=max_tokens, strategy="recent")
        check(recent, every, max_tokens)
        assert list(recent) == every[len(every) - len(recent) :]
        if recent.dropped:
            one_more = every[-len(recent) - 1]
            assert recent.tokens + cost(one_more, ByteEstimate()) > max_tokens

        smart = await sessions.get_context_history(session.id, max_tokens=max_tokens, strategy="smart")
        check(smart, every, max_tokens)
        taken = {message.seq for message in smart}
        for group in turns(every):
            if every[min(group) - 1].role == "user":
                assert not group & taken or group <= taken
        newest = turns(every)[-1]
        if sum(cost(m, ByteEstimate()) for m in every if m.seq in newest) <= max_tokens:
            assert newest <= taken
        if sum(cost(m, ByteEstimate()) for m in every) <= max_tokens:
            assert smart.dropped == 0


async def test_what_is_important_comes_before_what_is_recent(open_memory: Opened) -> None:
    """A system message and the turn of an important one from long ago have their place in a small budget."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.add_message(session.id, role="system", content="be kind")
        await say(sessions, session.id, "old")
        await sessions.add_message(session.id, role="user", content="my name is Ann", important=True)
        await sessions.add_message(session.id, role="assistant", content="hello Ann")
        await say(sessions, session.id, *(f"turn {n}" for n in range(300)))
        context = await sessions.get_context_history(session.id, max_tokens=150)
        words = [message.content for message in context]
        assert words[:3] == ["be kind", "my name is Ann", "hello Ann"]
        assert words[-2:] == ["turn 299", "re: turn 299"]
        assert "old" not in words


async def test_turns_at_checkpoints_are_taken_when_there_is_room(open_memory: Opened) -> None:
    """The turns before and after a saved place stand in the context, those around an automatic one do not."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        for n in range(200):
            await say(sessions, session.id, f"turn {n}")
            if n == 50:
                await sessions.save_checkpoint(session.id, name="here")
        context = await sessions.get_context_history(session.id, max_tokens=400)
        words = [message.content for message in context]
        assert words[:4] == ["turn 50", "re: turn 50", "turn 51", "re: turn 51"]
        assert "turn 52" not in words
        await sessions.delete_checkpoint(f"{session.id}-1")
        context = await sessions.get_context_history(session.id, max_tokens=400)
        assert "turn 50" not in [message.content for message in context]


async def test_a_context_crosses_branches_and_forks(open_memory: Opened) -> None:
    """A fork's context begins with what it shares and has nothing of what was taken back."""
    async with open_memory() as sessions:
        first = await sessions.get_or_create_session(ANN)
        await say(sessions, first.id, "one", "left")
        await sessions.undo(ANN)
        await say(sessions, first.id, "two")
        fork = await sessions.fork(first.id)
        await say(sessions, fork.id, "three")
        for strategy in get_args(StrategyName):
            context = await sessions.get_context_history(fork.id, max_tokens=1_000, strategy=strategy)
            assert [m.content for m in context] == ["one", "re: one", "two", "re: two", "three", "re: three"]
            assert context.dropped == 0


async def test_what_the_provider_counted_is_used(open_memory: Opened) -> None:
    """A reply costs the tokens its provider counted, anything else the estimate."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.add_message(session.id, role="user", content="x" * 40, usage=Usage(1_000, 1_000))
        await sessions.add_message(session.id, role="assistant", content="x" * 40, usage=Usage(9, 100))
        context = await sessions.get_context_history(session.id, max_tokens=1_000)
        assert context.tokens == (10 + OVERHEAD) + (100 + OVERHEAD)
        assert (await sessions.get_context_history(session.id, max_tokens=100)).tokens == 0


@pytest.mark.parametrize("max_tokens", [0, -1])
@pytest.mark.parametrize("strategy", get_args(StrategyName))
async def test_a_budget_for_nothing_is_refused(open_memory: Opened, max_tokens: int, strategy: StrategyName) -> None:
    """There must be room for at least one token."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue, match="max_tokens"):
            await sessions.get_context_history(session.id, max_tokens=max_tokens, strategy=strategy)


async def test_an_unknown_strategy_is_refused(open_memory: Opened) -> None:
    """The answer names those that there are."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue, match="recent, smart, summarize"):
            await sessions.get_context_history(session.id, max_tokens=10, strategy="best")  # type: ignore[arg-type]


async def test_an_empty_conversation_gives_an_empty_context(open_memory: Opened) -> None:
    """Nothing was said, so nothing is sent and nothing was dropped."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        for strategy in get_args(StrategyName):
            context = await sessions.get_context_history(session.id, max_tokens=10, strategy=strategy)
            assert (context.messages, context.tokens, context.dropped) == ((), 0, 0)


async def test_what_can_not_be_read_is_never_sent(open_store: Opener, db_path: Path) -> None:
    """A damaged message is left out and counted as dropped; the others of its turn stay."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.add_message(session.id, role="system", content="be kind")
        await say(sessions, session.id, "one", "two")
    connection = sqlite3.connect(db_path)
    connection.execute("UPDATE message SET body = zeroblob(40) WHERE id & 0xFFFFFF IN (1, 3)")
    connection.commit()
    connection.close()
    async with open_store() as sessions:
        for strategy in get_args(StrategyName):
            context = await sessions.get_context_history(session.id, max_tokens=1_000, strategy=strategy)
            assert [m.content for m in context] == ["one", "two", "re: two"]
            assert context.dropped == 2


async def test_no_budget_is_exceeded_by_a_single_token(open_memory: Opened) -> None:
    """Every budget from one token to more than there is."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two and more", "three and much more than that")
        every = await sessions.get_history(session.id)
        for max_tokens in range(1, sum(cost(message, ByteEstimate()) for message in every) + 2):
            for strategy in get_args(StrategyName):
                context = await sessions.get_context_history(session.id, max_tokens=max_tokens, strategy=strategy)
                check(context, every, max_tokens)
