"""Rotation: putting all data keys under another master key, while conversations go on.

One step is one batch, durable when it returns; whoever rotates asks for steps until there is nothing left, and may be
killed between any two. What is wrapped with which key says how far it is; only a deep rotation keeps a note of it.

The shallow form wraps every data key anew and seals no message: a session in memory stays as it is, since its data key
does. The deep form gives each session a new data key and seals all its records with it, session by session, each as one
unit of work under the session's lock. Forks read shared messages through the session that holds them, so nothing else
has to change with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import NamedTuple

from sessions.audit import Audit, AuditKind
from sessions.cache import SessionCache
from sessions.errors import KeyRefused, NotFound, StaleSession, VaultError
from sessions.live import LiveSession
from sessions.master_key import PRIMARY, READABLE, names_a_key, primary_row
from sessions.message import JsonValue
from sessions.passengers import riding
from sessions.persistence import persistent
from sessions.preferences import Preferences
from sessions.present_keys import PresentKeys
from sessions.records import Foundation, Rewrap, WrappedKey
from sessions.session import named
from sessions.store import Store
from sessions.vault import Vault

BATCH = 1_000  # data keys wrapped anew in one step: some 10 ms of the event loop
DEEP_BATCH = 50  # sessions sealed anew in one step
_NOTE = "keys/rotation"


class UnderWay(NamedTuple):
    """A rotation that was begun and not ended. A deep one has sealed anew the sessions with numbers up to `after`."""

    to: str
    deep: bool = False
    after: int = 0
    before: int = 0  # sessions with numbers from here on began later


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did: `after` is what the next one must be given; `failed` says what could not be moved."""

    after: int
    moved: int
    failed: tuple[str, ...]
    done: bool


