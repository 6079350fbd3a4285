"""ArrivalSealer: makes of a conversation that comes in the records it is stored as. It writes nothing.

So several processes can seal side by side what one of them stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sessions.address import Address
from sessions.arrival_codec import waiting
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
from sessions.records import MAX_SEQUENCE, Arrival, ArrivalRow, EntryRow, MessageRow, SessionRow
from sessions.resets import Resets
from sessions.scope import Scope
from sessions.session import Status
from sessions.vault import Vault

PART: Final = 500  # messages that are sealed in one go
MAX_TOKENS: Final = 10**15  # in one session; sums of them stay within a column
_new = tuple.__new__  # half the time of the constructor of a named tuple


class Identity(NamedTuple):
    """What a conversation will be in the store: its number, its id, and the ids that those before it have by now."""

    number: int
    id: str
    renamed: Mapping[str, str] = {}


Plain = tuple[int, str, str, list[tuple[Any, ...]], list[tuple[Any, ...]], tuple[Any, ...] | None]
"""The fields of a part that is sealed, as tuples."""


class Sealed(NamedTuple):
    """A part of a conversation as it is stored. The last part has the row of the session, with what it is then."""

    number: int
    claimed: str  # the id it has in its file
    id: str
    messages: Sequence[MessageRow]
    entries: Sequence[EntryRow]
    arrival: ArrivalRow | None

    def plain(self) -> Plain:
        """Give what goes to another process in a third of the time."""
        number, claimed, session_id, messages, entries, arrival = self
        row = None if arrival is None else tuple(arrival)
        return number, claimed, session_id, [tuple(one) for one in messages], [tuple(one) for one in entries], row

    @classmethod
    def of(cls, plain: Plain) -> Sealed:
        """Give what was made plain."""
        number, claimed, session_id, messages, entries, row = plain
        arrival = None if row is None else ArrivalRow(*row)
        rows = [_new(MessageRow, one) for one in messages]
        return cls(number, claimed, session_id, rows, [EntryRow(*one) for one in entries], arrival)


class ArrivalSealer:
    """Seals conversations that come in, each under a key of its own."""

    def __init__(self, *, vault: Vault, directory: Directory, resets: Resets, now: Callable[[], int]) -> None:
        self._vault, self._directory, self._resets, self._now = vault, directory, resets, now
        self._places: dict[tuple[Address, Scope], Place] = {}

    async def expect(self, places: Sequence[tuple[Address, Scope]]) -> None:
        """Look up at once what will be needed for conversations that are sealed next; that is only faster."""
        self._places = dict(zip(places, await self._directory.foresee(places), strict=True))

    async def begin(
        self,
        transcript: Transcript,
        address: Address,
        identity: Identity,
        *,
        scope: Scope | None = None,
        title: str | None = None,
        where: str = "",
    ) -> Sealing:
        """Check a conversation, which will be one of `address`, and begin to seal it.

        `scope` and `title` take the place of those in the transcript. `where` names it in errors. Raises
        `InvalidValue`.
        """
        layout = Layout(transcript, where=where)
        profile = imported_profile(transcript, address, scope or transcript.session.scope, title, where=where)
        if profile.forked_from is not None:
            profile = replace(profile, forked_from=identity.renamed.get(profile.forked_from, profile.forked_from))
        known = self._places.get((profile.address, profile.scope))
        place = known or await self._directory.place(profile.address, profile.scope)
        live = self._begun(transcript, profile, identity, place, self._now())
        if Status(live.row.status).is_current:
            await self._resets.rule(live)
        return Sealing(live, layout, transcript, self._resets, self._now(), where)

    def _begun(
        self, transcript: Transcript, profile: Profile, identity: Identity, place: Place, now: int
    ) -> LiveSession:
        session = transcript.session
        wrapped, cipher = self._vault.new_session_key(identity.id)
        usage = session.usage
        row = SessionRow(
            number=identity.number,
            id=identity.id,
            key_idx=place.key_idx,
            owner_idx=place.owner_idx,
            status=session.status.value,
            created_at=_time(to_ms(session.created_at), now),
            last_activity_at=_time(to_ms(session.last_activity_at), now),
            updated_at=_time(to_ms(session.updated_at), now),
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


class Sealing:
    """One conversation, while it is sealed."""

    def __init__(
        self, live: LiveSession, layout: Layout, transcript: Transcript, resets: Resets, now: int, where: str
    ) -> None:
        self._live, self._layout, self._transcript, self._resets = live, layout, transcript, resets
        self._now, self._where = now, where

    def parts(self) -> Iterator[Sealed]:
        """Seal it, some hundred messages at a time. Raises `InvalidValue`."""
        claimed, row = self._transcript.session.id, self._live.row
        entries, messages = self._entries(), list[MessageRow]()
        for some in self._messages():
            messages += some
            if len(messages) >= PART:
                yield Sealed(row.number, claimed, row.id, messages, entries, None)
                entries, messages = [], []
        yield Sealed(row.number, claimed, row.id, messages, entries, self._arrival())

    def _entries(self) -> list[EntryRow]:
        at, layout = self._live.row.created_at, self._layout
        entries = [
            self._entry(EntryKind.branch, at, {"start": start, "parent": parent})
            for start, parent in zip(layout.starts[1:], layout.parents[1:], strict=True)
        ]
        for index, mark in enumerate(layout.marks):
            point = mark.checkpoint
            name, description = mark_text(point, f"{self._where}checkpoints[{index}]")
            said: dict[str, JsonValue] = {
                "number": point.number,
                "automatic": point.automatic,
                "position": mark.position,
                "count": mark.count,
                "name": name,
                "description": description,
            }
            entries.append(self._entry(EntryKind.checkpoint, _time(to_ms(point.created_at), self._now), said))
        return entries

    def _entry(self, kind: EntryKind, at: int, said: dict[str, JsonValue]) -> EntryRow:
        row = self._live.row
        row.entries += 1
        if row.entries > MAX_SEQUENCE:
            raise InvalidValue(f"a conversation has at most {MAX_SEQUENCE:,} branches and checkpoints")
        return self._live.seal_entry(row.entries, kind, at, said)

    def _messages(self) -> Iterator[list[MessageRow]]:
        stored, live, now, where = self._transcript.stored, self._live, self._now, self._where
        if len(stored) > MAX_SEQUENCE:
            raise InvalidValue(f"a conversation has at most {MAX_SEQUENCE:,} messages")
        newest = live.row.updated_at
        for branch, positions in self._layout.runs(len(stored)):
            for start in range(positions.start, positions.stop, PART):
                some = range(start, min(start + PART, positions.stop))
                cleaned = [_clean(stored[n - 1].message, now, where, n) for n in some]
                newest = max(newest, *(message.created_ms for message, _ in cleaned))
                yield live.seal_messages(start, branch, cleaned)
        live.row.updated_at = newest  # within a session time never runs backwards

    def _arrival(self) -> ArrivalRow:
        """Seal the row, and another one for the case that the place of the current session is taken."""
        live, row, layout = self._live, self._live.row, self._layout
        row.head, row.stored, row.message_count = layout.head, len(self._transcript.stored), layout.length(layout.head)
        aside: SessionRow | None = None
        if Status(row.status).is_current:
            aside = row.copy()
            aside.status = Status.PAUSED.value
            self._schedule()
        row.profile = live.seal_profile(row, live.profile)
        row.mac = live.head_mac(row)
        if aside is not None:
            aside.profile = row.profile
            aside.mac = live.head_mac(aside)
        return waiting(Arrival(row, aside))

    def _schedule(self) -> None:
        """Work out the next reset by the rules that hold here; one that is due already is waived."""
        live, now = self._live, self._now
        due = self._resets.next(live)
        if due is not None and due.at_ms <= now:
            live.profile = replace(live.profile, waived_ms=now)
            due = self._resets.next(live)
        live.row.next_reset_at = None if due is None else due.at_ms


def _time(ms: int, now: int) -> int:
    return min(max(ms, 0), now)


def _clean(message: Message, now: int, where: str, position: int) -> tuple[Message, bytes]:
    """Check what a file claims of one message, and encode its text. Nothing was said in the future."""
    if not 0 <= message.created_ms <= now:
        message = message._replace(created_ms=_time(message.created_ms, now))
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
