"""Push: what has changed here goes out, sealed for each of my other machines.

It can be broken off anywhere. A bundle takes the place of the one before as a whole, and the ledger tells of it only
then; what was not noted is sent once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sessions.audit import AuditKind
from sessions.errors import InvalidValue, NotFound, SessionError
from sessions.exchange.address_book import Contact
from sessions.exchange.bundle import seal_bundle
from sessions.exchange.desk import MOST_NAMED, Desk
from sessions.exchange.facts import Stamps
from sessions.exchange.header import DIGEST, Header, Kind
from sessions.exchange.identity import Identity
from sessions.exchange.ledger import ERASED, Ledger, Record, Standing
from sessions.exchange.mailbox_key import MailboxKey
from sessions.exchange.place import Place
from sessions.exchange.state import stamped, write_state
from sessions.exchange.tree import Tree, state_of
from sessions.export.transcript import Transcript
from sessions.message import JsonValue
from sessions.records import SessionRow

TOGETHER, KEPT = 100, 20  # sessions that are looked at at once, and that are sent before the ledger is kept
_NOTHING = bytes(DIGEST)


@dataclass(slots=True)
class Pushed:
    """What went out: sessions, tombstones of erased ones, bundles in all, and what could not go, in words."""

    sessions: int = 0
    erased: int = 0
    bundles: int = 0
    troubles: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Way:
    """A machine, its mailbox, and the slots that are filled."""

    to: Contact
    mailbox: MailboxKey
    filled: frozenset[str]


class Push:
    """One run."""

    def __init__(self, desk: Desk, place: Place, *, force: bool, dry_run: bool) -> None:
        self._desk, self._place, self._force, self._dry_run = desk, place, force, dry_run
        self._ledger, self._done, self._unkept = Ledger(desk.preferences), Pushed(), 0
        self._sent: set[int] = set()

    async def run(self) -> Pushed:
        """Send what has changed; what was erased here since is told as well."""
        identity = await self._desk.keeper.identity()
        ways = [await self._way(identity, machine) for machine in await self._desk.machines()]
        ids = sorted((await self._desk.store.ids()).values())
        try:
            for start in range(0, len(ids), TOGETHER):
                rows = await self._desk.store.sessions_by_id(ids[start : start + TOGETHER])
                await self._offer_changed(identity, ways, rows)
            await self._offer_readers(identity, ways)
            await self._tell_erased(identity, ways, set(ids))
        finally:
            if not self._dry_run:
                await self._ledger.flush()
                await self._note()
        return self._done

    async def _note(self) -> None:
        done = self._done
        if done.bundles:
            named: list[JsonValue] = [*done.ids[:MOST_NAMED]]
            counts = {"count": done.sessions, "erased": done.erased}
            await self._desk.audit.note(AuditKind.PUSH, sessions=named, **counts)

    async def _way(self, identity: Identity, machine: Contact) -> _Way:
        mailbox = identity.outgoing(machine.public)
        return _Way(machine, mailbox, frozenset(await self._place.slots(mailbox.box)))

    async def _offer_readers(self, identity: Identity, ways: Sequence[_Way]) -> None:
        """Look at the forks of what was sent as well: the text of a message that they share may have changed."""
        looked: set[int] = set()
        while numbers := self._sent - looked:
            number = numbers.pop()
            looked.add(number)
            readers = [one for one in await self._desk.store.readers_of(number) if one not in looked]
            rows = await self._desk.store.sessions_by_number(readers)
            await self._offer(identity, rows, {row.id: ways for row in rows})

    async def _offer_changed(self, identity: Identity, ways: Sequence[_Way], rows: Sequence[SessionRow]) -> None:
        wanted: dict[str, Sequence[_Way]] = {}
        for row in rows:
            record = await self._ledger.record(row.id)
            if found := [way for way in ways if self._may_differ(way, record, row)]:
                wanted[row.id] = found
        await self._offer(identity, [row for row in rows if row.id in wanted], wanted)

    async def _offer(
        self, identity: Identity, rows: Sequence[SessionRow], wanted: Mapping[str, Sequence[_Way]]
    ) -> None:
        """Read sessions as they are stored, which keeps nobody waiting who speaks, and send them."""
        known = {row.id: row for row in sorted(rows, key=lambda row: row.number)}
        async for session_id, transcript in self._desk.exporter.several(list(known)):
            if isinstance(transcript, NotFound):
                continue  # erased meanwhile; the next run tells of it
            if isinstance(transcript, SessionError):
                self._trouble(session_id, str(transcript))
            elif transcript.damaged:
                self._trouble(session_id, "it is damaged, and stays here; see palaver db verify")
            else:
                row, record = known[session_id], await self._ledger.record(session_id)
                record.gone = False  # it may have been erased, and imported anew
                # With the version of before: what was written since is looked at by the next run.
                if await self._send(identity, wanted[session_id], record, transcript, row.version):
                    self._sent.add(row.number)

    def _may_differ(self, way: _Way, record: Record, row: SessionRow) -> bool:
        known = record.peers.get(way.to.public.ident)
        return self._force or known is None or known.version != row.version or _is_lost(way, known, row.id)

    async def _send(
        self, identity: Identity, ways: Sequence[_Way], record: Record, transcript: Transcript, version: int
    ) -> bool:
        session = transcript.session
        record.stamps = stamped(record.stamps, session)
        state = await asyncio.to_thread(_state, transcript, record.stamps)
        content, sent = b"", 0
        for way in ways:
            standing = record.standing(way.to.public.ident)
            sent_before = state.hex() == standing.sent and not _is_lost(way, standing, session.id)
            if not self._force and (sent_before or state.hex() == standing.told):
                standing.version = version
            else:
                content = content or await asyncio.to_thread(write_state, transcript, record.stamps)
                header = self._header(Kind.STATE, session.id, standing, state)
                try:
                    await self._write(identity, way, header, content)
                except InvalidValue as error:
                    self._trouble(session.id, str(error))
                    continue
                standing.sequence, standing.version, standing.sent = header.sequence, version, state.hex()
                sent += 1
            self._ledger.changed(session.id)
        if sent:
            self._done.sessions += 1
            self._done.ids.append(session.id)
            await self._keep_now_and_then()
        return sent > 0

    async def _tell_erased(self, identity: Identity, ways: Sequence[_Way], there: set[str]) -> None:
        async for session_id, record in self._ledger.all():
            if session_id in there or not record.was_here:
                continue
            record.forget()
            told = [await self._tell(identity, way, session_id, record) for way in ways]
            if any(told):
                self._done.erased += 1
                self._ledger.changed(session_id)
                await self._keep_now_and_then()

    async def _tell(self, identity: Identity, way: _Way, session_id: str, record: Record) -> bool:
        standing = record.peers.get(way.to.public.ident)
        if standing is None or not (standing.sequence or standing.read) or standing.told == ERASED:
            return False
        filled = way.mailbox.slot(Kind.ERASED, session_id) in way.filled
        if standing.sent == ERASED and filled and not self._force:
            return False
        header = self._header(Kind.ERASED, session_id, standing, _NOTHING)
        await self._write(identity, way, header, b"")
        standing.sequence, standing.sent = header.sequence, ERASED
        return True

    def _header(self, kind: Kind, session_id: str, standing: Standing, digest: bytes) -> Header:
        # By the clock, so that it goes on rising when this store is an older one that was put back.
        sequence = max(standing.sequence + 1, self._desk.now())
        return Header(kind, session_id, sequence, standing.read, digest)

    async def _write(self, identity: Identity, way: _Way, header: Header, content: bytes) -> None:
        self._done.bundles += 1
        if not self._dry_run:
            data = await asyncio.to_thread(seal_bundle, identity, way.to.public, header, content)
            await self._place.write(way.mailbox.box, way.mailbox.slot(header.kind, header.session_id), data)

    async def _keep_now_and_then(self) -> None:
        self._unkept += 1
        if self._unkept >= KEPT and not self._dry_run:
            self._unkept = 0
            await self._ledger.flush()

    def _trouble(self, session_id: str, why: str) -> None:
        self._done.troubles.append(f"session {session_id} was not sent: {why}")


def _is_lost(way: _Way, standing: Standing, session_id: str) -> bool:
    """Tell whether what was sent is not in the place any more, and the other one has not told us that it has it."""
    return standing.sent not in ("", standing.told) and way.mailbox.slot(Kind.STATE, session_id) not in way.filled


def _state(transcript: Transcript, stamps: Stamps) -> bytes:
    return state_of(transcript, Tree(transcript), stamps)
