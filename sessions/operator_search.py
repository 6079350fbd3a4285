"""OperatorSearch: finding words, and first words, in all conversations, for whoever runs the bot.

There is no index at rest, so everything is read and opened on the way. What costs is what is done for each message:
its words are compared as they were stored, as bytes, before anything else is made of them; and for each conversation:
only its key is unwrapped and its seal compared, unless a condition asks for more.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sessions.address import Address, ChatKind
from sessions.catalogue import Listed, Wanted, fits
from sessions.errors import NotFound, SessionLocked, Tampered
from sessions.live import LATEST, LiveSession
from sessions.message import ROLE_NAMES, Message
from sessions.present_keys import PresentKeys
from sessions.profile import Profile
from sessions.records import MAX_SEQUENCE, SEQUENCE_BITS, MessageFields, SessionRow, position_of, record_id
from sessions.scope import Scope
from sessions.store import Store
from sessions.terms import Terms
from sessions.transcripts import Run, Transcripts
from sessions.vault import Vault

BATCH = 256  # conversations whose rows are read at once
PAGE = 2_000  # messages in memory at a time
DAY_MS = 86_400_000
OPENING = 1_000  # bytes of a first message that are looked at
_UNREAD = Profile(  # stands for a profile that nobody asked for
    address=Address(platform="-", account="-", chat_id="-", user_id="-", chat_kind=ChatKind.PRIVATE),
    scope=Scope.PER_CHANNEL_PEER,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorHit:
    """A message that holds all the words, and the conversation it is read in."""

    found: Listed
    message: Message


@dataclass(slots=True, kw_only=True)
class Look:
    """How far a search has come; it changes while the search goes on."""

    sessions: int = 0  # that there are to look at
    seen: int = 0
    messages: int = 0  # looked at
    unopened: int = 0  # conversations that do not open


@dataclass(slots=True)
class Tally:
    """What can be told of a conversation as one reads it, without opening a message."""

    roles: Counter[str] = field(default_factory=Counter)
    days: Counter[tuple[int, str]] = field(default_factory=Counter)  # by day since 1970 in UTC, and role
    first_ms: int | None = None
    last_ms: int | None = None
    replies: int = 0  # that follow a person's message
    waited_ms: int = 0  # for those together
    timeless: int = 0  # messages whose time is damaged; they are on no day
    stored: int = 0  # messages on all branches, what a fork shares included, as an export counts them


class OperatorSearch:
    """Reads all conversations, a bounded number of messages in memory at a time."""

    def __init__(self, store: Store, vault: Vault, keys: PresentKeys, transcripts: Transcripts) -> None:
        self._store, self._vault, self._keys, self._transcripts = store, vault, keys, transcripts

    async def numbers(self, wanted: Wanted | None = None) -> list[int]:
        """Give the conversations a search looks through, in its order; what is sealed in them is not compared yet."""
        wanted = wanted or Wanted()
        return await self._store.numbers(
            "last_activity_at",
            descending=True,
            status=None if wanted.status is None else wanted.status.value,
            since=None if wanted.since is None else _ms(wanted.since, 0),
            until=None if wanted.until is None else _ms(wanted.until, 0),
            limit=None,
        )

    async def search(
        self,
        words: str,
        *,
        wanted: Wanted | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        look: Look | None = None,
        numbers: Sequence[int] | None = None,
    ) -> AsyncGenerator[OperatorHit, None]:
        """Find the messages that hold every word, whatever their case; each as soon as it is found.

        Conversations with the newest activity come first, of each the newest message. `wanted` says in which
        conversations, `since` and `until` (not included) when the message was stored. `numbers` are some of those
        that `numbers` gave: only they are looked through.
        """
        terms, wanted, look = Terms(words), wanted or Wanted(), look or Look()
        low, high, bounded = _ms(since, 0), _ms(until, 1 << 62), since is not None or until is not None
        numbers = await self.numbers(wanted) if numbers is None else numbers
        look.sessions = len(numbers)
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            rows = {row.number: row for row in await self._store.sessions_by_number(batch)}
            there = [rows[number] for number in batch if number in rows]
            lives = await self._opened([row for row in there if row.updated_at >= low], wanted, look)
            async for live, run, messages in self._messages(lives, look):
                asked = [row for row in reversed(messages) if low <= row[5] < high] if bounded else messages[::-1]
                opened = 0
                for row, text in run.live.texts(asked):
                    opened += 1
                    if terms.found_in(text):
                        yield self._hit(live, run, row)
                if opened < len(asked) and (fresh := await self._resealed(run.live)):
                    for row, text in fresh.texts(asked):
                        if terms.found_in(text):
                            yield self._hit(fresh if live is run.live else live, run._replace(live=fresh), row)
            look.seen += len(batch)

    async def first_words(self, found: Sequence[Listed]) -> dict[str, str]:
        """Give the beginning of the first message of each conversation, by id; empty where there is none."""
        words: dict[str, str] = {}
        for start in range(0, len(found), BATCH):
            rows = await self._store.sessions_by_number([one.number for one in found[start : start + BATCH]])
            lives = await self._opened(rows, Wanted(), Look())
            words |= await self._beginnings(live for live in lives if live.row.head)
        return {one.session.id: words.get(one.session.id, "") for one in found}

    async def tally(self, found: Listed) -> Tally:
        """Count what one reads in a conversation. Raises `NotFound`, `VaultError`."""
        row = await self._store.session_by_number(found.number)
        if row is None:
            raise NotFound("session", found.session.id)
        live = await self._read(row)
        trunk = live.journal.branches[0].parent
        shared = await self._transcripts.length(live, trunk) if trunk < 0 else 0
        tally, asked = Tally(stored=shared + live.row.stored), 0
        async for _, first, last in self._pages(live):
            for _, _, role, _, _, at, _ in await self._store.messages(first, last, last - first + 1, newest=False):
                asked = _count(tally, ROLE_NAMES.get(role, "system"), at, asked)
            await asyncio.sleep(0)
        return tally

    # -- conversations -------------------------------------------------------------------------

    async def _opened(self, rows: Sequence[SessionRow], wanted: Wanted, look: Look) -> list[LiveSession]:
        """Open the conversations that are wanted."""
        lives, lean = [], not wanted.needs_opening
        for row in rows:
            try:
                live = await self._read(row, lean=lean)
            except NotFound:
                continue
            except (Tampered, SessionLocked):
                look.unopened += 1
                continue
            if lean or fits(_listed(live), wanted):
                lives.append(live)
        return lives

    async def _read(self, row: SessionRow, *, lean: bool = True) -> LiveSession:
        """Open a conversation as it is stored, anew if it was written to between row and journal."""
        await self._keys.meet(row.wrapped[2:10])
        while True:
            try:
                return await self._read_once(row, lean=lean)
            except Tampered:
                newer = await self._store.session_by_number(row.number)
                if newer is None:
                    raise NotFound("session", row.id) from None
                if newer.version == row.version:
                    raise
                row = newer

    async def _read_once(self, row: SessionRow, *, lean: bool) -> LiveSession:
        """Open a conversation; a lean one without what it is called and where it was begun."""
        if lean:
            cipher = self._vault.session_cipher(row.id, row.wrapped, row.commitment)
            live = LiveSession(row, cipher, self._vault.install_id, _UNREAD)
            if not hmac.compare_digest(live.head_mac(row), row.mac):
                raise Tampered("a conversation")
        else:
            live = LiveSession.load(row, self._vault)
        if row.entries:
            live.read_journal(await self._store.journal(row.number))
        return live

    async def _resealed(self, live: LiveSession) -> LiveSession | None:
        """Open a conversation anew if it got another data key between its row and its messages."""
        row = await self._store.session_by_number(live.row.number)
        if row is None or row.commitment == live.row.commitment:
            return None
        with suppress(NotFound, Tampered, SessionLocked):
            return await self._read(row)
        return None

    # -- messages ------------------------------------------------------------------------------

    async def _messages(
        self, lives: Sequence[LiveSession], look: Look
    ) -> AsyncIterator[tuple[LiveSession, Run, list[MessageFields]]]:
        """Go through what one reads in conversations, in their order, of each the newest page first."""
        group: list[LiveSession] = []
        waiting = 0
        for live in [*lives, None]:
            short = live is not None and not live.row.entries and live.row.head <= PAGE
            if group and (not short or waiting >= PAGE):
                for one, rows in await self._together(group):
                    look.messages += len(rows)
                    yield one, Run(one, 1, one.row.head, 1), rows
                group, waiting = [], 0
                await asyncio.sleep(0)
            if live is None:
                return
            if short:
                group.append(live)
                waiting += live.row.head
                continue
            async for run, first, last in self._pages(live, backwards=True):
                rows = await self._store.messages(first, last, last - first + 1, newest=False)
                look.messages += len(rows)
                yield live, run, rows
                await asyncio.sleep(0)

    async def _together(self, lives: Sequence[LiveSession]) -> list[tuple[LiveSession, list[MessageFields]]]:
        """Read short conversations; those that lie side by side in storage as one range."""
        found: dict[int, list[MessageFields]] = {live.row.number: [] for live in lives}
        reads = [
            # Some may have been stored since the rows were read.
            self._store.messages(record_id(first, 1), record_id(last, MAX_SEQUENCE), count + PAGE, newest=False)
            for first, last, count in _neighbours(live.row for live in lives)
        ]
        for rows in await asyncio.gather(*reads):
            for row in rows:
                found[row[0] >> SEQUENCE_BITS].append(row)
        return [(live, found[live.row.number][: live.row.head]) for live in lives]

    async def _pages(self, live: LiveSession, *, backwards: bool = False) -> AsyncIterator[tuple[Run, int, int]]:
        """Give the records one reads, as ranges of at most a page."""
        runs = await self._transcripts.runs(live, live.row.head)
        for run in reversed(runs) if backwards else runs:
            starts = range(run.first, run.last + 1, PAGE)
            for start in reversed(starts) if backwards else starts:
                number, end = run.live.row.number, min(start + PAGE - 1, run.last)
                yield run, record_id(number, start), record_id(number, end)

    async def _beginnings(self, lives: Iterable[LiveSession]) -> dict[str, str]:
        firsts = []
        for live in lives:
            with suppress(Tampered, SessionLocked):  # of a fork, where it reads on
                firsts.append((live, (await self._transcripts.runs(live, live.row.head))[0]))
        places = [record_id(run.live.row.number, run.first) for _, run in firsts]
        reads = await asyncio.gather(*(self._store.messages(place, place, 1, newest=False) for place in places))
        words = {}
        for (live, run), rows in zip(firsts, reads, strict=True):
            found = list(run.live.texts(rows))
            if rows and not found and (fresh := await self._resealed(run.live)):
                found = list(fresh.texts(rows))
            for _, text in found:
                words[live.row.id] = str(text[:OPENING], "utf-8", "ignore")
        return words

    def _hit(self, live: LiveSession, run: Run, row: MessageFields) -> OperatorHit:
        (message,) = run.live.open_messages([row], run.seq + position_of(row[0]) - run.first)
        if live.profile is _UNREAD:
            live = LiveSession.load(live.row, self._vault)
        return OperatorHit(found=_listed(live), message=message)


def _listed(live: LiveSession) -> Listed:
    return Listed(live.snapshot(), live.profile.address, live.row.number)


def _neighbours(rows: Iterable[SessionRow]) -> Iterator[tuple[int, int, int]]:
    """Give first and last number of conversations that follow on one another, and how many messages they have."""
    first = last = count = 0
    for row in sorted(rows, key=lambda row: row.number):
        if count and row.number != last + 1:
            yield first, last, count
            count = 0
        first, last, count = first if count else row.number, row.number, count + row.head
    if count:
        yield first, last, count


def _count(tally: Tally, role: str, at: int, asked: int) -> int:
    """Count one message; give when a person asked what is not answered yet, or 0."""
    tally.roles[role] += 1
    if not 0 <= at < LATEST:
        tally.timeless += 1
        return asked
    tally.days[at // DAY_MS, role] += 1
    tally.first_ms, tally.last_ms = tally.first_ms or at, at
    if role == "assistant" and asked:
        tally.replies += 1
        tally.waited_ms += at - asked
    return at if role == "user" else 0 if role == "assistant" else asked


def _ms(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else int(moment.timestamp() * 1000)
