"""A person edits a message: its text is replaced where it stands, and the older text never comes back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.sessions.conftest import Opener, person, texts

ANN = person("ann")


async def test_an_edit_replaces_the_text_where_it_stands(open_store: Opener) -> None:
    """The newest message of that source is changed, in memory and after a restart; author and usage stay."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        turn = await sessions.begin_turn(session.id, content="teel", author="Ann", metadata={"source": "7"})
        await sessions.finish_turn(turn, content="Noted.")
        assert await sessions.revise_message(ANN, source="7", content="teal")
        assert await texts(sessions, session.id) == ["teal", "Noted."]
    async with open_store() as sessions:
        (message, _) = await sessions.get_history(session.id)
        assert (message.content, message.author, message.metadata) == ("teal", "Ann", {"source": "7", "edited": True})
        assert await sessions.revise_message(ANN, source="7", content="blue")
        assert await texts(sessions, session.id) == ["blue", "Noted."]
        assert await sessions.verify() == []


async def test_an_edit_of_what_is_not_there_changes_nothing(open_store: Opener) -> None:
    """Unknown sources, other people and replies are left alone."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.begin_turn(session.id, content="hello", metadata={"source": "7"})
        await sessions.add_message(session.id, role="assistant", content="hi", metadata={"source": "8"})
        for address, source in ((ANN, "9"), (ANN, "8"), (person("bob"), "7")):
            assert not await sessions.revise_message(address, source=source, content="changed")
        assert await texts(sessions, session.id) == ["hello", "hi"]


async def test_a_fork_reads_the_edited_text(open_store: Opener) -> None:
    """What is shared is edited for all who read it, whichever of them its person is in."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.begin_turn(session.id, content="teel", metadata={"source": "7"})
        fork = await sessions.fork(session.id)
        assert await sessions.revise_message(ANN, source="7", content="teal")
        assert (await texts(sessions, fork.id), await texts(sessions, session.id)) == (["teal"], ["teal"])
        await sessions.delete_session(session.id)
        assert await texts(sessions, fork.id) == ["teal"]


async def test_the_older_text_put_back_does_not_open(open_store: Opener, db_path: Path) -> None:
    """Whoever writes the row of before the edit back into the database gets a placeholder, not the older text."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.begin_turn(session.id, content="teel", metadata={"source": "7"})
    with closing(sqlite3.connect(db_path)) as connection:
        (row,) = connection.execute("SELECT * FROM message").fetchall()
    async with open_store() as sessions:
        await sessions.revise_message(ANN, source="7", content="teal")
    with closing(sqlite3.connect(db_path, isolation_level=None)) as connection:
        connection.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    async with open_store() as sessions:
        assert await texts(sessions, session.id) == ["[message 1 is unreadable]"]
        assert await sessions.verify() != []
