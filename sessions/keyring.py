"""Keyring: the master keys of an installation, what is wrapped with each, and how one joins and leaves.

A master key itself is never stored. A key is `primary` (wraps new keys; there is one) or `readable` (opens what it
wrapped). One that was not offered when the store was opened stands in the ring all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from sessions.audit import Audit, AuditKind
from sessions.errors import Ambiguous, InvalidValue, KeyRefused, NotFound, VaultError
from sessions.keys import KeyProvider
from sessions.live import maybe_moment
from sessions.master_key import PRIMARY, READABLE, MasterKey, names_a_key
from sessions.passengers import riding
from sessions.present_keys import PresentKeys
from sessions.records import Foundation, KeyringRow
from sessions.session import named
from sessions.store import Store
from sessions.vault import Vault

BATCH = 1_000
MISSING = "missing"  # the state of a key that wraps something and stands in no keyring
DAMAGED = "damaged"  # stands for what wrapped keys name that are damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStanding:
    """One master key and what is wrapped with it; `offered` tells whether it is at hand."""

    kid: str
    provider: str
    state: str
    created_at: datetime | None
    offered: bool
    sessions: int
    secrets: int


class Keyring:
    """Lists, adds, verifies and retires master keys."""

    def __init__(self, store: Store, vault: Vault, keys: PresentKeys, audit: Audit, now: Callable[[], int]) -> None:
        self._store, self._vault, self._keys, self._audit, self._now = store, vault, keys, audit, now
        self.lock = asyncio.Lock()  # of whoever changes the ring; a rotation takes it for each of its steps

    async def standing(self) -> list[KeyStanding]:
        """List the keys, the primary one first, then the newest."""
        foundation, wraps = await self._store.foundation(), await self._store.count_wrapped()
        for row in foundation.keyring:
            await self._keys.meet(row.kid)
        secrets = [wrapped[2:10] for wrapped in foundation.secrets.values()]
        listed = [self._standing(row, wraps[row.kid], secrets.count(row.kid)) for row in foundation.keyring]
        listed.sort(key=lambda key: key.state != PRIMARY)
        strays = wraps.keys() - {row.kid for row in foundation.keyring}
        missing = [_stray(kid.hex(), MISSING, wraps[kid]) for kid in sorted(strays) if names_a_key(kid)]
        damaged = sum(wraps[kid] for kid in strays if not names_a_key(kid))
        return listed + missing + [_stray("?", DAMAGED, damaged)] * bool(damaged)

    async def find(self, which: str) -> str:
        """Find a key by its id or the beginning of it. Raises `NotFound` or `Ambiguous`."""
        wanted = which.strip().lower()
        kids = [row.kid.hex() for row in (await self._store.foundation()).keyring]
        found = [kid for kid in kids if wanted and kid.startswith(wanted)]
        if not found:
            raise NotFound("key", which)
        if len(found) > 1:
            raise Ambiguous("key", which, found)
        return found[0]

    async def add(self, provider: KeyProvider) -> str:
        """Let a new key in, readable; give its id. Raises `InvalidValue` if it is there already."""
        async with self.lock:
            key, parameters = await asyncio.to_thread(provider.create)
            foundation = await self._store.foundation()
            master = MasterKey(key, foundation.salt)
            if any(row.kid == master.kid for row in foundation.keyring):
                raise InvalidValue(f"key {master.kid.hex()} is in the keyring already")
            await self._enter(master, provider.name, parameters, foundation)
            return master.kid.hex()

    async def adopt(self, provider: KeyProvider) -> str:
        """Take a key at hand that was not offered at the start, and let it in if it is new; give its id.

        Raises `KeyRefused` for a new passphrase: it may be a wrong one, so `add` must be asked.
        """
        async with self.lock:
            foundation = await self._store.foundation()
            for row in foundation.keyring:
                master = await asyncio.to_thread(_try, provider, row, foundation)
                if master is not None and master.kid == row.kid:
                    master.check(row, foundation)
                    self._vault.adopt(master)
                    return master.kid.hex()
        if provider.name == "passphrase":
            raise KeyRefused("this passphrase fits no key of the store; if it is new, run: palaver keys new")
        return await self.add(provider)

    async def retire(self, kid: str) -> None:
        """Remove a key that wraps nothing any more. Raises `InvalidValue` while it does."""
        async with self.lock:
            await self._keys.follow()  # nothing must be wrapped here with what goes
            foundation = await self._store.foundation()
            row = next((row for row in foundation.keyring if row.kid.hex() == kid), None)
            if row is None:
                raise NotFound("key", kid)
            if row.state == PRIMARY:
                raise InvalidValue(f"key {kid} is the primary one; make another one primary first: palaver keys rotate")
            with self._audit.noting(AuditKind.KEY, done="retired", key=kid):
                async with riding(self._store) as ride:
                    if kept := await ride.write(self._store.retire_key(row.kid, ride.mail)):
                        raise InvalidValue(f"key {kid} still wraps {kept} keys; move them first: palaver keys rotate")
            if self._vault.knows(row.kid):
                self._vault.let_go(row.kid)

    async def verify(self) -> AsyncIterator[str]:
        """Unwrap every key and compare its commitment; give what does not open, in words."""
        for purpose, wrapped in (await self._store.foundation()).secrets.items():
            try:
                self._vault.check_secret(purpose, wrapped)
            except VaultError as error:
                yield f"the installation's key for {purpose}: {error}"
        after = 0
        while keys := await self._store.wrapped_keys(after, BATCH):
            for key in keys:
                await self._keys.meet(key.kid)
                try:
                    self._vault.session_cipher(key.id, key.wrapped, key.commitment)
                except VaultError as error:
                    yield f"session {named(key.id)}: {error}"
            after = keys[-1].number
            await asyncio.sleep(0)

    # -- inside --------------------------------------------------------------------------------

    async def _enter(self, master: MasterKey, provider: str, parameters: str, foundation: Foundation) -> None:
        row = KeyringRow(
            kid=master.kid,
            provider=provider,
            parameters=parameters,
            state=READABLE,
            created_at=self._now(),
            check_value=b"",
        )
        with self._audit.noting(AuditKind.KEY, done="added", key=master.kid.hex()):
            async with riding(self._store) as ride:
                await ride.write(self._keys.put([master.seal(row, foundation)], {}, ride.mail))
        self._vault.adopt(master)

    def _standing(self, row: KeyringRow, sessions: int, secrets: int) -> KeyStanding:
        return KeyStanding(
            kid=row.kid.hex(),
            provider=row.provider,
            state=row.state,
            created_at=maybe_moment(row.created_at),
            offered=self._vault.knows(row.kid),
            sessions=sessions,
            secrets=secrets,
        )


def _stray(kid: str, state: str, sessions: int) -> KeyStanding:
    return KeyStanding(kid=kid, provider="?", state=state, created_at=None, offered=False, sessions=sessions, secrets=0)


def _try(provider: KeyProvider, row: KeyringRow, foundation: Foundation) -> MasterKey | None:
    """Ask a provider for the key of a row; None where it is of another kind."""
    try:
        return MasterKey(provider.find(row.parameters), foundation.salt)
    except KeyRefused:
        if row.provider == provider.name:
            raise
        return None
