"""Exchange: moving conversations between machines and people, one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sessions.address import Address
from sessions.census import CensusKeeper
from sessions.exchange.address_book import Contact
from sessions.exchange.contacts import Contacts
from sessions.exchange.desk import Desk
from sessions.exchange.identity_keeper import IdentityKeeper
from sessions.exchange.place import Place
from sessions.exchange.public import Public
from sessions.exchange.pull import Pull, Pulled
from sessions.exchange.push import Push, Pushed
from sessions.exchange.shared import Shared
from sessions.exchange.sharing import Sharing
from sessions.exchange.withdrawal import Withdrawal
from sessions.exporter import Exporter
from sessions.lanes import Lanes
from sessions.parts import Parts
from sessions.session import Session
from sessions.store import Store
from sessions.vault import Vault


class Exchange:
    """The identity of this installation, its contacts, and what goes between them through a place."""

    def __init__(
        self,
        *,
        parts: Parts,
        store: Store,
        vault: Vault,
        census: CensusKeeper,
        exporter: Exporter,
        key_lock: asyncio.Lock,
        lanes: Lanes,
        now: Callable[[], int],
    ) -> None:
        self._keeper = IdentityKeeper(store, vault, parts.keys, key_lock)
        self.contacts = Contacts(parts.preferences, now)
        self._lock = asyncio.Lock()
        self._desk = Desk(
            store=store,
            vault=vault,
            keys=parts.keys,
            census=census,
            cache=parts.cache,
            transcripts=parts.transcripts,
            exporter=exporter,
            erasure=parts.erasure,
            directory=parts.directory,
            resets=parts.resets,
            preferences=parts.preferences,
            audit=parts.audit,
            lanes=lanes,
            keeper=self._keeper,
            contacts=self.contacts,
            now=now,
        )

    async def identity(self) -> Public:
        """Give what others need to know to exchange with us; it is made when it is first asked for."""
        return (await self._keeper.identity()).public

    async def push(self, place: Place, *, force: bool = False, dry_run: bool = False) -> Pushed:
        """Send my other machines what has changed; with `force` everything."""
        async with self._lock:
            return await Push(self._desk, place, force=force, dry_run=dry_run).run()

    async def pull(self, place: Place, *, force: bool = False, dry_run: bool = False) -> Pulled:
        """Take in what my other machines have sent; with `force` also what was looked at before."""
        async with self._lock:
            return await Pull(self._desk, place, force=force, dry_run=dry_run).run()

    async def share(self, place: Place, session_id: str, names: Sequence[str], team: str | None) -> list[Shared]:
        """Share a conversation as it is now with contacts and a team."""
        async with self._lock:
            return await Sharing(self._desk, place).share(session_id, await self.contacts.of(names, team))

    async def unshare(self, place: Place, which: str, names: Sequence[str], team: str | None) -> tuple[str, list[str]]:
        """Take back what was shared, as far as nobody has it yet; give the session, and who has lost it.

        Names may also be those of people who are not known any more.
        """
        async with self._lock:
            return await Withdrawal(self._desk).unshare(place, which, names, await self.contacts.of((), team))

    async def remove_contact(self, name: str) -> tuple[Contact, list[str]]:
        """Know somebody no longer; give them, and the sessions that are still shared with them."""
        async with self._lock:
            left = await Withdrawal(self._desk).keep_places(await self.contacts.find(name))
            return await self.contacts.remove(name), left

    async def shared(self, place: Place | None) -> tuple[list[Shared], list[str]]:
        """List what I shared, and what others shared with me through the place; what is wrong there comes in words.

        The newest version of each is remembered, if this manager may write.
        """
        sharing = Sharing(self._desk, place)
        return await sharing.listed(), sharing.troubles

    async def clone(self, place: Place, which: str, sender: str | None, address: Address) -> tuple[Session, str]:
        """Make a conversation of `address` of what was shared; give it, and the name of who shared it."""
        async with self._lock:
            contact = None if sender is None else await self.contacts.find(sender)
            return await Sharing(self._desk, place).clone(which, contact, address)
