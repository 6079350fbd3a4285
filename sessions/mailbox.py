"""Mailbox: what came in and what is to go out, sealed, until both are done with.

An update of a platform is stored before it is acknowledged there; its name is remembered for `REMEMBERED`, so that
it is handled once whatever the platform repeats. An answer is stored in the unit of work that brings it about.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sessions.census import CensusKeeper
from sessions.cipher import Unopened
from sessions.errors import Tampered
from sessions.handling import Handling, current, handled
from sessions.letter import Letter, LetterState
from sessions.message import JsonValue
from sessions.parcel import Parcel
from sessions.plain_json import encode_json
from sessions.records import ALL_SENT, Census, LetterRow, Mail, ParcelRow
from sessions.session_key import length_prefixed
from sessions.store import Store
from sessions.vault import Vault

REMEMBERED = timedelta(days=8)  # Telegram chooses its next update id at random after a week of silence
Judge = Callable[[str, bytes], bool]
"""Decides about a parcel by its channel and its content."""

_LENGTH, _NUMBERS = struct.Struct(">I"), struct.Struct(">qqq")
_TIME_BITS = 20  # an id is milliseconds since 1970 and a number below a million


class Mailbox:
    """Takes in, gives out, and forgets. `channel` names a bot account on a platform, such as `telegram:1234`."""

    def __init__(
        self, store: Store, vault: Vault, census: CensusKeeper, now: Callable[[], int], *, last_id: int
    ) -> None:
        self._store, self._vault, self._census, self._now = store, vault, census, now
        self._discarded: set[int] = set()
        self._attended: set[str] = set()
        self._last_id = last_id  # a clock that was set back must not give an id twice

    # -- what comes in -------------------------------------------------------------------------

    async def receive(self, channel: str, updates: Iterable[tuple[str, bytes]]) -> list[Letter]:
        """Store updates, each a name and a content; give those that were not known yet, in their order.

        They are durable when this returns.
        """
        letters = [Letter(self._new_id(), channel, name, content) for name, content in updates]
        if not letters:
            return []
        rows = [self._letter_row(letter) for letter in letters]
        new = await self._store.receive(rows, self._census.change)
        return [letter for letter, is_new in zip(letters, new, strict=True) if is_new]

    async def unfinished(self, channel: str) -> list[Letter]:
        """Give what was not handled to its end before the program started, oldest first.

        Counts the attempt of those that had begun. One that does not open is left out and stays; `verify` tells of it.
        """
        letters, tried = [], []
        for row in await self._store.letters(self._channel(channel)):
            try:
                letter = self._open_letter(row)
            except Tampered:
                continue
            if letter.state is LetterState.begun:
                letter = letter._replace(attempts=letter.attempts + 1)
                tried.append(self._letter_row(letter))
            letters.append(letter._replace(again=True))
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

    def parcel(self, channel: str, content: bytes) -> Parcel:
        """Make a parcel; it is stored with the next write of the handling it belongs to, or by `post`."""
        return Parcel(self._new_id(), channel, content)

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
        parcels = []
        for row in await self._store.parcels(self._channel(channel)):
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
        before = self._now() - REMEMBERED // timedelta(milliseconds=1) << _TIME_BITS
        return await self._store.forget_mail(before, self._census.change)

    async def verify(self) -> int:
        """Open everything; give the number of records that do not open."""
        letters, parcels = await self._store.all_mail()
        return sum(not self._is_sound(letter) for letter in letters) + sum(
            not self._is_sound_parcel(parcel) for parcel in parcels
        )

    # -- sealing -------------------------------------------------------------------------------

    def _new_id(self) -> int:
        self._last_id = max(self._last_id + 1, self._now() << _TIME_BITS)
        return self._last_id

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
        row = LetterRow(letter.id, name, self._channel(letter.channel), letter.state, letter.attempts, b"")
        if letter.state is LetterState.finished:
            return row._replace(body=self._vault.mail.mac(self._letter_aad(row)))
        said: dict[str, JsonValue] = {"channel": letter.channel, "name": letter.name}
        said["progress"] = None if letter.progress is None else dict(letter.progress)
        return row._replace(body=self._vault.mail.seal(self._letter_aad(row), _framed(said, letter.content)))

    def _parcel_row(self, parcel: Parcel) -> ParcelRow:
        row = ParcelRow(parcel.id, self._channel(parcel.channel), parcel.sent, b"")
        if parcel.sent == ALL_SENT:
            return row._replace(body=self._vault.mail.mac(self._parcel_aad(row)))
        sealed = self._vault.mail.seal(self._parcel_aad(row), _framed({"channel": parcel.channel}, parcel.content))
        return row._replace(body=sealed)

    def _open_letter(self, row: LetterRow) -> Letter:
        said, content = self._opened(self._letter_aad(row), row.body)
        channel, name, progress = said.get("channel"), said.get("name"), said.get("progress")
        if not isinstance(channel, str) or not isinstance(name, str) or not isinstance(progress, dict | None):
            raise Tampered("a letter")
        return Letter(row.id, channel, name, content, LetterState(row.state), row.attempts, progress)

    def _open_parcel(self, row: ParcelRow) -> Parcel:
        said, content = self._opened(self._parcel_aad(row), row.body)
        channel = said.get("channel")
        if not isinstance(channel, str):
            raise Tampered("a parcel")
        return Parcel(row.id, channel, content, row.sent)

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
