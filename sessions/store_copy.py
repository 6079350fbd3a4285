"""StoreCopy: a store's sealed records brought over into another store, of whatever kind, beside a running bot.

Nothing is opened on the way: records go as they are, under the same keys and numbers. Only the census is sealed anew,
because it grows with every step. A step is one unit of work, so a copy that breaks off is taken up where it stood; one
that was finished can be run again, and brings over what has changed since.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sessions.arrival_codec import waiting
from sessions.census import CensusKeeper
from sessions.cipher import Entropy
from sessions.errors import InvalidValue, NotFound, StaleSession
from sessions.keys import KeyProvider
from sessions.portions import BYTES, portions
from sessions.records import (
    Arrival,
    ArrivalRow,
    AuditRow,
    Census,
    Change,
    EntryRow,
    Foundation,
    LetterRow,
    Mail,
    MessageRow,
    ParcelRow,
    PreferenceRow,
    Rewrap,
    SessionRow,
    position_of,
    record_id,
)
from sessions.session import Status
from sessions.store import Store
from sessions.vault import Vault

ROWS = 500  # sessions that are looked at together
PAGE = 2_000  # messages that are stored together, unless they are more than `BYTES`
READ, LEAST = 64, 4  # messages that are read at a time: as many as would be `BYTES` if all were like the longest before
SESSIONS, MESSAGES = 2_000, 20_000  # that are made visible together: so many are copied again after a crash
LETTER_DONE = 3
Progress = Callable[[int, int], None]
"""Is told how many sessions have been looked at, and how many there are."""


@dataclass(slots=True, kw_only=True)
class Copied:
    """What a copy has done. It is `complete` if both stores hold the same when it ends."""

    added: int = 0  # sessions
    changed: int = 0
    removed: int = 0
    messages: int = 0
    complete: bool = False


class StoreCopy:
    """Makes `target` hold what `source` holds."""

    def __init__(self, source: Store, target: Store, census: CensusKeeper, progress: Progress | None) -> None:
        self._source, self._target, self._census, self._progress = source, target, census, progress
        self._copied = Copied()
        self._read = READ

    async def run(self) -> Copied:
        """Bring over everything that differs.

        Raises `InvalidValue` when the target is another installation's or was written to by somebody else.
        """
        await self._check_audit()
        await self._keys()
        await self._remove_erased()
        if await self._target.numbers(
            "last_activity_at", descending=False, status=None, since=None, until=None, limit=1
        ):
            # Those that are not current any more make room for those that are by now.
            await self._update(current=False)
            await self._update(current=True)
        await self._add()
        await self._preferences()
        await self._mail()
        await self._audit()
        await self._retire()
        self._copied.complete = await self._is_complete()
        return self._copied

    async def _is_complete(self) -> bool:
        """Tell whether nothing was written meanwhile: every change of a session changes its row."""
        if (await self._source.census()).counts != (await self._target.census()).counts:
            return False
        async for rows, there in self._pages():
            if any(row != there.get(row.number) for row in rows):
                return False
        return True

    # -- keys ----------------------------------------------------------------------------------

    async def _keys(self) -> None:
        ours, theirs = await self._source.foundation(), await self._target.foundation()
        _check_kin(ours, theirs)
        if (ours.keyring, ours.secrets) != (theirs.keyring, theirs.secrets):
            await self._target.put_keyring(ours.keyring, ours.secrets)

    async def _retire(self) -> None:
        """Let go of the keys that the source has retired; now nothing is wrapped with them here either."""
        kept = {row.kid for row in (await self._source.foundation()).keyring}
        for row in (await self._target.foundation()).keyring:
            if row.kid not in kept:
                await self._target.retire_key(row.kid)

    # -- sessions ------------------------------------------------------------------------------

    async def _remove_erased(self) -> None:
        ours = await self._source.ids()
        gone = [number for number in await self._target.ids() if number not in ours]
        for start in range(0, len(gone), ROWS):
            batch = gone[start : start + ROWS]
            await self._target.erase_sessions(batch, self._census.change(Census(sessions=-len(batch))))
        if gone:
            await self._target.sweep_erased()
        self._copied.removed = len(gone)

    async def _pages(self) -> AsyncIterator[tuple[list[SessionRow], dict[int, SessionRow]]]:
        """Give the sessions of the source page by page, each with those of the target that have the same numbers."""
        after, seen, total = -1, 0, (await self._source.census()).sessions
        while rows := await self._source.sessions_after(after, ROWS):
            after = rows[-1].number
            there = await self._target.sessions_by_number([row.number for row in rows])
            yield rows, {row.number: row for row in there}
            seen += len(rows)
            if self._progress is not None:
                self._progress(min(seen, total), total)

    async def _update(self, *, current: bool) -> None:
        async for rows, there in self._pages():
            for row in rows:
                before = there.get(row.number)
                if before is not None and before != row and Status(row.status).is_current is current:
                    await self._bring_up_to_date(before, row)
                    self._copied.changed += 1

    async def _bring_up_to_date(self, before: SessionRow, row: SessionRow) -> None:
        if before.version > row.version or before.id != row.id:
            raise InvalidValue(
                f"session {before.id} was written to in the target since it was copied; copy into an empty store"
            )
        if before.commitment != row.commitment:
            raise InvalidValue(
                f"session {row.id} got another data key since it was copied (keys rotate --deep); "
                "copy into an empty store"
            )
        if before.wrapped != row.wrapped:
            await self._target.rewrap([Rewrap(row.number, before.wrapped, row.wrapped)])
        if before.version < row.version:
            await self._target.commit([await self._change(before, row)])
        elif before.status != row.status:
            await self._target.set_aside(row.number, row.status)  # it does not open, and was put away

    async def _change(self, before: SessionRow, row: SessionRow) -> Change:
        number = row.number
        entries = [entry for entry in await self._entries(row) if position_of(entry.id) > before.entries]
        sources = set(await self._source.sources_of(number)), set(await self._target.sources_of(number))
        messages = [page async for page in self._messages(number, before.stored + 1, row.stored)]
        self._copied.messages += row.stored - before.stored
        return Change(
            row=row,
            expected=before.version,
            messages=tuple(message for page in messages for message in page),
            entries=tuple(entries),
            sources=tuple(sources[0] - sources[1]),
            released=tuple(sources[1] - sources[0]),
            revised=tuple(await self._revised(before)) if entries else (),
            moved=(before.key_idx, before.owner_idx) != (row.key_idx, row.owner_idx),
        )

    async def _revised(self, before: SessionRow) -> list[MessageRow]:
        """Find the messages whose texts were edited: only then do stored ones differ."""
        found: list[MessageRow] = []
        async for ours in self._messages(before.number, 1, before.stored):
            if ours:
                theirs = await self._target.messages(ours[0].id, ours[-1].id, len(ours), newest=False)
                known = set(map(tuple, theirs))
                found += [message for message in ours if tuple(message) not in known]
        return found

    async def _add(self) -> None:
        """Bring over the sessions that are not there yet, many small ones at once."""
        arrivals: list[ArrivalRow] = []
        entries: list[EntryRow] = []
        messages: list[MessageRow] = []
        stored, there_already = 0, await self._target.ids()
        # What a copy that broke off has left of them; only one copies into a store at a time.
        await self._target.abandon([number for number in await self._source.ids() if number not in there_already])
        async for rows, there in self._pages():
            for row in rows:
                if row.number in there:
                    continue
                async for page in self._messages(row.number, 1, row.stored):
                    messages = await self._stage_most([*messages, *page])
                entries += await self._entries(row)
                sources = await self._source.sources_of(row.number) if row.entries else ()
                arrivals.append(waiting(Arrival(row, None, tuple(sources))))
                stored += row.stored
                if stored >= MESSAGES or len(arrivals) >= SESSIONS:
                    await self._land(messages, entries, arrivals, stored)
                    messages, entries, arrivals, stored = [], [], [], 0
        await self._land(messages, entries, arrivals, stored)

    async def _land(
        self, messages: Sequence[MessageRow], entries: Sequence[EntryRow], arrivals: Sequence[ArrivalRow], stored: int
    ) -> None:
        if not arrivals:
            return
        await self._target.stage(messages, entries, arrivals)
        numbers = [arrival.number for arrival in arrivals]
        try:
            await self._target.land(numbers, self._census.change(Census(sessions=len(numbers))))
        except StaleSession:  # one took the place of another while these were read: the next copy has both as they are
            await self._target.abandon(numbers)
            return
        self._copied.added += len(numbers)
        self._copied.messages += stored

    async def _entries(self, row: SessionRow) -> list[EntryRow]:
        """Give the journal as long as it was when the row was read."""
        journal = await self._source.journal(row.number) if row.entries else []
        return [entry for entry in journal if position_of(entry.id) <= row.entries]

    async def _stage_most(self, messages: list[MessageRow]) -> list[MessageRow]:
        """Store what is many or much; give what is left for later."""
        *much, left = list(portions(messages)) or [[]]
        for portion in much:
            await self._target.stage(portion)
        if len(left) < PAGE:
            return left
        await self._target.stage(left)
        return []

    async def _messages(self, number: int, first: int, last: int) -> AsyncIterator[list[MessageRow]]:
        start = first
        while start <= last:
            end = min(start + self._read - 1, last)
            low, high = record_id(number, start), record_id(number, end)
            page = [MessageRow(*row) for row in await self._source.messages(low, high, self._read, newest=False)]
            yield page
            longest = max((len(message.body) for message in page), default=0)
            start, self._read = end + 1, max(LEAST, min(READ, BYTES // max(1, longest)))

    # -- the rest ------------------------------------------------------------------------------

    async def _preferences(self) -> None:
        there = {row.idx: row.revision for row in await self._target.preferences()}
        for row in await self._source.preferences():
            known = there.get(row.idx)
            if known != row.revision:
                _check_grown(known, row)
                more = Census(preferences=known is None, revisions=row.revision - (known or 0))
                await self._target.put_preference(row, self._census.change(more), after=known)

    async def _mail(self) -> None:
        """Bring over what waits to be handled and to be sent, and what is remembered of it."""
        letters, parcels = await self._source.all_mail()
        done = [letter.id for letter in letters if letter.state == LETTER_DONE]
        forgotten = min(done, default=max((letter.id for letter in letters), default=0))
        await self._target.forget_mail(forgotten, self._census.change)
        their_letters, their_parcels = await self._target.all_mail()
        known = {letter.id: letter for letter in their_letters}
        if known.keys() - {letter.id for letter in letters}:
            raise InvalidValue("the target holds messages that the source has forgotten; copy into an empty store")
        new = [letter for letter in letters if letter.id not in known]
        for start in range(0, len(new), ROWS):
            await self._target.receive(new[start : start + ROWS], self._census.change)
        moved = [letter for letter in letters if letter.id in known and letter != known[letter.id]]
        await self._post(moved, known, parcels, {parcel.id: parcel for parcel in their_parcels})

    async def _post(
        self,
        letters: Iterable[LetterRow],
        known: dict[int, LetterRow],
        parcels: Iterable[ParcelRow],
        sent: dict[int, ParcelRow],
    ) -> None:
        for letter in letters:
            before = known[letter.id]
            more = Census(steps=letter.state + letter.attempts - before.state - before.attempts)
            await self._target.post(Mail(letters=(letter,), recount=self._census.change(more)))
        for parcel in parcels:
            there = sent.get(parcel.id)
            if there != parcel:
                more = Census(parcels=there is None, parts=parcel.sent - (there.sent if there else 0))
                await self._target.post(Mail(parcels=(parcel,), recount=self._census.change(more)))

    async def _check_audit(self) -> None:
        """Refuse a target that was used by itself, before anything is changed there."""
        newest = await self._target.newest_audit(1)
        if newest and newest != await self._source.audit(newest[0].number - 1, 1):
            raise InvalidValue("the target was used by itself since it was copied; copy into an empty store")

    async def _audit(self) -> None:
        newest = await self._target.newest_audit(1)
        after = newest[0].number if newest else 0
        while rows := await self._source.audit(after, ROWS):
            after = rows[-1].number
            await self._target.post(
                Mail(recount=self._census.change(Census(audits=len(rows))), audit=_following(tuple(rows)))
            )


@asynccontextmanager
async def both_open(source: Store, target: Store, providers: Sequence[KeyProvider]) -> AsyncIterator[CensusKeeper]:
    """Open the store to copy from, with its keys, and the one to copy into; a new one gets the same keys.

    Raises what opening a store raises, and `InvalidValue` for a target that is somebody else's.
    """
    async with _closing(source), _closing(target):
        foundation = await source.open()
        if foundation is None:
            raise NotFound("store to copy")
        vault = Vault.unlock(foundation, providers, Entropy())
        census = CensusKeeper(vault.census, vault.install_id)
        found = await target.open()
        if found is None:
            await target.found(foundation, census.first())
        else:
            _check_kin(foundation, found)
            await target.ready()
        yield census


@asynccontextmanager
async def _closing(store: Store) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await store.close()


def _following(rows: tuple[AuditRow, ...]) -> Callable[[AuditRow | None], Sequence[AuditRow]]:
    return lambda newest: rows


def _check_kin(source: Foundation, target: Foundation) -> None:
    if (source.install_id, source.salt) != (target.install_id, target.salt):
        raise InvalidValue("the target holds another installation's conversations; copy into an empty store")


def _check_grown(known: int | None, row: PreferenceRow) -> None:
    if known is not None and known > row.revision:
        raise InvalidValue(
            "a setting of a chat was changed in the target since it was copied; copy into an empty store"
        )
