"""Catalogue: every conversation of an installation, for whoever runs it.

People find only their own conversations, through their address. This is the other door: it finds by id alone, and
must stand open to operators only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sessions.address import Address
from sessions.errors import Ambiguous, InvalidValue, NotFound, SessionLocked, Tampered
from sessions.live import LATEST, LiveSession
from sessions.message import ROLE_NAMES, RoleName
from sessions.present_keys import PresentKeys
from sessions.records import SessionRow
from sessions.session import Session, Status, looks_like_id
from sessions.store import Order, Store
from sessions.vault import Vault

Snapshot = Callable[[SessionRow], Session]
BATCH = 200
_DAYS = LATEST // 86_400_000
PROJECT = "project"  # the metadata that tells what a conversation belongs to
SortBy = Literal["date", "title", "messages", "tokens"]
_ORDERS: dict[SortBy, Order] = {"date": "last_activity_at", "messages": "message_count", "tokens": "tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which conversations: each condition that is set must hold. Texts are compared whatever their case.

    `title` is a part of the title, `tags` must all be there, `person` is `platform:user`. `since` and `until` are
    about the last activity; `until` itself is not included. Raises `InvalidValue` for a person that is none.
    """

    status: Status | None = None
    backend: str | None = None
    model: str | None = None
    tags: Sequence[str] = ()
    project: str | None = None
    title: str | None = None
    platform: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.person is not None:
            parse_person(self.person)

    @property
    def needs_opening(self) -> bool:
        """Whether something is asked that is sealed."""
        asked = (self.backend, self.model, self.project, self.title, self.platform, self.person)
        return bool(self.tags) or any(one is not None for one in asked)


class Listed(NamedTuple):
    """A conversation and where it was begun; of one that does not open only what stands in clear is known."""

    session: Session
    address: Address | None
    number: int = 0  # of the session in storage

    @property
    def person(self) -> str | None:
        """Give `platform:user`, as settings name people."""
        return None if self.address is None else f"{self.address.platform}:{self.address.user_id}"


class Count(NamedTuple):
    """So many messages of one role on one day in UTC, in one conversation."""

    session: int
    day: int | None  # since 1970-01-01; None for messages whose time is damaged
    role: RoleName
    messages: int


