"""Foresight: what is sealed next is looked up at once, and never believed for longer than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sessions.arrival_codec import WaitingArrival
from sessions.arrival_sealer import ArrivalSealer, Identity
from sessions.export.json_reader import from_json
from sessions.export.transcript import Transcript
from sessions.manager import SessionManager
from sessions.memo import FRESH
from sessions.records import PreferenceRow
from sessions.scope import Scope
from sessions.sqlite.store import SqliteStore
from tests.sessions.conftest import KEY, person, say
from tests.sessions.test_workers import manager

PEOPLE = [person(f"user-{number}") for number in range(100)]
HOUR = timedelta(hours=1)
PLACES = [(one, Scope.PER_CHANNEL_PEER) for one in PEOPLE]


class Counting(SqliteStore):
    """Counts how often it is asked for preferences."""

    asked = 0

    async def preferences_among(self, idxs: Sequence[bytes]) -> list[PreferenceRow]:
        self.asked += 1
        return await super().preferences_among(idxs)


async def talk(sessions: SessionManager) -> Transcript:
    """Give a conversation that is active, as another store exported it."""
    session = await sessions.get_or_create_session(PEOPLE[0])
    await say(sessions, session.id, "hello")
    transcript = from_json(await sessions.export(session.id, format="json"))
    await sessions.delete_session(session.id)
    return transcript


async def reset_of(sealer: ArrivalSealer, transcript: Transcript, number: int) -> int | None:
    """Seal it as one of the hundred people's, and tell when it will be reset."""
    begun = await sealer.begin(transcript, PEOPLE[number], Identity(number + 100, transcript.session.id))
    (part,) = begun.parts()
    assert part.arrival is not None
    return WaitingArrival(part.arrival.body).row.next_reset_at


async def test_what_many_need_is_read_at_once(db_path: Path) -> None:
    """By a process that remembers nothing, because another one writes."""
    async with SessionManager.open(db_path=db_path, encryption_key=KEY) as sessions:
        transcript = await talk(sessions)
    store = Counting(db_path, read_only=True)
    async with SessionManager.open(store=store, encryption_key=KEY, read_only=True) as reading:
        before = store.asked
        sealer = reading.sealer()
        await sealer.expect(PLACES)
        assert store.asked == before + 2
        for number in range(100):
            await reset_of(sealer, transcript, number)
        assert store.asked < before + 2 + 30  # not even these, where the machine is not very slow


async def test_what_another_process_sets_counts_a_moment_later(db_path: Path) -> None:
    """A rule for resets, for one."""
    async with (
        SessionManager.open(db_path=db_path, encryption_key=KEY) as sessions,
        SessionManager.open(db_path=db_path, encryption_key=KEY, read_only=True) as reading,
    ):
        transcript = await talk(sessions)
        await reading.sealer().expect(PLACES)
        await sessions.set_chat_resets(PEOPLE[7], idle=HOUR)
        await asyncio.sleep(FRESH)
        sealer = reading.sealer()
        assert await reset_of(sealer, transcript, 7) is not None
        assert await reset_of(sealer, transcript, 8) is None


async def test_what_this_process_sets_counts_at_once(database: str) -> None:
    """Also where others write as well, and all was looked up just before."""
    async with manager(database) as sessions:
        session = await sessions.get_or_create_session(PEOPLE[7])
        await sessions.sealer().expect(PLACES)
        await sessions.set_chat_resets(PEOPLE[7], idle=HOUR)
        assert (await sessions.reset_rule(session.id)).source == "chat"
        assert await reset_of(sessions.sealer(), await talk(sessions), 7) is not None
