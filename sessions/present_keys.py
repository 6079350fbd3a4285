"""PresentKeys: the master keys as they are by now, where several programs share a store and any may change them.

A program reads the keyring when it starts. Later it reads it anew before it wraps a key, if another key is the primary
one by then, and when it meets a key that it does not know.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from sessions.errors import KeyRefused
from sessions.master_key import names_a_key
from sessions.records import KeyringRow, Mail, SessionRow
from sessions.store import Store
from sessions.vault import Vault

PAUSE = 5.0  # seconds between two looks for a key that was not there
TOLD_EVERY = 60.0  # seconds
log = logging.getLogger(__name__)


class PresentKeys:
    """Has a vault know what the keyring says, and changes the keyring."""

    def __init__(self, store: Store, vault: Vault, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._vault, self._monotonic = store, vault, monotonic
        self._told = 0.0  # until when nothing more is said of a key that is missing
        self._missed: dict[bytes, float] = {}  # keys that were not there, and when they are looked for again

    async def follow(self) -> None:
        """Wrap from now on with the key that is the primary one. Raises `KeyRefused` if it is not at hand."""
        coordinator = self._store.coordinator
        if coordinator is not None and (await coordinator.primary_key()).hex() != self._vault.kid:
            await self._learn()

    async def meet(self, kid: bytes) -> None:
        """Look for a key that wraps something, if it is not known; opening that tells whether it was found."""
        if self._vault.knows(kid) or not names_a_key(kid) or self._monotonic() < self._missed.get(kid, 0.0):
            return
        with suppress(KeyRefused):  # what is opened says which key it needs
            await self._learn()
        if not self._vault.knows(kid):
            self._missed[kid] = self._monotonic() + PAUSE

    async def meet_those_of(self, rows: Iterable[SessionRow]) -> None:
        """Look for the keys that wrap those of sessions."""
        for kid in {row.wrapped[2:10] for row in rows}:
            await self.meet(kid)

    async def put(self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None) -> None:
        """Change the keyring as one unit of work.

        Raises `StaleSession` if that does not fit what another program has made of it meanwhile.
        """
        coordinator = self._store.coordinator
        if coordinator is None:
            await self._store.put_keyring(rows, secrets, mail)
        else:
            await coordinator.change_keyring(rows, secrets, mail)

    async def _learn(self) -> None:
        known = self._vault.known()
        try:
            await asyncio.to_thread(self._vault.follow, await self._store.foundation(), known)
        except KeyRefused as error:
            if self._monotonic() >= self._told:
                self._told = self._monotonic() + TOLD_EVERY
                log.warning("%s", error)
            raise
