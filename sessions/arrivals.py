"""Arrivals: the conversations of one import, sealed and stored piece by piece until they are let in together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sessions.address import Address
from sessions.directory import Directory, Place
from sessions.errors import InvalidValue
from sessions.export.layout import Layout
from sessions.export.times import to_ms
from sessions.export.transcript import Transcript
from sessions.imported_profile import imported_profile, mark_text
from sessions.journal import EntryKind
from sessions.live import LiveSession, check_usage
from sessions.message import JsonValue, Message, clean_metadata, clean_text
from sessions.profile import Profile
from sessions.records import MAX_SEQUENCE, Arrival, EntryRow, MessageRow, SessionRow
from sessions.resets import Resets
from sessions.scope import Scope
from sessions.session import Status, new_id
from sessions.store import Store
from sessions.vault import Vault

BATCH: Final = 500  # messages in one unit of work
MOST_NAMED = 100  # sessions that are named by their ids
MAX_TOKENS = 10**15  # in one session; sums of them stay within a column


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came in: how many sessions and messages, and the ids of the first hundred."""

    sessions: int
    messages: int
    ids: tuple[str, ...]


class Arrivals:
    """The conversations of one import, on their way in."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        directory: Directory,
        resets: Resets,
        now: Callable[[], int],
        new_ids: bool,
    ) -> None:
        self._store, self._vault, self._directory, self._resets, self._now = store, vault, directory, resets, now
        self._new_ids = new_ids
        self.numbers: list[int] = []
        self._known: dict[str, str] = {}  # the ids they had, and those they have here
        self._places: dict[tuple[Address, Scope], Place] = {}
        self._total = 0
        self._messages: list[MessageRow] = []
        self._entries: list[EntryRow] = []
        self._arrivals: list[Arrival] = []
        self._storing: asyncio.Task[None] | None = None

    def done(self) -> Imported:
        """Tell what was added."""
        ids = tuple(list(self._known.values())[:MOST_NAMED])
        return Imported(sessions=len(self.numbers), messages=self._total, ids=ids)

    async def expect(self, places: Sequence[tuple[Address, Scope]]) -> None:
        """Look up at once what will be needed for conversations that are added next; that is only faster."""
        self._places = dict(zip(places, await self._directory.foresee(places), strict=True))

    async def add(
        self,
        transcript: Transcript,
        address: Address,
        *,
        scope: Scope | None = None,
        title: str | None = None,
        where: str = "",
    ) -> str:
        """Add a conversation to those of `address`; give its id here.

        `scope` and `title` take the place of those in the transcript. `where` names it in errors. Raises
        `InvalidValue`.
        """
        layout = Layout(transcript, where=where)
        claimed = transcript.session.id
        profile = imported_profile(transcript, address, scope or transcript.session.scope, title, where=where)
        if profile.forked_from is not None:
            profile = replace(profile, forked_from=self._known.get(profile.forked_from, profile.forked_from))
        session_id = self._id_for(claimed, where)
        live = await self._begin(transcript, profile, session_id)
        self.numbers.append(live.row.number)
        self._seal_entries(live, layout, transcript, where)
        await self._seal_messages(live, layout, transcript, where)
        self._arrivals.append(await self._arrival(live, layout, transcript))
        self._known[claimed] = session_id
        self._total += len(transcript.stored)
        return session_id

    def _id_for(self, claimed: str, where: str) -> str:
        if claimed in self._known:
            raise InvalidValue(f"{where}session.id: {claimed} stands in there twice")
        return new_id() if self._new_ids else claimed

    async def _begin(self, transcript: Transcript, profile: Profile, session_id: str) -> LiveSession:
        session = transcript.session
        wrapped, cipher = self._vault.new_session_key(session_id)
        usage = session.usage
        known = self._places.get((profile.address, profile.scope))
        place = known or await self._directory.place(profile.address, profile.scope)
        row = SessionRow(
            number=await self._store.next_number(),
            id=session_id,
            key_idx=place.key_idx,
            owner_idx=place.owner_idx,
            status=session.status.value,
            created_at=self._time(to_ms(session.created_at)),
            last_activity_at=self._time(to_ms(session.last_activity_at)),
            updated_at=self._time(to_ms(session.updated_at)),
            next_reset_at=None,
            head=0,
            stored=0,
            entries=0,
            message_count=0,
            input_tokens=min(usage.input_tokens, MAX_TOKENS),
            output_tokens=min(usage.output_tokens, MAX_TOKENS),
            cached_tokens=min(usage.cached_tokens, MAX_TOKENS),
            version=1,
            profile_version=1,
            profile=b"",
            wrapped=wrapped,
            commitment=cipher.commitment,
            mac=b"",
        )
        return LiveSession(row, cipher, self._vault.install_id, profile)

    def _seal_entries(self, live: LiveSession, layout: Layout, transcript: Transcript, where: str) -> None:
        at = live.row.created_at
        for start, parent in zip(layout.starts[1:], layout.parents[1:], strict=True):
            self._note(live, EntryKind.branch, at, {"start": start, "parent": parent})
        for index, mark in enumerate(layout.marks):
            point = mark.checkpoint
            name, description = mark_text(point, f"{where}checkpoints[{index}]")
            said: dict[str, JsonValue] = {
                "number": point.number,
                "automatic": point.automatic,
                "position": mark.position,
                "count": mark.count,
                "name": name,
                "description": description,
            }
            self._note(live, EntryKind.checkpoint, self._time(to_ms(point.created_at)), said)

    def _note(self, live: LiveSession, kind: EntryKind, at: int, said: dict[str, JsonValue]) -> None:
        live.row.entries += 1
        if live.row.entries > MAX_SEQUENCE:
            raise InvalidValue(f"a conversation has at most {MAX_SEQUENCE:,} branches and checkpoints")
        self._entries.append(live.seal_entry(live.row.entries, kind, at, said))

    async def _seal_messages(self, live: LiveSession, layout: Layout, transcript: Transcript, where: str) -> None:
        if len(transcript.stored) > MAX_SEQUENCE:
            raise InvalidValue(f"a conversation has at most {MAX_SEQUENCE:,} messages")
        now, newest = self._now(), live.row.updated_at
        for branch, positions in layout.runs(len(transcript.stored)):
            for start in range(positions.start, positions.stop, BATCH):
                some = range(start, min(start + BATCH, positions.stop))
                cleaned = [_clean(transcript.stored[n - 1].message, now, where, n) for n in some]
                newest = max(newest, *(message.created_ms for message, _ in cleaned))
                self._messages += live.seal_messages(start, branch, cleaned)
                if len(self._messages) >= BATCH:
                    await self.flush()
        live.row.updated_at = newest  # within a session time never runs backwards

    async def _arrival(self, live: LiveSession, layout: Layout, transcript: Transcript) -> Arrival:
        """Seal the row, and another one for the case that the place of the current session is taken."""
        row = live.row
        row.head, row.stored, row.message_count = layout.head, len(transcript.stored), layout.length(layout.head)
        aside: SessionRow | None = None
        if Status(row.status).is_current:
            aside = row.copy()
            aside.status = Status.PAUSED.value
            await self._schedule(live)
        row.profile = live.seal_profile(row, live.profile)
        row.mac = live.head_mac(row)
        if aside is not None:
            aside.profile = row.profile
            aside.mac = live.head_mac(aside)
        return Arrival(row, aside)

    async def _schedule(self, live: LiveSession) -> None:
        """Work out the next reset by the rules that hold here; one that is due already is waived."""
        resets, now = self._resets, self._now()
        await resets.rule(live)
        due = resets.next(live)
        if due is not None and due.at_ms <= now:
            live.profile = replace(live.profile, waived_ms=now)
            due = resets.next(live)
        live.row.next_reset_at = None if due is None else due.at_ms

    async def flush(self) -> None:
        """Hand over what has been sealed so far; while it is stored the next is sealed."""
        await self.settle()
        messages, entries, arrivals = self._messages, self._entries, self._arrivals
        self._messages, self._entries, self._arrivals = [], [], []
        if messages or entries or arrivals:
            storing = self._store.stage(messages, entries, arrivals)
            self._storing = asyncio.create_task(storing)
            for _ in range(3):  # rounds of the event loop, in which it begins, is queued and is handed to its thread
                await asyncio.sleep(0)

    async def settle(self) -> None:
        """Wait until what was handed over is stored."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    def _time(self, ms: int) -> int:
        return min(max(ms, 0), self._now())


def _clean(message: Message, now: int, where: str, position: int) -> tuple[Message, bytes]:
    """Check what a file claims of one message, and encode its text. Nothing was said in the future."""
    if not 0 <= message.created_ms <= now:
        message = message._replace(created_ms=min(max(message.created_ms, 0), now))
    try:
        if message.usage is not None:
            check_usage(message.usage)
        if message.author is None and message.metadata is None:
            return message, clean_text(message.content)
        author = None if message.author is None else clean_text(message.author, "author").decode()
        metadata = None if message.metadata is None else clean_metadata(message.metadata)
        return message._replace(author=author, metadata=metadata), clean_text(message.content)
    except InvalidValue as error:
        raise InvalidValue(f"{where}messages[{position - 1}]: {error}") from None
