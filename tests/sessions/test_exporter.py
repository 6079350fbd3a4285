"""Exports through the manager: what was gathered is whole, and can be read back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessions.errors import InvalidValue, NotFound, Tampered
from sessions.export.json_format import to_json
from sessions.export.json_reader import from_json
from sessions.export.transcript import Transcript
from sessions.manager import SessionManager
from sessions.message import Usage
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts
from tests.sessions.meanwhile import Meanwhile, seal_anew

ANN = person("ann", thread="7")
Opened = Callable[[], SessionManager]


async def branched(sessions: SessionManager) -> tuple[str, str]:
    """Make a conversation with branches and checkpoints, and a fork of it with its own; give both ids."""
    first = await sessions.get_or_create_session(ANN)
    await sessions.update_session(first.id, title="Größe & <b>", tags=["a", "b"], model="m", metadata={"n": [1, None]})
    await say(sessions, first.id, "one")
    await sessions.save_checkpoint(first.id, name="here", description="why")
    await sessions.add_message(first.id, role="user", content="lost", author="Ann", metadata={"k": {"v": 1}})
    await sessions.add_message(first.id, role="assistant", content="lost too", usage=Usage(5, 6, 7), kind="partial")
    await sessions.restore_checkpoint(f"{first.id}-1")
    await say(sessions, first.id, "two")
    await sessions.new_session(ANN)
    fork = await sessions.fork(first.id)
    await say(sessions, fork.id, "gone")
    await sessions.save_checkpoint(fork.id, name="there")
    await sessions.undo(ANN, steps=2)
    await say(sessions, fork.id, "three")
    return first.id, fork.id


async def test_json_of_branches_and_forks_is_read_back_whole(open_store: Opener) -> None:
    """The conversation, every branch, every message and every checkpoint, and the same bytes when written again."""
    async with open_store() as sessions:
        for session_id in await branched(sessions):
            await _check_round_trip(sessions, session_id)


async def test_json_of_a_fork_whose_original_is_gone_is_read_back_whole(open_store: Opener) -> None:
    """What was handed over stands in the file like everything else."""
    async with open_store() as sessions:
        first, fork = await branched(sessions)
        words = await texts(sessions, fork)
        await sessions.delete_session(first)
        await _check_round_trip(sessions, fork)
        assert await texts(sessions, fork) == words == ["one", "re: one", "three", "re: three"]


async def test_what_got_another_key_since_its_row_was_read_is_exported_whole(db_path: Path) -> None:
    """Conversations that are read side by side, and a fork: the same as without a rotation in between."""
    store = Meanwhile(db_path)
    async with SessionManager.open(store=store, encryption_key=KEY) as sessions:
        ids = [*await branched(sessions)]
        for name in ("ben", "cleo"):
            session = await sessions.get_or_create_session(person(name, chat=name))
            await say(sessions, session.id, "one", "two")
            ids.append(session.id)

        async def exported() -> list[str]:
            moment = datetime(2026, 1, 1, tzinfo=UTC)
            read = [one async for _, one in sessions.transcripts(ids, exported_at=moment)]
            found = [one for one in read if isinstance(one, Transcript)]
            assert [one.damaged for one in found] == [0] * len(ids)
            return [to_json(one) for one in found]

        before = await exported()
        store.job = lambda: seal_anew(sessions)
        assert await exported() == before
        assert store.job is None


async def _check_round_trip(sessions: SessionManager, session_id: str) -> None:
    text = await sessions.export(session_id, format="json")
    read = from_json(text)
    assert to_json(read) == text
    assert list(read.messages) == await sessions.get_history(session_id, limit=None)
    assert read.session == await sessions.get_session(session_id)
    checkpoints = await sessions.list_checkpoints(session_id, automatic=True)
    assert list(read.checkpoints) == checkpoints
    assert read.damaged == 0
    assert [one.n for one in read.stored] == list(range(1, len(read.stored) + 1))
    every = {one.message.content for one in read.stored}
    for checkpoint in checkpoints:
        await sessions.restore_checkpoint(checkpoint.id)
        assert every >= set(await texts(sessions, session_id))
        await sessions.undo(ANN)


async def test_markdown_shows_the_branch_one_reads(open_memory: Opened) -> None:
    """What was taken back is not in it; the facts are, unless they are left out."""
    async with open_memory() as sessions:
        first, fork = await branched(sessions)
        text = await sessions.export(fork, format="markdown")
        for word in ("one", "three", fork):
            assert word in text
        for word in ("gone", "lost", "two"):
            assert word not in text
        plain = await sessions.export(first, format="markdown", include_metadata=False)
        assert "re: two" in plain
        assert "telegram" not in plain


@pytest.mark.parametrize("form", ["markdown", "json", "html", "text", "md", "txt", " JSON "])
async def test_every_format_holds_every_word(open_memory: Opened, form: str) -> None:
    """The formats go by name or by file suffix."""
    async with open_memory() as sessions:
        first, _ = await branched(sessions)
        text = await sessions.export(first, format=form)
        assert all(word in text for word in ("one", "re: two"))


async def test_an_unknown_format_is_refused(open_memory: Opened) -> None:
    """The answer names those that there are."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue, match="markdown, json, html, text"):
            await sessions.export(session.id, format="pdf")


async def test_a_history_is_given_as_text(open_memory: Opened, clock: ManualClock) -> None:
    """Markdown and plain text hold the newest messages and nothing else."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        for text in (
            await sessions.get_history(session.id, limit=2, format="markdown"),
            await sessions.get_history(session.id, limit=2, format="text"),
        ):
            assert "re: two" in text
            assert "one" not in text


async def test_an_empty_conversation_can_be_exported(open_memory: Opened) -> None:
    """In every format."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        for form in ("markdown", "json", "html", "text"):
            assert session.id in await sessions.export(session.id, format=form)


async def test_several_conversations_are_read_at_once(open_store: Opener) -> None:
    """Each as it is read alone; one that is gone or does not open is an error in its place."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    async with open_store() as sessions:
        ids = list(await branched(sessions))
        for number in range(12):
            session = await sessions.get_or_create_session(person(f"p{number}"))
            await say(sessions, session.id, *(f"{number} {turn}" for turn in range(number)))
            ids.append(session.id)
        alone = [await sessions.transcript(session_id, exported_at=at) for session_id in ids]
    async with open_store(read_only=True) as reading:
        for some in (slice(None), slice(None, None, -1), slice(3, 9, 2)):
            found = [one async for one in reading.transcripts(ids[some], exported_at=at)]
            assert found == list(zip(ids[some], alone[some], strict=True))
    async with open_store() as sessions:
        await sessions.delete_session(ids[5])
        await sessions._store.set_aside(9, "expired")
        found = [one async for one in sessions.transcripts([*ids[4:8], "zzzzzzzzzzzz"], exported_at=at)]
    assert [type(one) for _, one in found] == [Transcript, NotFound, Transcript, Tampered, NotFound]
    assert (found[0][1], found[2][1]) == (alone[4], alone[6])
