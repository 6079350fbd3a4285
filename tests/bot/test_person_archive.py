"""The archive that a person gets: as large as it has to be, whatever the memory."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.person_archive import pack_person
from sessions.address import Address
from sessions.manager import SessionManager
from tests.bot.archives import Archive

ANN = Address(platform="telegram", account="1", chat_id="1", user_id="1")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MANY, LONG = 40, 300_000


async def test_one_conversation_is_in_memory_at_a_time(tmp_path: Path) -> None:
    """What is packed is in the file and nowhere else."""
    async with SessionManager.open(db_path=tmp_path / "a.db", encryption_key=bytes(32)) as sessions:
        for number in range(MANY):
            session = await sessions.new_session(replace(ANN, chat_id=f"{number}"))
            await sessions.add_message(session.id, role="user", content=os.urandom(LONG // 2).hex())
    async with SessionManager.open(db_path=tmp_path / "a.db", encryption_key=bytes(32), read_only=True) as sessions:
        owned = await sessions.own_sessions(ANN)
        tracemalloc.start()
        with (tmp_path / "a.zip").open("wb") as file:
            packed = await pack_person(sessions, owned, [ANN], NOW, file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (packed.conversations, packed.rest) == (MANY, None)
    assert (tmp_path / "a.zip").stat().st_size > MANY * LONG * 0.9
    assert peak < MANY * LONG / 2
    archive = Archive((tmp_path / "a.zip").read_bytes())
    assert len(archive.json) == MANY


async def test_what_does_not_open_is_named_and_keeps_nothing_back(tmp_path: Path) -> None:
    """The others are there; a part that is full ends before what it has no room for."""
    async with SessionManager.open(encryption_key=bytes(32)) as sessions:
        owned = []
        for number in range(3):
            session = await sessions.new_session(replace(ANN, chat_id=f"{number}"))
            await sessions.add_message(session.id, role="user", content=os.urandom(20_000).hex())
            owned.append(session)
        with (tmp_path / "a.zip").open("w+b") as file:
            packed = await pack_person(sessions, owned, [ANN], NOW, file, most=120_000)
        assert (packed.conversations, packed.rest) == (2, owned[2].id)
        archive = Archive((tmp_path / "a.zip").read_bytes())
        assert archive.ids == [owned[0].id, owned[1].id]
        assert "is stored, in part, of telegram:1" in archive.readme
        with (tmp_path / "b.zip").open("w+b") as file:
            packed = await pack_person(sessions, owned, [ANN], NOW, file, most=20_000)
        assert (packed.conversations, packed.too_large) == (0, [one.id for one in owned])
        assert f"{owned[1].id}  is too large" in Archive((tmp_path / "b.zip").read_bytes()).readme
