"""What a person meets where a stored row does not open: a gap that shows, and everything else as before."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sessions.context import STRATEGIES
from sessions.errors import NotFound, SessionError, Tampered
from sessions.manager import SessionManager
from sessions.message import Message
from sessions.scope import Scope
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

Damage = Callable[..., None]
GAP = "[message 3 is unreadable]"


@pytest.fixture
def damage(db_path: Path) -> Damage:
    """Run a statement on the stored file, beside whoever has it open."""

    def run(sql: str, *values: int | bytes) -> None:
        with closing(sqlite3.connect(db_path, isolation_level=None)) as connection:
            assert connection.execute(sql, values).rowcount > 0

    return run


async def filled(open_store: Opener) -> str:
    """Store three turns of Ann and give the session's id."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "one", "two", "three")
        return session.id


CHANGED = "UPDATE message SET body = zeroblob(length(body)) WHERE id & 0xFFFFFF = 3"
REMOVED = "DELETE FROM message WHERE id & 0xFFFFFF = 3"


@pytest.mark.parametrize("sql", [CHANGED, REMOVED], ids=["changed", "removed"])
async def test_a_message_that_does_not_open_leaves_a_gap_that_shows(
    open_store: Opener, damage: Damage, sql: str
) -> None:
    """A changed or missing message is a placeholder in its place, never a shorter list; the rest goes on."""
    session_id = await filled(open_store)
    damage(sql)
    async with open_store() as sessions:
        assert await texts(sessions, session_id) == ["one", "re: one", GAP, "re: two", "three", "re: three"]
        gap = (await sessions.get_history(session_id))[2]
        assert (gap.kind, gap.seq) == ("unreadable", 3)
        assert [m.content async for m in sessions.iter_history(session_id, page=2)][2] == GAP
        assert (await sessions.get_history(session_id, limit=4))[0].content == GAP
        assert GAP in await sessions.get_history(session_id, format="text")
        assert "1 of 6 messages do not open or are missing" in " ".join(await sessions.verify())

        mark = await sessions.save_checkpoint(session_id, name="here")
        await say(sessions, session_id, "four")
        await sessions.undo(person())
        await sessions.restore_checkpoint(mark.id)
        fork = await sessions.fork(session_id)
        await say(sessions, fork.id, "five")
        assert (await texts(sessions, fork.id))[2:] == [GAP, "re: two", "three", "re: three", "five", "re: five"]


@pytest.mark.parametrize("sql", [CHANGED, REMOVED], ids=["changed", "removed"])
async def test_a_gap_is_never_sent_to_the_model(db_path: Path, open_store: Opener, damage: Damage, sql: str) -> None:
    """No strategy gives the placeholder away as something that was said, and no summary is made of it."""
    session_id = await filled(open_store)
    damage(sql)
    summarised: list[str] = []

    async def summarise(messages: Sequence[Message], instructions: str | None) -> str:
        summarised.extend(message.content for message in messages)
        return "in short"

    async with SessionManager.open(db_path=db_path, encryption_key=KEY, summarizer=summarise) as sessions:
        for strategy in STRATEGIES:
            for budget in (20, 60, 10_000):
                context = await sessions.get_context_history(session_id, max_tokens=budget, strategy=strategy)
                assert not any("unreadable" in (m.kind, m.content) or m.content == GAP for m in context)
                assert context.dropped >= 1
        await sessions.compact(session_id, max_tokens=20)
        assert "one" in summarised
        assert GAP not in summarised


async def test_without_damage_the_whole_conversation_is_sent(open_store: Opener) -> None:
    """The twin: the message that would be missing is there when nobody touched it."""
    session_id = await filled(open_store)
    async with open_store() as sessions:
        context = await sessions.get_context_history(session_id, max_tokens=10_000)
        assert [m.content for m in context][2] == "two"
        assert context.dropped == 0


