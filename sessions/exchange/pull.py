"""Pull: what my other machines have sent is taken in. Doing it twice changes nothing.

Whatever else lies in the place is left out and told of: what was changed, cut off, moved, replayed, sealed for somebody
else or signed by somebody else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sessions.address import Address, ChatKind
from sessions.audit import AuditKind
from sessions.errors import InvalidValue, NotFound, SessionError, StaleSession, VaultError
from sessions.exchange.address_book import Contact
from sessions.exchange.bundle import open_bundle
from sessions.exchange.desk import MOST_NAMED, Desk
from sessions.exchange.facts import Stamps
from sessions.exchange.header import Header, Kind
from sessions.exchange.identity import Identity
from sessions.exchange.ledger import ERASED, Ledger, Record, Standing
from sessions.exchange.mailbox_key import SEALED_HEADER, MailboxKey
from sessions.exchange.merging import Merging
from sessions.exchange.place import Place
from sessions.exchange.state import read_state, stamped
from sessions.exchange.theirs import Theirs
from sessions.exchange.tree import Tree, state_of
from sessions.exchange.trouble import BadBundle
from sessions.export.transcript import Transcript
from sessions.message import JsonValue
from sessions.records import SessionRow

TRIES = 5  # to take something in while another program does the same
AHEAD = 24 * 3600 * 1000  # milliseconds by which the clock of another machine may differ from ours


@dataclass(slots=True)
class Pulled:
    """What came in. `branched` sessions went on here and there; `kept` were erased there and went on here."""

    added: int = 0
    continued: int = 0
    branched: int = 0
    erased: int = 0
    kept: int = 0
    messages: int = 0
    waiting: int = 0  # bundles that a dry run would have looked into
    troubles: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Tell whether anything was changed here."""
        return bool(self.added or self.continued or self.erased)


