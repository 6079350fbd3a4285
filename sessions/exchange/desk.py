"""Desk: what pushing, pulling and sharing all need at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sessions.audit import Audit
from sessions.cache import SessionCache
from sessions.census import CensusKeeper
from sessions.directory import Directory
from sessions.erasure import Erasure
from sessions.errors import InvalidValue
from sessions.exchange.address_book import Contact
from sessions.exchange.contacts import Contacts
from sessions.exchange.identity_keeper import IdentityKeeper
from sessions.exporter import Exporter
from sessions.importer import Importer
from sessions.lanes import Lanes
from sessions.preferences import Preferences
from sessions.present_keys import PresentKeys
from sessions.resets import Resets
from sessions.store import Store
from sessions.transcripts import Transcripts
from sessions.vault import Vault

MOST_NAMED = 100  # sessions that one entry of the audit names, and troubles that are told of


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The rooms of the library that an exchange goes through."""

    store: Store
    vault: Vault
    keys: PresentKeys
    census: CensusKeeper
    cache: SessionCache
    transcripts: Transcripts
    exporter: Exporter
    erasure: Erasure
    directory: Directory
    resets: Resets
    preferences: Preferences
    audit: Audit
    lanes: Lanes
    keeper: IdentityKeeper
    contacts: Contacts
    now: Callable[[], int]

    def importer(self, newest: int) -> Importer:
        """Give an importer for what was said up to `newest`: another machine's clock may be ahead of ours."""
        return Importer(
            store=self.store,
            vault=self.vault,
            keys=self.keys,
            census=self.census,
            directory=self.directory,
            resets=self.resets,
            audit=self.audit,
            now=lambda: max(self.now(), newest),
        )

    async def machines(self) -> list[Contact]:
        """List my other machines. Raises `InvalidValue` where there is none."""
        found = await self.contacts.mine()
        if not found:
            raise InvalidValue(
                "no other machine of yours is known here; run palaver sync identity there, and here: "
                "palaver sync contacts add NAME LINE --mine"
            )
        return found
