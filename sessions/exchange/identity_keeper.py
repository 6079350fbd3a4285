"""IdentityKeeper: the exchange identity of an installation, made when it is first needed.

Its seed is wrapped with the master key beside the installation's other keys, and moves with them when that changes.
"""

from __future__ import annotations

import asyncio
import secrets

from sessions.exchange.identity import SEED_SIZE, Identity
from sessions.passengers import riding
from sessions.persistence import persistent
from sessions.present_keys import PresentKeys
from sessions.store import Store
from sessions.vault import Vault

PURPOSE = "exchange"


class IdentityKeeper:
    """Gives the identity; `lock` is held by whoever changes the keys of the installation."""

    def __init__(self, store: Store, vault: Vault, keys: PresentKeys, lock: asyncio.Lock) -> None:
        self._store, self._vault, self._keys, self._lock = store, vault, keys, lock
        self._known: Identity | None = None

    async def identity(self) -> Identity:
        """Give the identity, made now if there is none. Raises `VaultError`."""
        if self._known is None:
            async with self._lock:
                known = await self._stored() or await self._made()
            self._known = Identity(known)
        return self._known

    async def known(self) -> Identity | None:
        """Give the identity if there is one; makes none."""
        if self._known is None and (seed := await self._stored()) is not None:
            self._known = Identity(seed)
        return self._known

    async def _stored(self) -> bytes | None:
        wrapped = (await self._store.foundation()).secrets.get(PURPOSE)
        if wrapped is None:
            return None
        await self._keys.meet(wrapped[2:10])
        return self._vault.unwrap_secret(PURPOSE, wrapped)

    async def _keep(self, seed: bytes) -> None:
        await self._keys.follow()
        wrapped = self._vault.wrap_secret(PURPOSE, seed)
        async with riding(self._store) as ride:
            await ride.write(self._keys.put([], {PURPOSE: wrapped}, ride.mail))

    async def _made(self) -> bytes:
        seed = secrets.token_bytes(SEED_SIZE)
        await persistent(self._keep)(seed)
        stored = await self._stored()  # what counts, should another process have been faster
        if stored is None:
            raise ValueError("the store has not kept the exchange identity")
        return stored