class Pull:
    """One run."""

    def __init__(self, desk: Desk, place: Place, *, force: bool, dry_run: bool) -> None:
        self._desk, self._place, self._force, self._dry_run = desk, place, force, dry_run
        self._ledger, self._done = Ledger(desk.preferences), Pulled()
        self._merging = Merging(
            cache=desk.cache,
            transcripts=desk.transcripts,
            exporter=desk.exporter,
            resets=desk.resets,
            lanes=desk.lanes,
            now=desk.now,
        )

    async def run(self) -> Pulled:
        """Take in what is new from every machine of mine."""
        identity = await self._desk.keeper.identity()
        machines = await self._desk.machines()
        try:
            for machine in machines:
                mailbox = identity.incoming(machine.public)
                for slot in await self._place.slots(mailbox.box):
                    await self._look(identity, machine, mailbox, slot)
        finally:
            await self._note()
        return self._done

    async def _note(self) -> None:
        done = self._done
        if done.any:
            named: list[JsonValue] = [*done.ids[:MOST_NAMED]]
            counts = {"count": len(done.ids), "messages": done.messages, "erased": done.erased}
            await self._desk.audit.note(AuditKind.PULL, sessions=named, **counts)

    async def _look(self, identity: Identity, machine: Contact, mailbox: MailboxKey, slot: str) -> None:
        try:
            for left in reversed(range(TRIES)):
                try:
                    return await self._read(identity, machine, mailbox, slot)
                except StaleSession:  # another program took something in at the same moment
                    if not left:
                        raise
                    self._ledger.again()
        except (BadBundle, InvalidValue, NotFound, VaultError, StaleSession) as error:
            self._done.troubles.append(f"bundle {slot[:8]} from {machine.name} was left out: {error}")

    async def _read(self, identity: Identity, machine: Contact, mailbox: MailboxKey, slot: str) -> None:
        header = mailbox.open_header(slot, await self._place.head(mailbox.box, slot, SEALED_HEADER))
        if header.kind is Kind.SHARED or not await self._is_new(header, machine):
            return
        if self._dry_run:
            self._done.waiting += 1
            return
        data = await self._place.read(mailbox.box, slot)
        header, content = await asyncio.to_thread(open_bundle, identity, machine.public, slot, data)
        if header.kind is not Kind.SHARED and await self._is_new(header, machine):
            await self._take(header, content, machine)

    async def _is_new(self, header: Header, machine: Contact) -> bool:
        """Tell whether this was not read yet. Raises `BadBundle` for what is older than what was."""
        standing = (await self._ledger.record(header.session_id)).standing(machine.public.ident)
        if header.sequence < standing.read:
            raise BadBundle("it is older than what was read from there before")
        told = ERASED if header.kind is Kind.ERASED else header.digest.hex()
        return self._force or header.sequence > standing.read or told != standing.told

    async def _take(self, header: Header, content: bytes, machine: Contact) -> None:
        record = await self._ledger.record(header.session_id)
        standing = record.standing(machine.public.ident)
        row = await self._desk.store.session(header.session_id)
        if header.kind is Kind.ERASED:
            await self._erase(row, record, standing, header)
            standing.told, standing.told_head = ERASED, ""
        else:
            transcript, stamps = await asyncio.to_thread(read_state, content)
            self._check(transcript, stamps, header)
            if row is None and record.was_here:
                record.forget()  # it was erased here, and does not come back
            else:
                if row is None:
                    record.stamps = await self._add(transcript, stamps)
                else:
                    record.stamps = await self._merge(transcript, stamps, record, machine)
                tree = await asyncio.to_thread(Tree, transcript)
                standing.told, standing.told_head = header.digest.hex(), tree.head_mark
        standing.read = header.sequence
        self._ledger.changed(header.session_id)
        await self._ledger.flush()

    def _check(self, transcript: Transcript, stamps: Stamps, header: Header) -> None:
        if transcript.session.id != header.session_id:
            raise BadBundle("it holds another session than it says")
        if any(one.message.kind == "unreadable" for one in transcript.stored):
            raise BadBundle("it holds messages that could not be read where it comes from")
        if any(one.message.created_ms < 0 for one in transcript.stored):
            raise BadBundle("it holds messages of no time")
        newest = max((stamp.at for stamp in stamps.values()), default=0)
        if max(newest, _newest(transcript)) > self._desk.now() + AHEAD:
            raise BadBundle("it holds messages of the future; set the clocks of both machines")

    # -- what is done with it ------------------------------------------------------------------

    async def _add(self, transcript: Transcript, stamps: Stamps) -> Stamps:
        session = transcript.session
        importer = self._desk.importer(_newest(transcript))
        try:
            async with importer.arrivals(new_ids=False) as arrivals:
                await arrivals.add(transcript, _address(transcript), scope=session.scope)
        except SessionError:
            if await self._desk.store.session(session.id) is None:
                raise
            raise StaleSession("another program is taking it in as well; run this again") from None
        self._done.added += 1
        self._done.messages += len(transcript.stored)
        self._done.ids.append(session.id)
        return stamps

    async def _merge(self, transcript: Transcript, stamps: Stamps, record: Record, machine: Contact) -> Stamps:
        session_id, standing = transcript.session.id, record.standing(machine.public.ident)
        theirs = Theirs(
            transcript=transcript,
            name=machine.name,
            told_head=standing.told_head if standing.read else None,
            stamps=stamps,
        )
        merged = await self._merging.merge(session_id, theirs, record.stamps)
        self._done.continued += merged.changed
        self._done.branched += merged.branched
        self._done.messages += merged.added
        if merged.changed:
            self._done.ids.append(session_id)
        return merged.stamps

    async def _erase(self, row: SessionRow | None, record: Record, standing: Standing, header: Header) -> None:
        """Erase what the other one has erased, unless more was said here than it knew of."""
        if row is None:
            record.forget()
        elif await self._knew_all(row, record, standing, header) and await self._erase_unused(row):
            record.forget()
            self._done.erased += 1
            self._done.ids.append(row.id)
        else:
            self._done.kept += 1

    async def _erase_unused(self, row: SessionRow) -> bool:
        """Erase a session if nobody has written to it since its row was read; tell whether it is gone."""
        return (await self._desk.erasure.erase([row], unused=True)).sessions == 1

    async def _knew_all(self, row: SessionRow, record: Record, standing: Standing, header: Header) -> bool:
        live = await self._desk.cache.get(row.id)
        transcript = await self._desk.exporter.gather(live)
        stamps = stamped(record.stamps, transcript.session)
        state = (await asyncio.to_thread(state_of, transcript, Tree(transcript), stamps)).hex()
        seen_all = header.seen >= standing.sequence
        return state == standing.told or (seen_all and state == standing.sent)


def _newest(transcript: Transcript) -> int:
    session = transcript.session
    times = (session.created_at, session.updated_at, session.last_activity_at)
    newest = max(int(time.timestamp() * 1000) for time in times)
    return max((newest, *(one.message.created_ms for one in transcript.stored)))


def _address(transcript: Transcript) -> Address:
    """Read whose it is."""
    said = dict(transcript.address)
    try:
        return Address(chat_kind=ChatKind(said.pop("chat_kind", ChatKind.PRIVATE.value)), **said)
    except (TypeError, ValueError):
        raise BadBundle("it does not say whose it is") from None
