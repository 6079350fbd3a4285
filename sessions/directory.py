"""Directory: which session a message belongs to, and finding the sessions of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sessions.account import Account
from sessions.address import Address
from sessions.audit import Audit, AuditKind
from sessions.cache import SessionCache
from sessions.errors import Ambiguous, InvalidValue, NotFound, SessionLocked, Tampered, VaultError
from sessions.live import LiveSession, maybe_moment, moment
from sessions.message import Usage
from sessions.preferences import Preferences
from sessions.present_keys import PresentKeys
from sessions.records import SessionRow
from sessions.resets import Resets
from sessions.scope import Scope
from sessions.session import ID_LENGTH, Session, Status, looks_like_id
from sessions.session_key import SessionKey, length_prefixed
from sessions.store import Store
from sessions.vault import Vault

_STATUSES = {status.value: status for status in Status}


class Place(NamedTuple):
    """The keyed hashes under which a session is found: that of its conversation key, and that of its owner."""

    key_idx: bytes
    owner_idx: bytes


class Directory:
    """Finds sessions, always together with whom they belong to. With no `audit` nobody writes here."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        keys: PresentKeys,
        cache: SessionCache,
        preferences: Preferences,
        resets: Resets,
        scope: Scope,
        audit: Audit | None,
    ) -> None:
        self._store, self._vault, self._keys, self._cache = store, vault, keys, cache
        self._preferences, self._resets, self._scope, self._audit = preferences, resets, scope, audit

    # -- keys ----------------------------------------------------------------------------------

    async def scope(self, address: Address) -> Scope:
        """Give the scope that holds for a person in a chat."""
        return await self._preferences.scope(await self._known_as(address)) or self._scope

    async def set_scope(self, address: Address, scope: Scope) -> None:
        """Keep the scope a person chose for a chat."""
        await self._preferences.set_scope(await self._known_as(address), scope)

    async def forget_scope(self, address: Address) -> bool:
        """Put a person's choice for a chat back to nothing said; tell whether there was one."""
        return await self._preferences.forget(await self._known_as(address))

    async def key_idx(self, address: Address) -> bytes:
        """Give the keyed hash under which the conversations of this address are stored."""
        return await self.index(address, await self.scope(address))

    async def index(self, address: Address, scope: Scope) -> bytes:
        """Give the keyed hash of an address seen through a scope."""
        return self._index(await self._home(address, scope), scope)

    def _index(self, home: Address, scope: Scope) -> bytes:
        return self._vault.index("key", SessionKey.of(home, scope).encode())

    def own_index(self, account: Account) -> bytes:
        """Give the keyed hash under which an account's own conversations across chats lie while it stands alone."""
        user = account.user_id  # the chat does not matter
        address = Address(platform=account.platform, account=account.account, chat_id=user, user_id=user)
        return self._vault.index("key", SessionKey.of(address, Scope.PER_PEER).encode())

    async def foresee(self, places: Sequence[tuple[Address, Scope]]) -> list[Place]:
        """Read at once what these addresses, seen through these scopes, will be looked up for; give where they lead."""
        await self._preferences.foresee_places(places)
        found = [await self.place(address, scope) for address, scope in places]
        await self._preferences.foresee_keys(place.key_idx for place in found)
        return found

    async def place(self, address: Address, scope: Scope) -> Place:
        """Give under what a session of an address seen through a scope is found."""
        home = await self._home(address, scope)
        return Place(self._index(home, scope), self._owner_idx(home, scope))

    async def owner_idx(self, address: Address, scope: Scope) -> bytes:
        """Give the keyed hash of who owns a session: a person, a shared chat, the installation."""
        return self._owner_idx(await self._home(address, scope), scope)

    def _owner_idx(self, home: Address, scope: Scope) -> bytes:
        if scope is Scope.MAIN:
            return self._vault.index("owner/main", b"")
        if scope is Scope.PER_CHANNEL:
            chat = (home.platform, home.account, home.chat_id, home.thread_id)
            return self._vault.index("owner/chat", length_prefixed(*chat))
        return self._owner(Account(home.platform, home.account, home.user_id))

    def _owner(self, account: Account) -> bytes:
        return self._vault.index("owner/person", length_prefixed(*account))

    async def _home(self, address: Address, scope: Scope) -> Address:
        """Give the address under which conversations are kept: of a chat that moved, of accounts that are linked."""
        if scope is not Scope.PER_PEER:
            return await self._known_as(address)
        account = await self._preferences.main_account(Account.of(address))
        return replace(address, platform=account.platform, account=account.account, user_id=account.user_id)

    async def _known_as(self, address: Address) -> Address:
        chat = await self._preferences.chat_before(address)
        return address if chat == address.chat_id else replace(address, chat_id=chat)

    # -- finding -------------------------------------------------------------------------------

    async def current(self, address: Address) -> LiveSession | None:
        """Give the session that takes the next message of this address, if there is one."""
        live = await self._cache.current(await self.key_idx(address))
        if live is not None:
            await self._resets.rule(live)
        return live

    async def list_for(self, address: Address) -> list[Session]:
        """List the sessions of this address: the current one, then the others, newest activity first.

        Archived ones in which nothing was said and that have no name are left out.
        """
        rows = await self._store.sessions_of_key(await self.key_idx(address))
        await self._keys.meet_those_of(rows)
        known = [(self.snapshot(row), row.stored or row.message_count) for row in rows]
        found = [session for session, said in known if session.status.is_current or said or session.title]
        return sorted(found, key=lambda s: (not s.status.is_current, -s.last_activity_at.timestamp(), s.id))

    async def owned(self, address: Address) -> list[SessionRow]:
        """List everything a person owns, in all chats and through all linked accounts."""
        rows: list[SessionRow] = []
        for account in await self._preferences.accounts(Account.of(address)):
            rows += await self._store.sessions_of_owner(self._owner(account))
        return rows

    async def row(self, session_id: str) -> SessionRow:
        """Give the stored row of a session, which need not open. Raises `NotFound`."""
        try:
            return (await self._cache.get(session_id)).row
        except VaultError:
            row = await self._store.session(session_id)
            if row is None:
                raise NotFound("session", session_id) from None
            return row

    def snapshot(self, row: SessionRow) -> Session:
        """Give what is known of a stored session; one that does not open is shown as such."""
        try:
            return LiveSession.load(row, self._vault).snapshot()
        except (Tampered, SessionLocked):
            return Session(
                id=row.id,
                status=_STATUSES.get(row.status, Status.PAUSED),
                scope=self._scope,
                title="[unreadable]",
                tags=(),
                model=None,
                created_at=maybe_moment(row.created_at) or moment(0),
                last_activity_at=maybe_moment(row.last_activity_at) or moment(0),
                updated_at=maybe_moment(row.updated_at) or moment(0),
                message_count=row.message_count,
                usage=Usage(),
            )

    async def find(self, address: Address, which: str) -> Session:
        """Find one of the sessions of this address by id, list number, title or beginning of the id.

        Whatever belongs to somebody else is not found, exactly like what does not exist.
        """
        wanted, sessions = which.strip(), await self.list_for(address)
        if not wanted:
            raise InvalidValue("say which session: its number in the list, its id or its title")
        exact = [s for s in sessions if s.id == wanted.lower()] or _numbered(sessions, wanted)
        if not exact:
            exact = [s for s in sessions if s.title is not None and s.title.casefold() == wanted.casefold()]
        if not exact and looks_like_id(wanted):
            exact = [s for s in sessions if s.id.startswith(wanted.lower())]
        if not exact:
            await self._note_foreign(wanted.lower())
            raise NotFound("session", wanted)
        if len(exact) > 1:
            raise Ambiguous("session", wanted, [s.id for s in exact])
        return exact[0]

    async def _note_foreign(self, wanted: str) -> None:
        """Have the audit tell that somebody named another one's conversation; they are told nothing of it."""
        foreign = await self._store.session(wanted) if len(wanted) == ID_LENGTH and looks_like_id(wanted) else None
        if foreign is not None and self._audit is not None:
            await self._audit.note(AuditKind.REFUSED, session=foreign.id)


def _numbered(sessions: Sequence[Session], wanted: str) -> list[Session]:
    """Give the session at a number of the list, as a list of at most one."""
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else 0
    return list(sessions[number - 1 : number]) if number else []
