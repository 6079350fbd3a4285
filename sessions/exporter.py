"""Exporter: gathers what an export is made of from the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime

from sessions.cache import SessionCache
from sessions.errors import NotFound, SessionError, Tampered, VaultError
from sessions.export.transcript import Branch, StoredMessage, Transcript, read_along
from sessions.live import LiveSession, moment, unreadable
from sessions.message import Message
from sessions.records import MAX_SEQUENCE, MessageFields, SessionRow, number_of, position_of, record_id
from sessions.session import looks_like_id
from sessions.store import Store
from sessions.timeline import checkpoints_of
from sessions.transcripts import PAGE, Transcripts

SPARE = 500  # messages that are read beyond those counted
TOGETHER, MESSAGES = 100, 2_000  # sessions and messages that are read at once


class Exporter:
    """Gives a session as one value.

    What a fork shares with another session is written as if it were its own: positions of the export
    count the shared messages first, then those stored under the fork.
    """

    def __init__(self, store: Store, cache: SessionCache, transcripts: Transcripts, now: Callable[[], int]) -> None:
        self._store, self._cache, self._transcripts, self._now = store, cache, transcripts, now

    async def several(
        self, session_ids: Sequence[str], exported_at: datetime | None = None
    ) -> AsyncIterator[tuple[str, Transcript | SessionError]]:
        """Read sessions as they are stored, some at a time; an error stands in the place of one that can not be read.

        Sessions that lie side by side are read at once.
        """
        for start in range(0, len(session_ids), TOGETHER):
            ids = session_ids[start : start + TOGETHER]
            proper = [one for one in ids if looks_like_id(one)]  # nothing else is said to a database, or to its log
            rows = {row.id: row for row in await self._store.sessions_by_id(proper)}
            for some in _some(ids, rows):
                opened = [await self._open(session_id, rows.get(session_id)) for session_id in some]
                known = await self._together([live for live in opened if isinstance(live, LiveSession)])
                for session_id, live in zip(some, opened, strict=True):
                    yield session_id, await self._read(live, exported_at, known)

    async def _read(
        self, live: LiveSession | SessionError, exported_at: datetime | None, known: dict[int, list[MessageFields]]
    ) -> Transcript | SessionError:
        if isinstance(live, SessionError):
            return live
        try:
            return await self.gather(live, exported_at, known.get(live.row.number))
        except (NotFound, VaultError) as error:
            return error

    async def _open(self, session_id: str, row: SessionRow | None) -> LiveSession | SessionError:
        try:
            return await (self._cache.get(session_id) if row is None else self._cache.read(row))
        except Tampered:
            pass  # or it was written to while it was read
        except (NotFound, VaultError) as error:
            return error
        try:
            return await self._cache.get(session_id)
        except (NotFound, VaultError) as error:
            return error

    async def _together(self, lives: Sequence[LiveSession]) -> dict[int, list[MessageFields]]:
        """Read what is stored in sessions with consecutive numbers, by number."""
        found: dict[int, list[MessageFields]] = {}
        for group in _neighbours(sorted((live.row for live in lives), key=lambda row: row.number)):
            stored = {row.number: row.stored for row in group}
            first, last = record_id(group[0].number, 1), record_id(group[-1].number, MAX_SEQUENCE)
            limit = sum(stored.values()) + SPARE  # more may have been said since
            for fields in await self._store.messages(first, last, limit, newest=False):
                number = number_of(fields[0])
                if position_of(fields[0]) <= stored[number]:
                    found.setdefault(number, []).append(fields)
        return found

    async def gather(
        self,
        live: LiveSession,
        exported_at: datetime | None = None,
        known: list[MessageFields] | None = None,
    ) -> Transcript:
        """Read everything of a session; `exported_at` is when that is said to have been, now if not given."""
        checkpoints = checkpoints_of(live, automatic=True)
        shared = await self._shared(live)
        offset = len(shared)
        stored = [StoredMessage(m.seq, 1, _numbered(m, m.seq)) for m in shared]
        places: dict[int, int] = {0: 0}
        for index in range(len(live.journal.foreign)):
            places[-index - 1] = await self._transcripts.length(live, -index - 1)

        def place(position: int) -> int:
            return position + offset if position > 0 else places[position]

        branches = self._branches(live, offset, place)
        seqs = await self._depths(live)
        for first in range(1, live.row.stored + 1, PAGE):
            last = min(first + PAGE - 1, live.row.stored)
            for message in await self._stored(live, first, last, known):
                branch = live.journal.branch_at(message.seq).number
                seq = seqs[branch] + message.seq
                stored.append(StoredMessage(message.seq + offset, branch + 1, _numbered(message, seq)))
        marks, head = live.journal.marks, place(live.row.head)
        return Transcript(
            session=live.snapshot(),
            messages=read_along(stored, branches, head),
            stored=stored,
            branches=branches,
            head=head,
            exported_at=exported_at or moment(self._now()),
            checkpoints=checkpoints,
            checkpoint_positions={c.id: place(marks[c.automatic, c.number].position) for c in checkpoints},
            address=_address(live),
            damaged=sum(one.message.kind == "unreadable" for one in stored),
            policy=live.profile.policy,
        )

    async def _stored(
        self, live: LiveSession, first: int, last: int, known: list[MessageFields] | None
    ) -> list[Message]:
        """Give messages by position, from what was read before if that is all of it."""
        if known is not None and len(known) == live.row.stored:
            messages = live.open_messages(known[first - 1 : last], first)
            if not any(message.kind == "unreadable" for message in messages):
                return messages  # else it may be that the session got another data key between its row and them
        return await self._transcripts.read_stored(live, first, last)

    async def _shared(self, live: LiveSession) -> list[Message]:
        trunk = live.journal.branches[0].parent
        if trunk >= 0:
            return []
        runs = await self._transcripts.runs(live, trunk)
        found: list[Message] = []
        for run in runs:
            page = await self._transcripts.read_stored(run.live, run.first, run.last)
            found += [_numbered(m, run.seq + i) for i, m in enumerate(page)]
        return found

    def _branches(self, live: LiveSession, offset: int, place: Callable[[int], int]) -> list[Branch]:
        _, *others = live.journal.branches
        # The shared messages and what was said right after them are one line.
        first = Branch(number=1, start=1, parent=None)
        return [first, *(Branch(number=b.number + 1, start=b.start + offset, parent=place(b.parent)) for b in others)]

    async def _depths(self, live: LiveSession) -> dict[int, int]:
        """Give, for each branch, what to add to a position to get its number as one reads."""
        depths = {}
        for branch in live.journal.branches:
            depths[branch.number] = await self._transcripts.length(live, branch.parent) - branch.start + 1
        return depths


def _some(ids: Sequence[str], rows: Mapping[str, SessionRow]) -> Iterator[list[str]]:
    """Give the sessions some at a time, so that their messages fit into memory."""
    some: list[str] = []
    size = 0
    for session_id in ids:
        stored = rows[session_id].stored if session_id in rows else 0
        if some and size + stored > MESSAGES:
            yield some
            some, size = [], 0
        some.append(session_id)
        size += stored
    if some:
        yield some


def _neighbours(rows: Sequence[SessionRow]) -> Iterator[list[SessionRow]]:
    """Give the runs of sessions with consecutive numbers that are longer than one."""
    group: list[SessionRow] = []
    for row in rows:
        if group and row.number != group[-1].number + 1:
            if len(group) > 1:
                yield group
            group = []
        group.append(row)
    if len(group) > 1:
        yield group


def _numbered(message: Message, seq: int) -> Message:
    """Give a message its number as one reads; the words in the place of one that is lost tell that number too."""
    if message.seq == seq:
        return message
    lost = message == unreadable(message.seq)
    return unreadable(seq) if lost else message._replace(seq=seq)


def _address(live: LiveSession) -> dict[str, str]:
    address = live.profile.address
    fields = {
        "platform": address.platform,
        "account": address.account,
        "chat_id": address.chat_id,
        "thread_id": address.thread_id,
        "user_id": address.user_id,
        "chat_kind": address.chat_kind.value,
    }
    return {name: value for name, value in fields.items() if value is not None}
