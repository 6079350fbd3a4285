"""Sharing: a conversation as it is now goes to somebody else, who may make one of their own of it.

What is shared is what one reads: the words, who said them and when. Side branches, checkpoints, metadata, settings and
the address stay here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from sessions.address import Address
from sessions.audit import AuditKind
from sessions.errors import Ambiguous, InvalidValue, NotFound, StoreReadOnly, VaultError
from sessions.exchange.address_book import Contact
from sessions.exchange.bundle import open_bundle, seal_bundle
from sessions.exchange.desk import Desk
from sessions.exchange.header import Header, Kind
from sessions.exchange.ledger import Ledger
from sessions.exchange.ledger import Shared as Kept
from sessions.exchange.mailbox_key import SEALED_HEADER
from sessions.exchange.place import Place
from sessions.exchange.pull import AHEAD
from sessions.exchange.seen import Seen
from sessions.exchange.shared import Shared, as_read, read_shared
from sessions.exchange.trouble import BadBundle
from sessions.exchange.withdrawal import locate
from sessions.export.json_format import to_json
from sessions.export.transcript import Transcript
from sessions.message import JsonValue
from sessions.session import Session, Status

PREFIX = "shared-"
IDENT = 12  # hex digits of a shared id behind its prefix
MAX_TITLE = 200  # characters of a title of somebody else's that are listed
SHARED_BY = "shared_by"  # the metadata of a clone that tells whose it was


@dataclass(frozen=True, slots=True)
class _Found:
    contact: Contact
    transcript: Transcript
    sequence: int
    session: str
    slot: str
    known: bool  # this very version was seen before

    @property
    def id(self) -> str:
        return _id_of(self.slot)


class Sharing:
    """Shares, lists and clones."""

    def __init__(self, desk: Desk, place: Place | None) -> None:
        self._desk, self._place, self._ledger = desk, place, Ledger(desk.preferences)
        self._seen = Seen(desk.preferences)
        self.troubles: list[str] = []

    async def share(self, session_id: str, contacts: Sequence[Contact]) -> list[Shared]:
        """Seal a conversation for each of them; sharing it again takes the place of what was shared before."""
        identity, place = await self._desk.keeper.identity(), self._there()
        async with self._desk.cache.locked(session_id) as live:
            whole = await self._desk.exporter.gather(live)
        transcript = as_read(whole)
        content = to_json(transcript, include_metadata=False).encode()
        record = await self._ledger.record(session_id)
        done: list[Shared] = []
        for contact in contacts:
            mailbox, ident = identity.outgoing(contact.public), contact.public.ident
            before = record.shared.get(ident)
            sequence = max(self._desk.now(), 0 if before is None else before.sequence + 1)
            header = Header(Kind.SHARED, session_id, sequence, 0, hashlib.sha256(content).digest())
            data = await asyncio.to_thread(seal_bundle, identity, contact.public, header, content)
            slot = mailbox.slot(Kind.SHARED, session_id)
            kept = Kept(
                at=self._desk.now(),
                sequence=sequence,
                messages=len(transcript.stored),
                name=contact.name,
                box=mailbox.box,
                slot=slot,
            )
            record.shared[ident] = kept
            self._ledger.changed(session_id)
            await self._ledger.flush()  # first: what may be there must be known, to be taken back
            await place.write(mailbox.box, slot, data)
            done.append(_listed(kept, _id_of(slot), contact.name, session_id, transcript.session.title))
        to: list[JsonValue] = [contact.public.ident for contact in contacts]
        await self._desk.audit.note(AuditKind.SHARE, session=session_id, to=to, messages=len(transcript.stored))
        return done

    async def listed(self) -> list[Shared]:
        """List what I shared, and what was shared with me, the newest first."""
        identity = await self._desk.keeper.known()
        if identity is None:
            return []
        known = {contact.public.ident: contact for contact in await self._desk.contacts.all()}
        found: list[Shared] = []
        async for session_id, record in self._ledger.all():
            title = await self._title(session_id) if record.held else None
            for ident, kept in record.held.items():
                if ident in known:
                    locate(kept, identity, known[ident], session_id)
                found.append(_listed(kept, _id_of(kept.slot or ident), kept.name or ident[:8], session_id, title))
        if self._place is not None:
            incoming = [one async for one in self._incoming("")]
            noted = await self._note(incoming)
            found += [_incoming(one, self._desk.now(), remembered=noted or one.known) for one in incoming]
        return sorted(found, key=lambda one: (-(one.at_ms or 0), one.id))

    async def clone(self, which: str, sender: Contact | None, address: Address) -> tuple[Session, str]:
        """Make a conversation of one's own of what was shared; it waits. Raises `NotFound` or `Ambiguous`."""
        wanted = which.strip().lower().removeprefix(PREFIX)
        if not wanted:
            raise InvalidValue("say which: an id that palaver sessions list --shared prints")
        found = [one async for one in self._incoming(wanted) if sender is None or one.contact == sender]
        if not found:
            raise NotFound("shared session", which)
        if len(found) > 1:
            raise Ambiguous("shared session", which, [one.id for one in found])
        (one,) = found
        await self._seen.note(one.contact.public.ident, {one.slot: one.sequence})
        session = replace(one.transcript.session, status=Status.PAUSED, metadata={SHARED_BY: one.contact.name})
        newest = max((each.message.created_ms for each in one.transcript.stored), default=0)
        about = {"shared": one.session, "by": one.contact.public.ident}
        importer = self._desk.importer(min(newest, self._desk.now()))
        async with importer.arrivals(new_ids=True) as arrivals:
            scope = await self._desk.directory.scope(address)
            session_id = await arrivals.add(replace(one.transcript, session=session), address, scope=scope)
        await self._desk.audit.note(AuditKind.CLONE, session=session_id, **about)
        return (await self._desk.cache.get(session_id)).snapshot(), one.contact.name

    async def _title(self, session_id: str) -> str | None:
        """Give the title of a session as it is here; none where it was erased or does not open."""
        try:
            return (await self._desk.cache.get(session_id)).profile.title
        except (NotFound, VaultError):
            return None

    # -- inside --------------------------------------------------------------------------------

    def _there(self) -> Place:
        if self._place is None:
            raise InvalidValue("there is no place to exchange anything")
        return self._place

    async def _note(self, found: Sequence[_Found]) -> bool:
        """Remember what is new of it; tell whether that can be."""
        new: dict[str, dict[str, int]] = {}
        for one in found:
            if not one.known:
                new.setdefault(one.contact.public.ident, {})[one.slot] = one.sequence
        try:
            for ident, sequences in new.items():
                await self._seen.note(ident, sequences)
        except StoreReadOnly:
            return False
        return True

    async def _incoming(self, wanted: str) -> AsyncIterator[_Found]:
        """Open what was shared with me under ids that begin so; what is no such thing is left out and told of."""
        identity, place = await self._desk.keeper.identity(), self._there()
        for contact in await self._desk.contacts.all():
            mailbox, newest = identity.incoming(contact.public), await self._seen.newest(contact.public.ident)
            for slot in await place.slots(mailbox.box):
                if not slot.startswith(wanted[:IDENT]):
                    continue
                try:
                    header = mailbox.open_header(slot, await place.head(mailbox.box, slot, SEALED_HEADER))
                    if header.kind is not Kind.SHARED:
                        continue
                    data = await place.read(mailbox.box, slot)
                    header, content = await asyncio.to_thread(open_bundle, identity, contact.public, slot, data)
                    known = _is_known(header, newest.get(slot, -1))
                    transcript = await asyncio.to_thread(read_shared, header, content)
                except (BadBundle, InvalidValue) as error:
                    self.troubles.append(f"bundle {slot[:8]} from {contact.name} was left out: {error}")
                    continue
                yield _Found(contact, transcript, header.sequence, header.session_id, slot, known)


def _is_known(header: Header, newest: int) -> bool:
    """Tell whether this very version was seen before. Raises `BadBundle` for an older one."""
    if header.sequence < newest:
        raise BadBundle("it is older than what was seen from there before")
    return header.sequence == newest


def _id_of(slot: str) -> str:
    return PREFIX + slot[:IDENT]


def _listed(kept: Kept, ident: str, name: str, session_id: str, title: str | None) -> Shared:
    return Shared(
        id=ident,
        outgoing=True,
        name=name,
        title=title,
        messages=kept.messages,
        at_ms=kept.at,
        session=session_id,
    )


def _incoming(one: _Found, now: int, *, remembered: bool) -> Shared:
    title = one.transcript.session.title
    return Shared(
        id=one.id,
        outgoing=False,
        name=one.contact.name,
        title=None if title is None else title[:MAX_TITLE],
        messages=len(one.transcript.stored),
        at_ms=one.sequence if 0 < one.sequence <= now + AHEAD else None,  # a sender counts by the clock
        session=one.session,
        remembered=remembered,
    )
