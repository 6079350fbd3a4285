"""SessionCache: the sessions in use, each loaded once, the least used ones let go."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from sessions.draft import Draft
from sessions.errors import NotFound, StaleSession, Tampered
from sessions.gathering import Gathering
from sessions.handling import current_memo
from sessions.live import LiveSession
from sessions.outcome import unattended
from sessions.passengers import riding
from sessions.present_keys import PresentKeys
from sessions.records import SessionRow
from sessions.reset_rule import ResetRule
from sessions.session import Status, looks_like_id
from sessions.store import Recount, Store
from sessions.vault import Vault

RuleFinder = Callable[[LiveSession], Awaitable[ResetRule]]


class SessionCache:
    """Holds up to `size` sessions open, by id.

    With `remember` False, where only somebody else writes, each use reads what is stored then. With `shared`, where
    others write as well, each use looks whether what is known is still the newest.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        keys: PresentKeys,
        rule: RuleFinder,
        *,
        size: int,
        remember: bool,
        shared: bool = False,
    ) -> None:
        self._store, self._vault, self._keys, self._rule, self._remember = store, vault, keys, rule, remember
        self.shared = shared
        self._versions: Gathering[str, int] | None = Gathering(store.versions) if shared else None
        self._size = max(size, 1)  # with no room at all a session would be gone before it is used
        self._live: OrderedDict[str, LiveSession] = OrderedDict()
        self._current: dict[bytes, str] = {}
        self._loading: dict[str, asyncio.Future[LiveSession]] = {}

    async def get(self, session_id: str) -> LiveSession:
        """Give an open session. Raises `NotFound`, or `VaultError` if it does not open."""
        live = self.known(session_id)
        if live is not None and (not self.shared or await self._is_newest(live)):
            self._touch(live)
            return live
        under_way = session_id in self._loading
        live = await self.load(session_id)
        if under_way and not await self._is_newest(live):  # what was read before we asked
            return await self.get(session_id)
        return live

    def known(self, session_id: str) -> LiveSession | None:
        """Give a session that is open, though it may have been changed elsewhere; for whoever looks at that later."""
        return self._live.get(session_id) if self._remember else None

    async def look_again(self, live: LiveSession) -> None:
        """Drop a session, whose lock the caller holds, if it is not as it is stored any more."""
        if self._versions is None or live.dropped or self._was_newest(live):
            return
        version = await self._versions.get(live.row.id)
        if version is None or version > live.row.version:
            self.drop(live)

    async def look_up_rule(self, live: LiveSession) -> None:
        """Learn which reset rule of a session holds now."""
        live.rule = await self._rule(live)

    async def _is_newest(self, live: LiveSession) -> bool:
        """Tell whether a session can be shown. One that is just being written to is shown as it was before."""
        if self._versions is None or live.lock.locked() or self._was_newest(live):
            return True
        version = await self._versions.get(live.row.id)
        if live.lock.locked() or (version is not None and version <= live.row.version):
            if (memo := current_memo()) is not None and not live.dropped:
                memo.set(live.row.id, live)
            return not live.dropped
        self.drop(live)
        return False

    @staticmethod
    def _was_newest(live: LiveSession) -> bool:
        """Tell whether this was seen just now, in the handling of the same letter."""
        memo = current_memo()
        return memo is not None and memo.get(live.row.id) is live and not live.dropped

    def _touch(self, live: LiveSession) -> None:
        if live.row.id in self._live:
            self._live.move_to_end(live.row.id)

    async def get_number(self, number: int) -> LiveSession:
        """Give an open session by its number."""
        row = await self._store.session_by_number(number)
        if row is None:
            raise NotFound("session")
        return await self.open(row)

    async def open(self, row: SessionRow) -> LiveSession:
        """Give the open session of a row just read."""
        # Not from this row: it may have been written to since it was read.
        live = self.known(row.id) or await self.load(row.id)
        if self._versions is not None and row.version > live.row.version:
            return await self.get(row.id)
        return live

    def locked(self, session_id: str, *, look: bool = True) -> Locked:
        """Hold a session for writing: `async with cache.locked(id) as live`.

        With `look` False it is not looked whether it is the newest. That is for whoever writes in any case: they are
        refused if it is not, also if only the rule of its resets is another one, and do it anew.
        """
        return Locked(self, session_id, look=look)

    @asynccontextmanager
    async def locked_all(self, *session_ids: str) -> AsyncIterator[dict[str, LiveSession]]:
        """Hold several sessions of one key for writing; the caller holds the key's lock.

        Only holders of a key's lock take more than one session's, so nobody waits in a circle.
        """
        async with AsyncExitStack() as stack:
            yield {id_: await stack.enter_async_context(self.locked(id_)) for id_ in dict.fromkeys(session_ids)}

    def forget(self, session_id: str) -> None:
        """Drop a session if it is in memory or on its way there."""
        self._loading.pop(session_id, None)
        if session_id in self._live:
            self.drop(self._live[session_id])

    def forget_rules(self, key_idx: bytes) -> None:
        """Have the reset rule of a key's sessions looked up anew when it is needed next."""
        for live in self._live.values():
            if live.row.key_idx == key_idx:
                live.rule = None

    def forget_tails(self) -> None:
        """Have the forks read anew what they share, after a text was changed."""
        for live in self._live.values():
            if live.journal.foreign:
                live.forget_tail()

    def add(self, live: LiveSession) -> None:
        """Keep a session that was just made."""
        self._live[live.row.id] = live
        self._shrink()

    def drop(self, live: LiveSession) -> None:
        """Forget what is in memory; the next use loads what is stored."""
        live.dropped = True
        if self._live.get(live.row.id) is live:
            del self._live[live.row.id]

    def clear(self) -> None:
        """Forget everything, keys included."""
        for live in list(self._live.values()):
            self.drop(live)

    async def current(self, key_idx: bytes) -> LiveSession | None:
        """Give the current session of a key."""
        known = self.known(self._current.get(key_idx, ""))
        if (
            known is not None
            and not known.dropped
            and known.row.key_idx == key_idx
            and Status(known.row.status).is_current
            and await self._is_newest(known)
        ):
            self._touch(known)
            return known
        row = await self._store.current(key_idx)
        if row is None:
            return None
        live = await self.open(row)
        self._remember_current(row)
        return live

    def _remember_current(self, row: SessionRow) -> None:
        if Status(row.status).is_current:
            self._current[row.key_idx] = row.id
            if len(self._current) > 4 * self._size:
                self._current.clear()  # only a shortcut: it fills again

    async def commit(self, drafts: Sequence[Draft], recount: Recount | None = None) -> None:
        """Store drafts as one unit of work; the caller holds their locks."""
        changes = [draft.change() for draft in drafts]
        try:
            async with riding(self._store) as ride:
                await ride.write(self._store.commit(changes, recount, ride.mail))
        except BaseException:
            for draft in drafts:
                self.drop(draft.live)
            raise
        for draft in drafts:
            draft.landed()
            self._remember_current(draft.live.row)

    async def load(self, session_id: str) -> LiveSession:
        """Load a session; those who ask meanwhile get the same one, with the same lock."""
        loading = self._loading.get(session_id)
        if loading is None:
            loading = self._loading[session_id] = asyncio.ensure_future(self._load(session_id))
            loading.add_done_callback(lambda done: self._loaded(session_id, done))
            unattended(loading)  # whoever asked may be gone when it fails
        return await asyncio.shield(loading)

    def _loaded(self, session_id: str, loading: asyncio.Future[LiveSession]) -> None:
        if self._loading.get(session_id) is loading:
            del self._loading[session_id]

    async def _load(self, session_id: str) -> LiveSession:
        row = await self._store.session(session_id) if looks_like_id(session_id) else None
        if row is None:
            raise NotFound("session", session_id)
        try:
            live = await self.read(row)
        except Tampered:
            newer = await self._store.session(session_id)
            if newer is None or newer.version == row.version:
                raise
            return await self._load(session_id)  # it was written to while we read its journal
        if self._loading.get(session_id) is asyncio.current_task():
            self.add(live)
        else:
            live.dropped = True  # forgotten while it was read
        return live

    async def read(self, row: SessionRow) -> LiveSession:
        """Open a session as it is stored, beside the one in use if there is one. Not to be written to."""
        await self._keys.meet(row.wrapped[2:10])
        live = LiveSession.load(row, self._vault)
        if row.entries:
            live.read_journal(await self._store.journal(row.number))
        return live

    async def resealed(self, live: LiveSession) -> LiveSession | None:
        """Give a session as it is stored if it got another data key since; not to be written to.

        Raises `StaleSession` if it was erased since.
        """
        row = await self.still_there(live)
        return None if row.commitment == live.row.commitment else await self.read(row)

    async def still_there(self, live: LiveSession) -> SessionRow:
        """Give the row of a session as it is stored. Raises `StaleSession` if it was erased since it was opened."""
        row = await self._store.session_by_number(live.row.number)
        if row is None:
            raise StaleSession("the conversation was erased meanwhile")
        return row

    async def has_changed(self, live: LiveSession, version: int) -> bool:
        """Tell whether a session is stored in another version than this, or not at all."""
        row = await self._store.session_by_number(live.row.number)
        return row is None or row.version != version

    def _shrink(self) -> None:
        """Let go the sessions that were not used for longest and are not being written."""
        excess = len(self._live) - self._size
        for live in list(self._live.values())[: max(excess, 0)]:
            if not live.lock.locked():
                self.drop(live)


class Locked:
    """Holds the lock of a session. A class and not a generator: it is on the way of every message."""

    __slots__ = ("_cache", "_live", "_look", "_session_id")

    def __init__(self, cache: SessionCache, session_id: str, *, look: bool) -> None:
        self._cache, self._session_id, self._look = cache, session_id, look and cache.shared

    async def __aenter__(self) -> LiveSession:
        """Wait for the lock; a session whose write failed while we waited is loaded anew."""
        cache = self._cache
        while True:
            live = cache.known(self._session_id) or await cache.load(self._session_id)
            await live.lock.acquire()
            try:
                if self._look:
                    await asyncio.gather(cache.look_again(live), cache.look_up_rule(live))
                elif live.rule is None:  # every write works out the next reset
                    await cache.look_up_rule(live)
            except BaseException:
                live.lock.release()
                raise
            if not live.dropped:
                break
            live.lock.release()
        self._live = live
        return live

    async def __aexit__(self, *_: object) -> None:
        """Let the next writer in."""
        self._live.lock.release()
