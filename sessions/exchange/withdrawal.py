"""Withdrawal: what was shared is taken back, whether or not those who have it are still known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sessions.audit import AuditKind
from sessions.errors import Ambiguous, InvalidValue, NotFound
from sessions.exchange.address_book import Contact, is_same
from sessions.exchange.desk import Desk
from sessions.exchange.header import Kind
from sessions.exchange.identity import Identity
from sessions.exchange.ledger import Ledger, Record, Shared
from sessions.exchange.place import Place
from sessions.message import JsonValue


class Withdrawal:
    """Takes back, by what the ledger tells of where things lie."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._ledger = desk, Ledger(desk.preferences)

    async def unshare(
        self, place: Place, which: str, names: Sequence[str], members: Sequence[Contact]
    ) -> tuple[str, list[str]]:
        """Take what was shared out of the place; give the session, and with whom it is shared no longer.

        `which` is the id of a session, also of one that was erased since, or its beginning. Without names and members
        of a team it is taken back from all it was shared with. Raises `NotFound` or `Ambiguous`.
        """
        identity = await self._desk.keeper.identity()
        session_id, record = await self._find(which)
        known = {contact.public.ident: contact for contact in await self._desk.contacts.all()}
        wanted = {_ident(name, known, record) for name in names} | {one.public.ident for one in members}
        chosen = [ident for ident in record.held if ident in wanted or not (names or members)]
        if not chosen:
            raise NotFound("shared session", which)
        lost: list[str] = []
        for ident in chosen:
            kept = record.shared[ident]
            if ident in known:
                locate(kept, identity, known[ident], session_id)
            if not kept.slot:
                raise InvalidValue("where it lies is not known here; add the contact again, and take it back then")
            await place.remove(kept.box, kept.slot)
            record.shared[ident] = Shared(sequence=kept.sequence, withdrawn=True)
            self._ledger.changed(session_id)
            await self._ledger.flush()
            lost.append(kept.name)
        of: list[JsonValue] = [*chosen]
        await self._desk.audit.note(AuditKind.SHARE, session=session_id, withdrawn=of)
        return session_id, lost

    async def keep_places(self, contact: Contact) -> list[str]:
        """Note where lies what is shared with somebody who is to be forgotten; give those sessions."""
        identity, ident = await self._desk.keeper.identity(), contact.public.ident
        left: list[str] = []
        async for session_id, record in self._ledger.all():
            if (kept := record.held.get(ident)) is not None:
                locate(kept, identity, contact, session_id)
                self._ledger.changed(session_id)
                left.append(session_id)
        await self._ledger.flush()
        return sorted(left)

    async def _find(self, which: str) -> tuple[str, Record]:
        wanted = which.strip().lower()
        found = {
            session_id: record
            async for session_id, record in self._ledger.all()
            if wanted and record.held and session_id.startswith(wanted)
        }
        if not found:
            raise NotFound("shared session", which)
        if len(found) > 1 and wanted not in found:
            raise Ambiguous("shared session", which, sorted(found))
        session_id = wanted if wanted in found else next(iter(found))
        return session_id, found[session_id]


def locate(kept: Shared, identity: Identity, contact: Contact, session_id: str) -> None:
    """Have a record say where what was shared lies, and by which name the contact is known."""
    mailbox = identity.outgoing(contact.public)
    kept.name, kept.box, kept.slot = contact.name, mailbox.box, mailbox.slot(Kind.SHARED, session_id)


def _ident(name: str, known: Mapping[str, Contact], record: Record) -> str:
    """Give the ident that a name stands for: of a contact, else of one who was. Raises `NotFound`."""
    now = [ident for ident, contact in known.items() if is_same(contact.name, name)]
    before = [ident for ident, one in record.held.items() if ident not in known and is_same(one.name, name)]
    if not (now or before):
        raise NotFound("contact", name)
    return next((ident for ident in (*now, *before) if ident in record.held), (*now, *before)[0])
