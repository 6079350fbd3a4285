"""Persons: all that is kept of somebody, in all chats and before all bot accounts, and having it kept no longer.

What a person shares with others, the conversations of the scopes `per-channel` and `main`, is not theirs alone and no
part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sessions.account import Account
from sessions.address import Address, ChatKind
from sessions.audit import Audit, AuditKind
from sessions.directory import Directory
from sessions.erasure import Erasure, Receipt
from sessions.errors import SessionLocked, Tampered
from sessions.live import LiveSession
from sessions.preferences import Judge, Preferences
from sessions.present_keys import PresentKeys
from sessions.records import SessionRow
from sessions.scope import Scope
from sessions.store import Store
from sessions.vault import Vault

BATCH = 200
_OWN = (Scope.PER_PEER, Scope.PER_CHANNEL_PEER)


class Persons:
    """Finds what belongs to a person, and erases it."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        keys: PresentKeys,
        directory: Directory,
        preferences: Preferences,
        erasure: Erasure,
        audit: Audit,
    ) -> None:
        self._store, self._vault, self._keys, self._directory = store, vault, keys, directory
        self._preferences, self._erasure, self._audit = preferences, erasure, audit

    async def addresses(self, platform: str, user_id: str) -> list[Address]:
        """Give every address that somebody may have written from: one for each bot account and each chat known here.

        Goes through all conversations.
        """
        await self._keys.follow()  # what does not open would be left out without a word
        found: dict[Address, None] = {}
        last = 0
        while rows := await self._store.sessions_after(last, BATCH):
            last = rows[-1].number
            for address in filter(None, map(self._address, rows)):
                if address.platform != platform:
                    continue
                if address.user_id == user_id or address.chat_kind is not ChatKind.PRIVATE:
                    found[replace(address, user_id=user_id)] = None
                else:  # somebody else's private chat tells only of the bot account
                    found[_direct(address.account, platform, user_id)] = None
        return list(found)

    async def owned(self, addresses: Iterable[Address]) -> list[SessionRow]:
        """List everything a person owns, through all linked accounts, each once."""
        rows: dict[int, SessionRow] = {}
        for account in dict.fromkeys(map(Account.of, addresses)):
            for row in await self._directory.owned(_direct(account.account, account.platform, account.user_id)):
                rows[row.number] = row
        return sorted(rows.values(), key=lambda row: -row.number)

    async def erase(self, addresses: Sequence[Address], notes: Sequence[str], noted: Judge | None) -> Receipt:
        """Erase everything a person owns, for good, with links, choices for chats, and what is noted under these names.

        Comes to the same when it is done again after it broke off.
        """
        await self._keys.follow()
        owned = await self.owned(addresses)
        places = dict.fromkeys([*addresses, *filter(None, map(self._address, owned))])
        keys = {row.key_idx for row in owned} | await self._own_keys(places)
        forgotten = 0 if noted is None else await self._preferences.forget_where(noted)
        for name in notes:
            forgotten += await self._preferences.forget_note(name)
        for key_idx in sorted(keys):
            forgotten += await self._preferences.forget_key(key_idx)
        for address in places:
            forgotten += await self._directory.forget_scope(address)
        receipt = await self._erasure.erase(owned)
        # Last, as the conversations of linked accounts are found through them when this is done again.
        for account in dict.fromkeys(map(Account.of, places)):
            forgotten += await self._preferences.forget_links(account)
        if forgotten and not receipt.sessions:
            await self._audit.note(AuditKind.ERASURE, sessions=[], count=0, messages=0, notes=forgotten)
        await self._store.forget_log()  # also of what the caller has taken out of notes before
        return replace(receipt, notes=forgotten)

    async def _own_keys(self, addresses: Iterable[Address]) -> set[bytes]:
        """Give the keys of conversations that nobody else has."""
        return {await self._directory.index(address, scope) for address in addresses for scope in _OWN}

    def _address(self, row: SessionRow) -> Address | None:
        try:
            return LiveSession.load(row, self._vault).profile.address
        except (Tampered, SessionLocked):
            return None


def _direct(account: str, platform: str, user_id: str) -> Address:
    """Give an address that names a person before a bot account; the chat does not matter."""
    return Address(platform=platform, account=account, chat_id=user_id, user_id=user_id)
