"""Links: several accounts of one person, whose conversations across all chats become the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress

from sessions.account import Account
from sessions.address import Address
from sessions.cache import SessionCache
from sessions.directory import Directory
from sessions.draft import Draft
from sessions.errors import InvalidValue, NotFound
from sessions.keyed_locks import KeyedLocks
from sessions.live import LiveSession
from sessions.persistence import persistent
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
            if moved := await self._settle(self._directory.own_index(second)):  # a crash has kept them from it
                return moved
            raise InvalidValue("these two accounts are linked already")
        if len(await self._preferences.accounts(second)) > 1:
            raise InvalidValue("this account is linked to others already; /link off there first")
        await self._preferences.link_account(first, second, most=MAX_ACCOUNTS)
        # Read only now: whoever begins one there after this sees for themselves where it belongs.
        return await self._settle(self._directory.own_index(second))

    async def unlink(self, address: Address) -> int:
        """Let an account stand alone again, with the sessions that began there; give their number."""
        account = Account.of(address)
        known = await self._preferences.accounts(account)
        if len(known) == 1:
            if moved := await self._settle(self._directory.own_index(account)):
                return moved
            raise NotFound("link to another account")
        main, others = known[0], known[1:]
        leaving = others if account == main else [account]  # the main one leaves by being left
        await self._preferences.unlink_accounts(main, leaving)
        return await self._settle(self._directory.own_index(main))

    async def accounts(self, address: Address) -> list[Account]:
        """List all accounts of a person, this one among them."""
        return await self._preferences.accounts(Account.of(address))

    async def _settle(self, key_idx: bytes) -> int:
        """Give the sessions of a key that belong elsewhere by now to where they belong; a current one is set aside."""
        rows = await self._store.sessions_of_key(key_idx)
        return sum([await self._settle_some(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)])

    @persistent
    async def _settle_some(self, rows: Sequence[SessionRow]) -> int:
        """Settle sessions of one key; by itself this comes to an end, however many others write."""
        moved: list[LiveSession] = []
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._locks.hold(rows[0].key_idx))
            drafts = []
            for row in rows:
                with suppress(NotFound):  # it was erased meanwhile
                    live = await stack.enter_async_context(self._cache.locked(row.id))
                    if (home := await self._home(live)) != live.row.key_idx:
                        drafts.append(self._moved(live, home, await self._owner(live)))
            if drafts:
                await self._cache.commit(drafts)
                moved = [draft.live for draft in drafts]
        # Whoever has linked or unlinked since may have looked before they were there.
        if again := [live.row for live in moved if await self._home(live) != live.row.key_idx]:
            for row in again:
                await self._settle_some([row])
        return len(moved)

    async def _home(self, live: LiveSession) -> bytes:
        return await self._directory.index(live.profile.address, live.profile.scope)

    async def _owner(self, live: LiveSession) -> bytes:
        return await self._directory.owner_idx(live.profile.address, live.profile.scope)

    def _moved(self, live: LiveSession, key_idx: bytes, owner_idx: bytes) -> Draft:
        draft = Draft(live, self._now())
        draft.row.key_idx, draft.row.owner_idx = key_idx, owner_idx
        if Status(draft.row.status).is_current:
            draft.row.status, draft.row.next_reset_at = Status.PAUSED.value, None
        live.rule = None
        return draft
