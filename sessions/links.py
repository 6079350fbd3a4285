"""Links: several accounts of one person, whose conversations across all chats become the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sessions.account import Account
from sessions.address import Address
from sessions.cache import SessionCache
from sessions.directory import Directory
from sessions.draft import Draft
from sessions.errors import InvalidValue, NotFound
from sessions.keyed_locks import KeyedLocks
from sessions.live import LiveSession
from sessions.preferences import Preferences
from sessions.records import SessionRow
from sessions.scope import Scope
from sessions.session import Session, Status
from sessions.store import Store

MAX_ACCOUNTS = 10
BATCH = 100  # sessions that change hands in one unit of work


class Links:
    """Links accounts and takes links back. What is shared is what has the scope per-peer."""

    def __init__(
        self,
        store: Store,
        cache: SessionCache,
        directory: Directory,
        preferences: Preferences,
        locks: KeyedLocks,
        now: Callable[[], int],
    ) -> None:
        self._store, self._cache, self._directory = store, cache, directory
        self._preferences, self._locks, self._now = preferences, locks, now

    async def joining(self, address: Address) -> list[Session]:
        """List the sessions of an account that would be shared."""
        rows = await self._store.sessions_of_key(await self._directory.index(address, Scope.PER_PEER))
        return [self._directory.snapshot(row) for row in rows if row.stored or row.message_count]

    async def link(self, main: Address, other: Address) -> int:
        """Let `other` share the conversations of `main`; give the number of sessions that joined."""
        first, second = await self._preferences.main_account(Account.of(main)), Account.of(other)
        known = await self._preferences.accounts(first)
        if second in known:
            raise InvalidValue("these two accounts are linked already")
        if len(await self._preferences.accounts(second)) > 1:
            raise InvalidValue("this account is linked to others already; /link off there first")
        if len(known) >= MAX_ACCOUNTS:
            raise InvalidValue(f"a person can have at most {MAX_ACCOUNTS} linked accounts")
        before = await self._directory.index(other, Scope.PER_PEER)
        rows = await self._store.sessions_of_key(before)
        await self._preferences.set_accounts(first, [*known[1:], second])
        return await self._move(rows, other)

    async def unlink(self, address: Address) -> int:
        """Let an account stand alone again, with the sessions that began there; give their number."""
        account = Account.of(address)
        known = await self._preferences.accounts(account)
        if len(known) == 1:
            raise NotFound("link to another account")
        main, others = known[0], known[1:]
        rows = await self._store.sessions_of_key(await self._directory.index(address, Scope.PER_PEER))
        leaving = others if account == main else [account]  # the main one leaves by being left
        await self._preferences.set_accounts(main, [other for other in others if other not in leaving])
        moved = 0
        for other in leaving:
            theirs = [row for row in rows if await self._began_at(row, other)]
            for row in theirs:
                origin = (await self._cache.get(row.id)).profile.address
                moved += await self._move([row], origin)
        return moved

    async def accounts(self, address: Address) -> list[Account]:
        """List all accounts of a person, this one among them."""
        return await self._preferences.accounts(Account.of(address))

    async def _began_at(self, row: SessionRow, account: Account) -> bool:
        return Account.of((await self._cache.get(row.id)).profile.address) == account

    async def _move(self, rows: Sequence[SessionRow], address: Address) -> int:
        """Give sessions to the key that an address has by now; a current one is set aside."""
        key_idx = await self._directory.index(address, Scope.PER_PEER)
        owner_idx = await self._directory.owner_idx(address, Scope.PER_PEER)
        moving = [row for row in rows if row.key_idx != key_idx]
        for start in range(0, len(moving), BATCH):
            batch = moving[start : start + BATCH]
            async with self._locks.hold(batch[0].key_idx), self._cache.locked_all(*(row.id for row in batch)) as live:
                await self._cache.commit([self._moved(live[row.id], key_idx, owner_idx) for row in batch])
        return len(moving)

    def _moved(self, live: LiveSession, key_idx: bytes, owner_idx: bytes) -> Draft:
        draft = Draft(live, self._now())
        draft.row.key_idx, draft.row.owner_idx = key_idx, owner_idx
        if Status(draft.row.status).is_current:
            draft.row.status, draft.row.next_reset_at = Status.PAUSED.value, None
        live.rule = None
        return draft