@pytest.mark.parametrize("sql", [CHANGED, REMOVED], ids=["changed", "removed"])
async def test_a_gap_shows_in_every_export_and_in_no_search(open_store: Opener, damage: Damage, sql: str) -> None:
    """An export marks what is missing and counts it; a search does not find the placeholder's words."""
    session_id = await filled(open_store)
    damage(sql)
    async with open_store() as sessions:
        for format_name in ("markdown", "html", "text"):
            exported = await sessions.export(session_id, format=format_name)
            assert "message 3 is unreadable" in exported
            assert "re: two" in exported
        told = json.loads(await sessions.export(session_id, format="json"))
        assert "unreadable" in json.dumps(told)
        assert await sessions.search(person(), "unreadable") == []
        assert len(await sessions.search(person(), "two")) == 1


async def test_every_changed_bit_of_a_message_leaves_the_same_gap(
    open_store: Opener, damage: Damage, db_path: Path
) -> None:
    """Whatever bit of a stored message is changed and wherever it is cut, the same placeholder is shown."""
    session_id = await filled(open_store)
    with closing(sqlite3.connect(db_path)) as connection:
        (body,) = connection.execute("SELECT body FROM message WHERE id & 0xFFFFFF = 3").fetchone()
    flips = [body[:at] + bytes((body[at] ^ 1 << bit,)) + body[at + 1 :] for at in range(len(body)) for bit in range(8)]
    async with open_store(hot_messages=0) as sessions:
        for wrong in [*flips, *(body[:length] for length in range(len(body))), body + b"\0"]:
            damage("UPDATE message SET body = ? WHERE id & 0xFFFFFF = 3", wrong)
            assert (await sessions.get_history(session_id, limit=4))[0].content == GAP
        damage("UPDATE message SET body = ? WHERE id & 0xFFFFFF = 3", body)
        assert (await sessions.get_history(session_id, limit=4))[0].content == "two"


DAMAGED_SESSIONS = {
    "counter": "UPDATE session SET message_count = message_count + 1 WHERE number = 1",
    "key": "UPDATE session SET wrapped = zeroblob(70) WHERE number = 1",
    "profile": "UPDATE session SET profile = zeroblob(64) WHERE number = 1",
    "journal": "DELETE FROM journal WHERE id = 1 << 24 | 1",
    "times": "UPDATE session SET created_at = 1 << 61, last_activity_at = -1 << 61 WHERE number = 1",
}


@pytest.mark.parametrize("sql", DAMAGED_SESSIONS.values(), ids=DAMAGED_SESSIONS)
async def test_a_damaged_conversation_says_so_and_a_new_one_can_begin(
    open_store: Opener, damage: Damage, sql: str
) -> None:
    """The current session refuses to be used, never shows as empty; `new_session` sets it aside and goes on."""
    async with open_store() as sessions:
        old = await sessions.get_or_create_session(person())
        await say(sessions, old.id, "one", "two")
        await sessions.update_session(old.id, title="holiday")
        theirs = await sessions.get_or_create_session(person("bob"))
    damage(sql)
    async with open_store() as sessions:
        for refused in (
            sessions.get_or_create_session(person()),
            sessions.reset(person()),
            sessions.get_history(old.id),
            sessions.add_message(old.id, role="user", content="three"),
            sessions.get_context_history(old.id, max_tokens=100),
            sessions.export(old.id),
            sessions.begin_turn(old.id, content="three"),
        ):
            with pytest.raises(Tampered, match="can not be verified: the stored data was changed or is damaged"):
                await refused
        assert [s.id for s in await sessions.list_sessions(person())] == [old.id]
        assert await sessions.search(person(), "one") == []
        await say(sessions, theirs.id, "hello")  # nobody else is concerned

        fresh = await sessions.new_session(person(), title="again")
        await say(sessions, fresh.id, "hello")
        assert (await sessions.get_or_create_session(person())).id == fresh.id
        assert [s.id for s in await sessions.list_sessions(person())] == [fresh.id, old.id]
        assert (await sessions.find_session(person(), old.id)).id == old.id
        assert any(old.id in problem for problem in await sessions.verify())

        await sessions.delete_session(old.id)
        assert [s.id for s in await sessions.list_sessions(person())] == [fresh.id]
        assert await sessions.verify() == []