class Catalogue:
    """Goes through all conversations, decrypting what is asked for as it goes."""

    def __init__(self, store: Store, vault: Vault, keys: PresentKeys, snapshot: Snapshot) -> None:
        self._store, self._vault, self._keys, self._snapshot = store, vault, keys, snapshot

    async def find(self, which: str) -> Listed:
        """Find a conversation by its id or a beginning of it that only one has.

        Raises `NotFound`, or `Ambiguous` with the ids it fits.
        """
        wanted = which.strip().lower()
        if not wanted:
            raise InvalidValue("say which session: its id, or the beginning of it")
        rows = await self._store.sessions_with_prefix(wanted, 11) if looks_like_id(wanted) else []
        exact = [row for row in rows if row.id == wanted] or rows
        if not exact:
            raise NotFound("session", which)
        if len(exact) > 1:
            raise Ambiguous("session", which, [row.id for row in exact])
        await self._keys.meet_those_of(exact)
        return self._listed(exact[0])

    async def select(
        self, wanted: Wanted, *, sort: SortBy = "date", reverse: bool = False, limit: int | None = None
    ) -> list[Listed]:
        """List conversations: the newest first, or the largest, or by title; `reverse` turns that round.

        Without a condition on what is sealed, and not sorted by title, it costs what it gives.
        """
        if limit is not None and limit < 1:
            raise InvalidValue(f"limit must be at least 1, got {limit}")
        if sort == "title":
            found = [one async for one in self.each(wanted)]
            found.sort(key=_by_title, reverse=reverse)
            return found[:limit]
        found = []
        async for one in self.each(wanted, sort=sort, reverse=reverse, limit=limit):
            found.append(one)
            if len(found) == limit:
                break
        return found

    async def each(
        self, wanted: Wanted, *, sort: SortBy = "date", reverse: bool = False, limit: int | None = None
    ) -> AsyncIterator[Listed]:
        """Go through conversations, a few in memory at a time. `limit` is a hint of how many are needed."""
        numbers = await self._store.numbers(
            _ORDERS[sort],
            descending=not reverse,
            status=None if wanted.status is None else wanted.status.value,
            since=None if wanted.since is None else _ms(wanted.since),
            until=None if wanted.until is None else _ms(wanted.until),
            limit=None if wanted.needs_opening else limit,
        )
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            rows = {row.number: row for row in await self._store.sessions_by_number(batch)}
            await self._keys.meet_those_of(rows.values())
            for number in batch:
                if number in rows:  # else it was erased meanwhile
                    listed = self._listed(rows[number])
                    if fits(listed, wanted):
                        yield listed

    async def count(self, wanted: Wanted) -> int | None:
        """Count conversations where that is cheap: without a condition on what is sealed. Else give None."""
        if wanted.needs_opening:
            return None
        if wanted.status is None and wanted.since is None and wanted.until is None:
            return (await self._store.census()).sessions
        found = await self._store.numbers(
            "last_activity_at",
            descending=True,
            status=None if wanted.status is None else wanted.status.value,
            since=None if wanted.since is None else _ms(wanted.since),
            until=None if wanted.until is None else _ms(wanted.until),
            limit=None,
        )
        return len(found)

    async def counts(self) -> list[Count]:
        """Count the stored messages of each conversation by day and role, those on other branches included."""
        return [
            Count(number, day if 0 <= day < _DAYS else None, ROLE_NAMES[role], many)
            for number, day, role, many in await self._store.count_messages()
            if role in ROLE_NAMES
        ]

    async def some(self, ids: Sequence[str]) -> dict[str, Listed]:
        """Give those of these conversations that are there, by id."""
        found: dict[str, Listed] = {}
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), BATCH):
            rows = await self._store.sessions_by_id(wanted[start : start + BATCH])
            await self._keys.meet_those_of(rows)
            found |= {row.id: self._listed(row) for row in rows}
        return found

    async def ids(self) -> dict[int, str]:
        """Give the id of every conversation by its number."""
        return await self._store.ids()

    def _listed(self, row: SessionRow) -> Listed:
        try:
            live = LiveSession.load(row, self._vault)
        except (Tampered, SessionLocked):
            return Listed(self._snapshot(row), None, row.number)
        return Listed(live.snapshot(), live.profile.address, row.number)


def fits(listed: Listed, wanted: Wanted) -> bool:
    """Tell whether a conversation meets the conditions on what is sealed."""
    if not wanted.needs_opening:
        return True
    session, address, _ = listed
    if address is None:
        return False
    project = session.metadata.get(PROJECT)
    tags = {tag.casefold() for tag in session.tags}
    return (
        _is(wanted.backend, session.backend)
        and _is(wanted.model, session.model)
        and _is(wanted.project, project if isinstance(project, str) else None)
        and _is(wanted.platform, address.platform)
        and _is(wanted.person, listed.person)
        and all(tag.casefold() in tags for tag in wanted.tags)
        and (wanted.title is None or wanted.title.casefold() in (session.title or "").casefold())
    )


def parse_person(text: str) -> tuple[str, str]:
    """Read `platform:user`, as settings name people. Raises `InvalidValue`."""
    platform, colon, user = text.strip().partition(":")
    if not (platform and colon and user):
        raise InvalidValue(f"{text!r} is no person; write platform:user, such as telegram:42")
    return platform.lower(), user


def _is(wanted: str | None, found: str | None) -> bool:
    return wanted is None or (found is not None and found.casefold() == wanted.casefold())


def _by_title(listed: Listed) -> tuple[bool, str, str]:
    """Order by title; those without one come last."""
    title = listed.session.title
    return (title is None, (title or "").casefold(), listed.session.id)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
