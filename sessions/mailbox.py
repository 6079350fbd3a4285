"""Mailbox: what came in and what is to go out, sealed, until both are done with.

An update of a platform is stored before it is acknowledged there; its name is remembered for `REMEMBERED`, so that
it is handled once whatever the platform repeats. An answer is stored in the unit of work that brings it about.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sessions.census import CensusKeeper
from sessions.cipher import Unopened
from sessions.coordination import LANES
from sessions.errors import Tampered
from sessions.handling import Handling, current, handled
from sessions.letter import Letter, LetterState, Update
from sessions.mail_ids import TIME_BITS, MailIds
from sessions.message import JsonValue
from sessions.parcel import Parcel
from sessions.plain_json import encode_json
from sessions.records import ALL_SENT, Census, LetterRow, Mail, ParcelRow
from sessions.session_key import length_prefixed
from sessions.store import Store
from sessions.vault import Vault
from sessions.worker import Worker

REMEMBERED = timedelta(days=8)  # Telegram chooses its next update id at random after a week of silence
Judge = Callable[[str, bytes], bool]
"""Decides about a parcel by its channel and its content."""

_LENGTH, _NUMBERS = struct.Struct(">I"), struct.Struct(">qqq")
CLAIMED = 200  # letters or parcels that are taken at a time


class Mailbox:
    """Takes in, gives out, and forgets. `channel` names a bot account on a platform, such as `telegram:1234`."""

    def __init__(
        self, store: Store, vault: Vault, census: CensusKeeper, now: Callable[[], int], *, last_id: int
    ) -> None:
        self._store, self._vault, self._census, self._now = store, vault, census, now
        self._discarded: set[int] = set()
        self._attended: set[str] = set()
        self._ids = MailIds(now, last_id)
        self._worker: Worker | None = None

    @property
    def worker(self) -> Worker | None:
        """This program among those that share the work; None where it does everything."""
        return self._worker

    def join(self, worker: Worker) -> None:
        """From now on handle and deliver only what is this worker's."""
        self._worker = worker

    def lane(self, channel: str, place: str) -> int:
        """Tell what goes with a place of a channel; 0 where nothing is divided."""
        if self._worker is None:
            return 0
        digest = self._vault.index("mail/lane", length_prefixed(channel, place))
        return 1 + int.from_bytes(digest[:8], "big") % LANES

    # -- what comes in -------------------------------------------------------------------------

    def _lane_of(self, channel: str, update: Update) -> int:
        elsewhere = self._worker is not None and 0 < update.lane <= LANES
        return update.lane if elsewhere else self.lane(channel, update.place)

    async def receive(self, channel: str, updates: Iterable[Update | tuple[str, bytes]]) -> list[Letter]:
        """Store updates; give those that were not known yet, in their order. They are durable when this returns."""
        letters = self._letters(channel, updates)
        if not letters:
            return []
        rows = [self._letter_row(letter) for letter in letters]
        new = await self._store.receive(rows, self._census.change)
        return [letter for letter, is_new in zip(letters, new, strict=True) if is_new]

    async def take_in(
        self, channel: str, updates: Iterable[Update | tuple[str, bytes]], limit: int
    ) -> tuple[list[Letter], list[Letter]]:
        """Do what `receive` does and then what `claim` does, at once: give what is new, and what to work on."""
        letters, coordinator = self._letters(channel, updates), self._store.coordinator
        if coordinator is None or not letters:
            return [], []
        rows = [self._letter_row(letter) for letter in letters]
        new, claimed = await coordinator.receive(rows, self._census.change, self._channel(channel), limit)
        fresh = [letter for letter, is_new in zip(letters, new, strict=True) if is_new]
        return fresh, await self._taken_up([(letter.row, letter.before != 0) for letter in claimed])

    def _letters(self, channel: str, updates: Iterable[Update | tuple[str, bytes]]) -> list[Letter]:
        return [
            Letter(self._new_id(), channel, update.name, update.content, lane=self._lane_of(channel, update))
            for update in (Update(*update) for update in updates)
        ]

    async def unfinished(self, channel: str) -> list[Letter]:
        """Give what was not handled to its end before the program started, oldest first.

        Counts the attempt of those that had begun. One that does not open is left out and stays; `verify` tells of it.
        """
        return await self._taken_up([(row, True) for row in await self._store.letters(self._channel(channel))])

    async def claim(self, channel: str, limit: int = CLAIMED) -> list[Letter]:
        """Take what came in for this worker and it has not yet, oldest first; at most so much, nothing at the end.

        Counts the attempt of those that another worker had begun.
        """
        coordinator = self._store.coordinator
        if coordinator is None:
            return []
        claimed = await coordinator.claim_letters(self._channel(channel), limit)
        return await self._taken_up([(letter.row, letter.before != 0) for letter in claimed])

    async def disclaim(self, channel: str, kept: Collection[int]) -> None:
        """Have all letters but these be claimed once more: after an error nobody knows what was taken."""
        if self._store.coordinator is not None:
            await self._store.coordinator.disclaim_letters(self._channel(channel), list(kept))

    async def _taken_up(self, rows: Iterable[tuple[LetterRow, bool]]) -> list[Letter]:
        letters, tried = [], []
        for row, again in rows:
            try:
                letter = self._open_letter(row)
            except Tampered:
                continue
            if letter.state is LetterState.begun:
                letter = letter._replace(attempts=letter.attempts + 1)
                tried.append(self._letter_row(letter))
            letters.append(letter._replace(again=again))
        if tried:
            counted = self._census.change(Census(steps=len(tried)))
            await self._store.post(Mail(tuple(tried), recount=counted))
        return letters

    @asynccontextmanager
    async def handling(self, letter: Letter) -> AsyncGenerator[Handling, None]:
        """Work on a letter: what is written meanwhile carries how far it has come."""
        async with handled(Handling(self._store, letter, self._seal)) as handling:
            yield handling

    # -- what goes out -------------------------------------------------------------------------

    def parcel(self, channel: str, content: bytes, place: str = "") -> Parcel:
        """Make a parcel; it is stored with the next write of the handling it belongs to, or by `post`."""
        return Parcel(self._new_id(), channel, content, lane=self.lane(channel, place))

    def delivers(self, parcel: Parcel) -> bool:
        """Tell whether a parcel is this program's to deliver."""
        return self._worker is None or self._worker.has(parcel.lane)

    async def still_delivers(self, parcel: Parcel) -> bool:
        """Tell, right before it is delivered, whether a parcel is still this program's."""
        return self._worker is None or await self._worker.sure(parcel.lane)

    async def post(self, parcel: Parcel) -> None:
        """Store a parcel, together with what the handling of a letter still has to write."""
        handling = current()
        if handling is None:
            await self._store.post(self._seal(None, None, [parcel]))
        else:
            handling.post(parcel)
            await handling.flush()

    async def unsent(self, channel: str) -> list[Parcel]:
        """Give what the platform does not have yet, oldest first. What does not open is left out and stays."""
        return self._opened_parcels(await self._store.parcels(self._channel(channel)))

    async def claim_parcels(self, channel: str, limit: int = CLAIMED) -> list[Parcel]:
        """Take what this worker is to deliver, as `claim` does."""
        coordinator = self._store.coordinator
        if coordinator is None:
            return []
        return self._opened_parcels(await coordinator.claim_parcels(self._channel(channel), limit))

    async def disclaim_parcels(self, channel: str, kept: Collection[int]) -> None:
        """Have all parcels but these be claimed once more."""
        if self._store.coordinator is not None:
            await self._store.coordinator.disclaim_parcels(self._channel(channel), list(kept))

    def _opened_parcels(self, rows: Iterable[ParcelRow]) -> list[Parcel]:
        parcels = []
        for row in rows:
            try:
                parcels.append(self._open_parcel(row))
            except Tampered:
                continue
        return parcels

    async def sent(self, parcel: Parcel, *, parts: int | None = None) -> Parcel:
        """Note that the platform has so many parts of a parcel; all of it, if not said."""
        after = parcel._replace(sent=ALL_SENT if parts is None else parts)
        counted = self._census.change(Census(parts=after.sent - parcel.sent))
        await self._store.post(Mail(parcels=(self._parcel_row(after),), recount=counted))
        return after

    def attend(self, channel: str) -> None:
        """Learn that the parcels of a channel are being delivered here."""
        self._attended.add(channel)

    def is_discarded(self, parcel: Parcel) -> bool:
        """Tell whether a parcel is not to go out any more."""
        return parcel.id in self._discarded

    async def discard(self, judge: Judge) -> int:
        """Take back what is to go out and is judged so; give the number of parcels.

        Where they are being delivered the deliverer lets go of them, at the latest after the one it has in hand.
        """
        _, rows = await self._store.all_mail()
        gone = 0
        for row in rows:
            try:
                parcel = None if row.sent == ALL_SENT else self._open_parcel(row)
            except Tampered:
                continue
            if parcel is None or not judge(parcel.channel, parcel.content):
                continue
            gone += 1
            self._discarded.add(parcel.id)
            if parcel.channel not in self._attended:
                await self.sent(parcel)
        return gone

    # -- care ----------------------------------------------------------------------------------

    async def forget(self) -> int:
        """Forget what was handled and sent more than `REMEMBERED` ago; give the number of records."""
        before = self._now() - REMEMBERED // timedelta(milliseconds=1) << TIME_BITS
        return await self._store.forget_mail(before, self._census.change)

    async def verify(self) -> int:
        """Open everything; give the number of records that do not open."""
        letters, parcels = await self._store.all_mail()
        return sum(not self._is_sound(letter) for letter in letters) + sum(
            not self._is_sound_parcel(parcel) for parcel in parcels
        )

    # -- sealing -------------------------------------------------------------------------------

    def _new_id(self) -> int:
        return self._ids.next() if self._worker is None else self._ids.next_in(self._worker.slot)

    def _channel(self, channel: str) -> bytes:
        return self._vault.index("mail/channel", channel.encode())

    def _seal(self, before: Letter | None, after: Letter | None, parcels: Sequence[Parcel]) -> Mail:
        """Make rows of a letter as it is to stand, if it changes, and of new parcels."""
        letters: tuple[LetterRow, ...] = ()
        steps = 0
        if before is not None and after is not None and before != after:
            letters = (self._letter_row(after),)
            steps = after.state + after.attempts - before.state - before.attempts
        return Mail(
            letters=letters,
            parcels=tuple(self._parcel_row(parcel) for parcel in parcels),
            recount=self._census.change(Census(steps=steps, parcels=len(parcels))),
        )

    def _letter_row(self, letter: Letter) -> LetterRow:
        name = self._vault.index("mail/name", length_prefixed(letter.channel, letter.name))
        row = LetterRow(letter.id, name, self._channel(letter.channel), letter.state, letter.attempts, b"", letter.lane)
        if self._worker is not None and letter.lane:
            row = row._replace(holder=self._worker.id)
        if letter.state is LetterState.finished:
            return row._replace(body=self._vault.mail.mac(self._letter_aad(row)))
        said: dict[str, JsonValue] = {"channel": letter.channel, "name": letter.name}
        said["progress"] = None if letter.progress is None else dict(letter.progress)
        return row._replace(body=self._vault.mail.seal(self._letter_aad(row), _framed(said, letter.content)))

    def _parcel_row(self, parcel: Parcel) -> ParcelRow:
        holder = self._worker.id if self._worker is not None and self.delivers(parcel) else 0
        row = ParcelRow(parcel.id, self._channel(parcel.channel), parcel.sent, b"", parcel.lane, holder)
        if parcel.sent == ALL_SENT:
            return row._replace(body=self._vault.mail.mac(self._parcel_aad(row)))
        sealed = self._vault.mail.seal(self._parcel_aad(row), _framed({"channel": parcel.channel}, parcel.content))
        return row._replace(body=sealed)

    def _open_letter(self, row: LetterRow) -> Letter:
        said, content = self._opened(self._letter_aad(row), row.body)
        channel, name, progress = said.get("channel"), said.get("name"), said.get("progress")
        if not isinstance(channel, str) or not isinstance(name, str) or not isinstance(progress, dict | None):
            raise Tampered("a letter")
        return Letter(row.id, channel, name, content, LetterState(row.state), row.attempts, progress, lane=row.lane)

    def _open_parcel(self, row: ParcelRow) -> Parcel:
        said, content = self._opened(self._parcel_aad(row), row.body)
        channel = said.get("channel")
        if not isinstance(channel, str):
            raise Tampered("a parcel")
        return Parcel(row.id, channel, content, row.sent, row.lane)

    def _opened(self, aad: bytes, body: bytes) -> tuple[dict[str, JsonValue], bytes]:
        try:
            data = self._vault.mail.open(aad, body)
            (length,) = _LENGTH.unpack_from(data)
            said = json.loads(data[_LENGTH.size : _LENGTH.size + length])
        except (Unopened, ValueError, struct.error):
            said = None
        if not isinstance(said, dict):
            raise Tampered("a letter or parcel")
        return said, data[_LENGTH.size + length :]

    def _is_sound(self, row: LetterRow) -> bool:
        if row.state == LetterState.finished:
            return self._vault.mail.verify(self._letter_aad(row), row.body)
        try:
            self._open_letter(row)
        except Tampered:
            return False
        return True

    def _is_sound_parcel(self, row: ParcelRow) -> bool:
        if row.sent == ALL_SENT:
            return self._vault.mail.verify(self._parcel_aad(row), row.body)
        try:
            self._open_parcel(row)
        except Tampered:
            return False
        return True

    def _letter_aad(self, row: LetterRow) -> bytes:
        numbers = _NUMBERS.pack(row.id, row.state, row.attempts)
        return b"palaver\x01letter" + self._vault.install_id + numbers + row.name + row.channel

    def _parcel_aad(self, row: ParcelRow) -> bytes:
        return b"palaver\x01parcel" + self._vault.install_id + _NUMBERS.pack(row.id, row.sent, 0) + row.channel


def _framed(said: Mapping[str, JsonValue], content: bytes) -> bytes:
    data = encode_json(said)
    return _LENGTH.pack(len(data)) + data + content