async def test_a_damaged_conversation_can_be_erased_with_its_person(open_store: Opener, damage: Damage) -> None:
    """Somebody who wants to be forgotten is, whether or not the data still opens."""
    await filled(open_store)
    damage(DAMAGED_SESSIONS["counter"])
    async with open_store() as sessions:
        assert (await sessions.erase_person(person())).sessions == 1
        assert await sessions.own_sessions(person()) == []
        assert await sessions.verify() == []


async def test_a_damaged_rule_of_a_chat_does_not_cost_the_conversation(
    open_store: Opener, damage: Damage, db_path: Path
) -> None:
    """A preference that does not open is an error, and leaves the session as it was for when it is put back."""
    session_id = await filled(open_store)
    async with open_store() as sessions:
        await sessions.set_chat_resets(person(), idle=None)
    with closing(sqlite3.connect(db_path)) as connection:
        (body,) = connection.execute("SELECT body FROM preference").fetchone()
    damage("UPDATE preference SET body = zeroblob(64)")
    async with open_store() as sessions:
        for _ in range(2):
            with pytest.raises(Tampered, match="a preference can not be verified"):
                await sessions.get_or_create_session(person())
            with pytest.raises(Tampered, match="a preference can not be verified"):
                await sessions.new_session(person())
    damage("UPDATE preference SET body = ?", body)
    async with open_store() as sessions:
        assert await sessions.verify() == []
        assert len(await texts(sessions, session_id)) == 6


async def test_a_damaged_choice_of_scope_is_not_taken_for_none(open_store: Opener, damage: Damage) -> None:
    """Who shares a conversation is not guessed: until the choice can be read nobody is let in."""
    async with open_store() as sessions:
        await sessions.set_scope(person(), Scope.PER_PEER)
    damage("UPDATE preference SET revision = revision + 1")
    async with open_store() as sessions:
        for refused in (sessions.scope_of(person()), sessions.list_sessions(person()), sessions.new_session(person())):
            with pytest.raises(Tampered, match="a preference"):
                await refused
        assert (await sessions.get_or_create_session(person("bob"))).message_count == 0


async def test_a_fork_whose_source_was_taken_away_says_so(open_store: Opener, damage: Damage) -> None:
    """Messages that a fork shares are not silently left out when their session is gone."""
    session_id = await filled(open_store)
    async with open_store() as sessions:
        fork = await sessions.fork(session_id)
    damage("DELETE FROM session WHERE number = 1")
    async with open_store() as sessions:
        with pytest.raises(NotFound):
            await sessions.get_session(session_id)
        with pytest.raises(Tampered, match="the conversation that this one was forked from"):
            await sessions.get_history(fork.id)


async def test_an_old_row_put_back_is_noticed_before_anything_is_overwritten(open_store: Opener, db_path: Path) -> None:
    """A message that would take the place of one that is already there is refused, and so is a checkpoint."""
    session_id = await filled(open_store)
    with closing(sqlite3.connect(db_path)) as connection:
        old = connection.execute("SELECT * FROM session").fetchone()
    async with open_store() as sessions:
        await sessions.save_checkpoint(session_id, name="here")
        await say(sessions, session_id, "four")
    with closing(sqlite3.connect(db_path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM journal")
        connection.execute(f"REPLACE INTO session VALUES ({', '.join('?' * len(old))})", old)  # noqa: S608
        before = connection.execute("SELECT * FROM message").fetchall()
    async with open_store() as sessions:
        with pytest.raises(Tampered):
            await sessions.add_message(session_id, role="user", content="another four")
        assert any("2 records that nobody stored" in problem for problem in await sessions.verify())
    with closing(sqlite3.connect(db_path)) as connection:
        assert connection.execute("SELECT * FROM message").fetchall() == before


async def test_damage_while_a_store_is_open_is_noticed(open_store: Opener, damage: Damage, clock: ManualClock) -> None:
    """A row that somebody changes beside a running program is not written over."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "one")
        damage("UPDATE session SET version = version + 7, message_count = 0")
        with pytest.raises(SessionError):
            await sessions.add_message(session.id, role="user", content="two")
        with pytest.raises(SessionError):
            await sessions.get_history(session.id)
        assert any(session.id in problem for problem in await sessions.verify())
