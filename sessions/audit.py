"""Audit: what was done with conversations, when and by whom; entries are only ever added.

An entry goes with what it tells of, as one unit of work. Its link is a MAC over it and the link before it, and the
census counts the entries: one that is changed, removed, moved or cut off is noticed. Entries are sealed, and hold ids
and numbers, never words.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from sessions.census import CensusKeeper
from sessions.cipher import RecordCipher, Unopened
from sessions.errors import Tampered
from sessions.live import moment
from sessions.message import JsonValue
from sessions.passengers import Passenger, aboard
from sessions.plain_json import encode_json
from sessions.records import AuditRow, Census, Mail
from sessions.store import Store

BATCH = 1_000
_FIRST, _LAST = -(1 << 63), (1 << 63) - 1  # the numbers that a column holds; we count from 1
_TIME, _PLACE = struct.Struct(">q"), struct.Struct(">qq")
_actor: ContextVar[str] = ContextVar("palaver_actor", default="program")  # who is not named


class AuditKind(Enum):
    """What is told of."""

    RESET = "reset"
    RESTORE = "restore"
    STATUS = "status"  # a conversation was paused, archived, taken up by an operator
    EXPORT = "export"
    IMPORT = "import"
    ERASURE = "erasure"
    SCOPE = "scope"
    LINK = "link"
    KEY = "key"
    REFUSED = "refused"  # somebody named the id of a conversation that is not theirs
    READ = "read"  # somebody looked at words that are not theirs
    PUSH = "push"  # sent to other machines of the same person
    PULL = "pull"  # and taken in from them
    SHARE = "share"  # sent to somebody else, or taken back
    CLONE = "clone"  # made of what somebody else has shared


class AuditEntry(NamedTuple):
    """One entry. `by` is `platform:user`, `shell:login`, or `program`; None where it does not open."""

    number: int
    at: datetime
    kind: str | None
    by: str | None
    about: Mapping[str, JsonValue]


@contextmanager
def acting(by: str) -> Iterator[None]:
    """Say who does what is done meanwhile."""
    token = _actor.set(by)
    try:
        yield
    finally:
        _actor.reset(token)


class Audit:
    """Adds entries, lists and verifies them."""

    def __init__(
        self, store: Store, cipher: RecordCipher, install_id: bytes, census: CensusKeeper, now: Callable[[], int]
    ) -> None:
        self._store, self._cipher, self._census, self._now = store, cipher, census, now
        self._label = b"palaver\x01audit" + install_id

    @contextmanager
    def noting(self, kind: AuditKind, **about: JsonValue) -> Iterator[None]:
        """Have the next write carry an entry; if nothing is written, nothing was done."""
        with aboard(_Note(self._store, lambda: self._mail(kind, about))):
            yield

    async def note(self, kind: AuditKind, **about: JsonValue) -> None:
        """Add an entry about something that writes nothing itself. It is durable when this returns."""
        await self._store.post(self._mail(kind, about))

    async def newest(self, limit: int = 50) -> list[AuditEntry]:
        """Give the newest entries, newest first."""
        return [self._opened(row) for row in await self._store.newest_audit(limit)]

    async def backwards(self) -> AsyncIterator[AuditEntry]:
        """Go through all entries, the newest first, a few in memory at a time."""
        rows = await self._store.newest_audit(BATCH)
        while rows:
            for row in rows:
                yield self._opened(row)
            rows = await self._before(rows[-1].number)

    async def verify(self) -> list[str]:
        """Follow the chain from its beginning; give what does not fit, in words."""
        least = (await self._store.census()).audits  # more may come while we look
        link, number, after = b"", 0, _FIRST
        while rows := await self._store.audit(after, BATCH):
            after = rows[-1].number
            for row in rows:
                if row.number < 1:
                    return [f"the audit: there is an entry {row.number}"]
                if row.number != number + 1:
                    return [f"the audit: entry {number + 1} is missing"]
                if not self._cipher.verify(self._chained(link, row), row.link):
                    return [f"the audit: entry {row.number} was changed, or the one before it"]
                link, number = row.link, row.number
        due = (await self._store.census()).audits
        if least <= number <= due:
            return []
        return [f"the audit: {number} entries are there where there must be {due}"]

    # -- inside --------------------------------------------------------------------------------

    async def _before(self, number: int) -> list[AuditRow]:
        """Give the entries before one, the newest first; where there are gaps somebody has made them."""
        rows = await self._store.audit(max(number - BATCH - 1, _FIRST), BATCH)
        found = [row for row in rows if row.number < number]
        if not found and await self._any_between(_FIRST, number):
            low, high = _FIRST, number - 1  # the next one is above low, and not above high
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if await self._any_between(middle, number) else (low, middle)
            found = await self._store.audit(low, 1)
        return found[::-1]

    async def _any_between(self, after: int, number: int) -> bool:
        return any(row.number < number for row in await self._store.audit(after, 1))

    def _mail(self, kind: AuditKind, about: Mapping[str, JsonValue]) -> Mail:
        at = self._now()
        said: dict[str, JsonValue] = {"kind": kind.value, "by": _actor.get(), "about": dict(about)}
        data = encode_json(said)
        body = self._cipher.seal(self._label + _TIME.pack(at), data)

        def follow(newest: AuditRow | None) -> Sequence[AuditRow]:
            number, link = (1, b"") if newest is None else (newest.number + 1, newest.link)
            if number > _LAST:
                raise Tampered("the audit")
            row = AuditRow(number, at, body, b"")
            return [row._replace(link=self._cipher.mac(self._chained(link, row)))]

        return Mail(recount=self._census.change(Census(audits=1)), audit=follow)

    def _chained(self, link: bytes, row: AuditRow) -> bytes:
        return self._label + link + _PLACE.pack(row.number, row.at) + row.body

    def _opened(self, row: AuditRow) -> AuditEntry:
        try:
            said = json.loads(self._cipher.open(self._label + _TIME.pack(row.at), row.body))
            return AuditEntry(row.number, moment(row.at), str(said["kind"]), str(said["by"]), dict(said["about"]))
        except (Unopened, ValueError, KeyError, TypeError, struct.error, OverflowError, OSError):
            return AuditEntry(row.number, moment(0), None, None, {})


class _Note(Passenger):
    """An entry that waits for the write it goes with."""

    def __init__(self, store: Store, mail: Callable[[], Mail]) -> None:
        self._store, self._mail, self._gone = store, mail, False

    @contextmanager
    def board(self, store: Store, *, noting: bool) -> Iterator[Mail | None]:
        """Go with the first write to this store that succeeds."""
        if self._gone or store is not self._store:
            yield None
            return
        self._gone = True
        try:
            yield self._mail()
        except BaseException:
            self._gone = False
            raise