class Rotation:
    """Moves data keys from master key to master key."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        keys: PresentKeys,
        cache: SessionCache,
        preferences: Preferences,
        audit: Audit,
        lock: asyncio.Lock,
    ) -> None:
        self._store, self._vault, self._keys, self._cache = store, vault, keys, cache
        self._preferences, self._audit, self._lock = preferences, audit, lock

    async def under_way(self) -> UnderWay | None:
        """Tell of a rotation that was begun and not ended."""
        said = await self._preferences.note(_NOTE)
        numbers = [value for name in ("after", "before") if isinstance(value := said.get(name), int)]
        to, deep = said.get("to"), said.get("deep") is True
        return UnderWay(to, deep, *numbers) if isinstance(to, str) and len(numbers) == 2 else None

    async def begin(self, kid: str, *, deep: bool = False) -> UnderWay:
        """Make a key the primary one and have everything moved to it; one that was begun goes on.

        Raises `KeyRefused` if a key is not at hand without which something could not be moved.
        """
        async with self._lock:
            await self._keys.follow()
            foundation, begun = await self._store.foundation(), await self.under_way()
            await self._check(kid)
            if primary_row(foundation).kid.hex() != kid:
                await self._promote(foundation, kid, deep)
            elif begun is None:
                await self._audit.note(AuditKind.KEY, done="rotation begun", key=kid, deep=deep)
            self._vault.promote(bytes.fromhex(kid))
            if begun is None or begun.to != kid or (deep and not begun.deep):
                begun = UnderWay(kid, deep, 0, await self._store.next_number() if deep else 0)
                await self._keep(begun)
            return begun

    async def step(self, after: int = 0, *, limit: int | None = None) -> Step:
        """Move one batch: of the deep form from where it stood, of the shallow one behind number `after`."""
        async with self._lock:
            begun = await self.under_way()
            if begun is None:  # somebody else who ran it has come to its end
                return Step(after=after, moved=0, failed=(), done=True)
            await self._keys.follow()
            if begun.to != self._vault.kid:
                raise StaleSession(f"the primary key is {self._vault.kid} by now; run it again: palaver keys rotate")
            if begun.deep and begun.after < begun.before:
                return await self._deep(begun, limit or DEEP_BATCH)
            return await self._shallow(after, limit or BATCH)

    async def end(self) -> int:
        """Close a rotation when its steps are done; give how many sessions are still under other keys."""
        async with self._lock:
            begun, wraps = await self.under_way(), await self._store.count_wrapped()
            if begun is None:
                await self._keys.follow()
                return wraps.total() - wraps[bytes.fromhex(self._vault.kid)]
            await self._store.forget_log()  # old records and wrapped keys are in it
            left = wraps.total() - wraps[bytes.fromhex(begun.to)]
            with self._audit.noting(AuditKind.KEY, done="rotation ended", key=begun.to, deep=begun.deep, left=left):
                await self._preferences.set_note(_NOTE, {})
            return left

    # -- inside --------------------------------------------------------------------------------

    async def _check(self, kid: str) -> None:
        if not self._vault.knows(bytes.fromhex(kid)):
            raise KeyRefused(f"key {kid} is not at hand; restart with the settings that name it, and try again")
        wraps = await self._store.count_wrapped()
        for key in wraps:
            await self._keys.meet(key)
        wanted = [key.hex() for key in wraps if names_a_key(key) and not self._vault.knows(key)]
        if wanted:
            raise KeyRefused(
                f"sessions are wrapped with key {' and '.join(sorted(wanted))}, which is not at hand; "
                "name its file in old_key_files, and try again"
            )

    async def _promote(self, foundation: Foundation, kid: str, deep: bool) -> None:
        """Swap the states of two keys, and move the installation's own keys, as one unit of work."""
        old = primary_row(foundation)
        new = next((row for row in foundation.keyring if row.kid.hex() == kid), None)
        if new is None:
            raise NotFound("key", kid)
        states = ((old, READABLE), (new, PRIMARY))
        rows = [self._vault.master(row.kid).seal(replace(row, state=state), foundation) for row, state in states]
        secrets = self._vault.secrets_under(new.kid, foundation.secrets)
        told = self._audit.noting(AuditKind.KEY, done="rotation begun", key=kid, before=old.kid.hex(), deep=deep)
        with told:
            async with riding(self._store) as ride:
                await ride.write(self._keys.put(rows, secrets, ride.mail))

    async def _shallow(self, after: int, limit: int) -> Step:
        keys = await self._store.wrapped_keys(after, limit, but=bytes.fromhex(self._vault.kid))
        changes, failed = [], []
        for key in keys:
            try:
                changes.append(Rewrap(key.number, key.wrapped, self._vault.rewrapped(key.id, key.wrapped)))
            except VaultError as error:
                failed.append(f"session {named(key.id)}: {error}")
        moved = await self._store.rewrap(changes) if changes else 0
        return Step(after=keys[-1].number if keys else after, moved=moved, failed=tuple(failed), done=not keys)

    async def _deep(self, begun: UnderWay, limit: int) -> Step:
        page = await self._store.wrapped_keys(begun.after, limit)
        keys = [key for key in page if key.number < begun.before]
        outcomes = await asyncio.gather(*map(self._reseal, keys))
        await self._keep(begun._replace(after=keys[-1].number if len(keys) == limit else begun.before))
        failed = tuple(outcome for outcome in outcomes if outcome)
        return Step(after=0, moved=len(keys) - len(failed), failed=failed, done=False)

    async def _reseal(self, key: WrappedKey) -> str | None:
        """Give one session a new data key; what goes wrong is told in words."""
        try:
            unopened = await self._under_new_key(key)
        except NotFound:
            return None  # erased meanwhile
        except (VaultError, StaleSession) as error:
            return f"session {named(key.id)}: {error}"
        return f"session {named(key.id)}: {unopened} records do not open and stay as they are" if unopened else None

    @persistent  # another worker may write to it
    async def _under_new_key(self, key: WrappedKey) -> int:
        async with self._cache.locked(key.id) as live:
            row = await self._store.session(key.id)  # its key may have been wrapped anew since it was opened
            if row is None:
                raise NotFound("session", key.id)
            if row.commitment != key.commitment:
                return 0  # somebody else who rotates has given it a new one
            try:
                return await self._store.reseal(LiveSession.load(row, self._vault).resealing(self._vault))
            finally:
                self._cache.drop(live)  # the next use opens it with its new key

    async def _keep(self, begun: UnderWay) -> None:
        said: dict[str, JsonValue] = begun._asdict()
        await self._preferences.set_note(_NOTE, said)
