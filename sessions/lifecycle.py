"""Lifecycle: how sessions begin, end, change places and are forked.

What concerns one key happens one step at a time, under the key's lock; each step is one unit of work.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sessions.address import Address
from sessions.audit import Audit, AuditKind
from sessions.cache import SessionCache
from sessions.census import CensusKeeper
from sessions.directory import Directory
from sessions.draft import Draft
from sessions.errors import InvalidValue, NotFound, SessionLocked, StaleSession, Tampered
from sessions.journal import EntryKind, Place
from sessions.keyed_locks import KeyedLocks
from sessions.lanes import Lanes
from sessions.live import LiveSession
from sessions.message import JsonValue
from sessions.present_keys import PresentKeys
from sessions.profile import Profile
from sessions.records import Census, SessionRow
from sessions.resets import Resets
from sessions.session import Status, new_id
from sessions.store import Store
from sessions.vault import Vault
from sessions.visible import check_name

MAX_TITLE = 200
WORKDIR = "workdir"  # the metadata that tells in which folder a conversation was begun
Now = Callable[[], int]  # milliseconds since 1970
ProfileChange = Callable[[Profile], Profile]


class Lifecycle:
    """Makes, archives, switches and forks sessions."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        keys: PresentKeys,
        cache: SessionCache,
        census: CensusKeeper,
        directory: Directory,
        resets: Resets,
        lanes: Lanes,
        now: Now,
        tags: Sequence[str],
        backend: str | None,
        audit: Audit,
    ) -> None:
        self._store, self._vault, self._cache, self._census = store, vault, cache, census
        self._directory, self._resets, self._lanes, self._now = directory, resets, lanes, now
        self._tags, self._backend, self._audit = tuple(tags), backend, audit
        self.locks, self._keys = KeyedLocks(), keys
        self.begun_with: Mapping[str, JsonValue] = {}  # metadata of what is begun from here on

    async def get_or_create(self, address: Address) -> LiveSession:
        """Give the session for the next message of this address; a reset that is due comes first."""
        live = await self._directory.current(address)
        if live is not None and not self._is_due(live):
            return live
        async with self.locks.hold(await self._directory.key_idx(address)):
            live = await self._directory.current(address)
            if live is not None and self._is_due(live):
                # None if somebody else has spoken or has reset it meanwhile: then the current one is known.
                live = await self.expire(live, self.begun_with) or await self._directory.current(address)
            return live or await self.create(address)

    def _is_due(self, live: LiveSession) -> bool:
        return self._resets.due(live, self._now()) is not None and not self._lanes.is_busy(live.row.id)

    # -- beginning and ending ------------------------------------------------------------------

    async def create(self, address: Address, profile: Profile | None = None) -> LiveSession:
        """Begin the first session of a key; the caller holds the key's lock."""
        draft = await self._fresh(profile or await self._profile(address))
        await self._cache.commit([draft], self._census.change(Census(sessions=1)))
        return await self._kept(draft)

    async def begin_aside(self, address: Address, change: ProfileChange) -> LiveSession:
        """Start a session that is set aside; the current one stays."""
        async with self.locks.hold(await self._directory.key_idx(address)):
            draft = await self._fresh(change(await self._profile(address)))
            draft.row.status = Status.PAUSED.value
            await self._cache.commit([draft], self._census.change(Census(sessions=1)))
        return await self._kept(draft)

    async def begin_anew(self, address: Address, change: ProfileChange) -> LiveSession:
        """Archive the current session and start one with default settings, as `change` leaves them."""
        key_idx = await self._directory.key_idx(address)
        async with self.locks.hold(key_idx):
            try:
                old = await self._cache.current(key_idx)
            except (Tampered, SessionLocked):
                await self._keys.follow()  # or nothing can begin in its place
                await self._set_aside(key_idx)
                old = None
            profile = change(await self._profile(address))
            if old is None:
                return await self.create(address, profile)
            return await self._replace(old, key_idx, profile, op="new", status=Status.COMPLETED)

    async def reset(self, address: Address) -> LiveSession:
        """Archive the current session and start one that keeps its settings."""
        key_idx = await self._directory.key_idx(address)
        async with self.locks.hold(key_idx):
            old = await self._cache.current(key_idx)
            if old is None:
                return await self.create(address)
            profile = _again(old.profile, self.begun_with)
            return await self._replace(old, key_idx, profile, op="reset", status=Status.COMPLETED)

    async def expire(self, old: LiveSession, metadata: Mapping[str, JsonValue] | None = None) -> LiveSession | None:
        """Archive a session because its reset is due; the caller holds the key's lock.

        Gives None if it is not due any more: somebody was speaking, and had said it when we got hold of the session.
        """
        fresh = await self._fresh(_again(old.profile, metadata or {}))
        async with self._cache.locked(old.row.id) as locked:
            if not self._is_due(locked):
                return None
            await self._hand_on(locked, fresh, op="expire", status=Status.EXPIRED)
        return await self._kept(fresh)

    async def _replace(
        self, old: LiveSession, key_idx: bytes, profile: Profile, *, op: str, status: Status
    ) -> LiveSession:
        fresh = await self._fresh(profile)
        async with self._cache.locked(old.row.id) as locked:
            _check_current(locked, key_idx)
            await self._hand_on(locked, fresh, op=op, status=status)
        return await self._kept(fresh)

    async def _hand_on(self, live: LiveSession, fresh: Draft, *, op: str, status: Status) -> None:
        ended = self._ended(live, status)
        note_move([ended, fresh], op, live.place, Place(fresh.row.id, fresh.row.head))
        with self._audit.noting(AuditKind.RESET, how=op, session=live.row.id, then=fresh.row.id):
            await self._cache.commit([ended, fresh], self._census.change(Census(sessions=1)))

    def _ended(self, live: LiveSession, status: Status) -> Draft:
        draft = Draft(live, self._now())
        draft.row.status, draft.row.next_reset_at = status.value, None
        return draft

    async def _set_aside(self, key_idx: bytes) -> None:
        """Archive a current session that does not open, without vouching for it."""
        row = await self._store.current(key_idx)
        if row is not None:
            await self._store.set_aside(row.number, Status.PAUSED.value)

    async def _fresh(self, profile: Profile) -> Draft:
        """Prepare a session that is not stored yet."""
        profile = replace(profile, backend=profile.backend or self._backend)
        session_id, now = new_id(), self._now()
        await self._keys.follow()
        wrapped, cipher = self._vault.new_session_key(session_id)
        row = SessionRow(
            number=await self._store.next_number(),
            id=session_id,
            key_idx=await self._directory.index(profile.address, profile.scope),
            owner_idx=await self._directory.owner_idx(profile.address, profile.scope),
            status=Status.ACTIVE.value,
            created_at=now,
            last_activity_at=now,
            updated_at=now,
            next_reset_at=None,
            head=0,
            stored=0,
            entries=0,
            message_count=0,
            input_tokens=0,
            output_tokens=0,
            cached_tokens=0,
            version=0,
            profile_version=0,
            profile=b"",
            wrapped=wrapped,
            commitment=cipher.commitment,
            mac=b"",
        )
        return Draft(LiveSession(row, cipher, self._vault.install_id, profile), now, new=True)

    async def _kept(self, draft: Draft) -> LiveSession:
        self._cache.add(draft.live)
        await self._see_to_its_home(draft.live)
        await self._resets.rule(draft.live)
        return draft.live

    async def _see_to_its_home(self, live: LiveSession) -> None:
        """Look once more where a new session belongs, now that whoever moves those of its key can see it.

        If its chat was moved or its account linked meanwhile, it is set aside there. Raises `StaleSession` then.
        """
        place, moved = (live.profile.address, live.profile.scope), False
        while (key_idx := await self._directory.index(*place)) != live.row.key_idx:
            async with self._cache.locked(live.row.id) as live:
                draft = self._ended(live, Status.PAUSED)
                draft.row.key_idx, draft.row.owner_idx = key_idx, await self._directory.owner_idx(*place)
                await self._cache.commit([draft])
            moved = True
        if moved:
            raise _moved_on()

    async def _profile(self, address: Address) -> Profile:
        scope = await self._directory.scope(address)
        return Profile(address=address, scope=scope, tags=self._tags, metadata=self.begun_with)

    # -- changing places -----------------------------------------------------------------------

    async def switch(self, address: Address, session_id: str) -> LiveSession:
        """Make another session of this address the current one; the old one is set aside."""
        key_idx = await self._directory.key_idx(address)
        async with self.locks.hold(key_idx):
            target = await self._cache.get(session_id)
            if target.row.key_idx != key_idx:
                raise NotFound("session", session_id)
            return await self.activate(target, paused=Status.PAUSED)

    async def activate(
        self,
        target: LiveSession,
        *,
        paused: Status,
        place: Place | None = None,
        token: str = "",
        undone: bool = False,
    ) -> LiveSession:
        """Make `target` current instead of whichever session is; the caller holds the key's lock.

        With `token` the step is recorded in both journals as taken back or done again; with `place` it must be the one
        where the current session stands. Gives the session as it is then.
        """
        key_idx = target.row.key_idx
        current = await self._cache.current(key_idx)
        if current is not None and current.row.id == target.row.id:
            if place is not None:
                raise _moved_on()
            return current
        others = [] if current is None else [current.row.id]
        async with self._cache.locked_all(*others, target.row.id) as locked:
            for other in others:
                _check_current(locked[other], key_idx)
            if locked[target.row.id].row.key_idx != key_idx:
                raise _moved_on()
            if place is not None and [locked[other].place for other in others] != [place]:
                raise _moved_on()
            drafts = [self._ended(locked[other], paused) for other in others]
            draft = Draft(locked[target.row.id], self._now())
            draft.row.status = Status.ACTIVE.value
            # Whoever comes back to an old session does not want it reset at once.
            draft.profile = replace(draft.profile, waived_ms=draft.now_ms)
            drafts.append(draft)
            for each in drafts if token else ():
                each.note(EntryKind.taken_back, token=token, undone=undone)
            self._resets.settle(draft)
            await self._cache.commit(drafts)
            return draft.live

    async def fork(self, source: LiveSession, *, title: str | None, aside: bool = False) -> LiveSession:
        """Begin a session that goes on from where `source` stands, sharing its messages.

        With `aside` it is set aside itself, and whichever session is current stays so.

        Shared and not copied: a fork costs one commit whatever the length. When the source is erased the
        shared messages are sealed anew for the fork first, so its key can be destroyed for good.
        """
        key_idx = source.row.key_idx
        async with self.locks.hold(key_idx):
            current = None if aside else await self._cache.current(key_idx)
            others = [] if current is None else [current.row.id]
            async with self._cache.locked_all(source.row.id, *others) as locked:
                live = locked[source.row.id]
                if live.row.key_idx != key_idx:
                    raise _moved_on()
                for other in others:
                    _check_current(locked[other], key_idx)
                draft = await self._fresh(self._forked(live, title))
                if aside:
                    draft.row.status = Status.PAUSED.value
                draft.now_ms = max(draft.now_ms, live.row.updated_at)  # what it goes on from was said before it
                await self._share(live, draft)
                await self._resets.rule(draft.live)
                self._resets.settle(draft)
                ended = [self._ended(locked[other], Status.PAUSED) for other in others]
                if others == [live.row.id]:
                    note_move([*ended, draft], "fork", live.place, Place(draft.row.id, draft.row.head))
                await self._cache.commit([*ended, draft], self._census.change(Census(sessions=1)))
        return await self._kept(draft)

    def _forked(self, live: LiveSession, title: str | None) -> Profile:
        named = check_name(title, "a title", MAX_TITLE) if title else None
        if named is None and live.profile.title is not None:
            named = f"{live.profile.title} (fork)"[:MAX_TITLE]
        return replace(_again(live.profile, {}), title=named, forked_from=live.row.id)

    async def _share(self, live: LiveSession, draft: Draft) -> None:
        head, number = live.row.head, live.row.number
        if head < 0:  # nothing of its own yet: share what it shares
            place = live.journal.foreign[-head - 1]
            number, head = place.number or number, place.position
        if head == 0:
            return
        draft.note(EntryKind.foreign, session=number, position=head, trunk=True)
        draft.sources.append(number)
        draft.row.head, draft.row.message_count = -1, live.row.message_count

    # -- settings ------------------------------------------------------------------------------

    async def set_profile(self, session_id: str, change: Callable[[Profile], Profile]) -> LiveSession:
        """Change title, tags, model, metadata or policy."""
        async with self._cache.locked(session_id) as live:
            draft = Draft(live, self._now())
            draft.profile = change(live.profile)
            if draft.profile != live.profile:
                await self._cache.commit([draft])
            return live

    async def set_status(self, session_id: str, status: Status) -> LiveSession:
        """Set a status; making a session current sets aside the one that was."""
        live = await self._cache.get(session_id)
        async with self.locks.hold(live.row.key_idx):
            if status is Status.ACTIVE and not Status(live.row.status).is_current:
                return await self.activate(live, paused=Status.PAUSED)
            async with self._cache.locked(session_id) as locked:
                if status is Status.ERROR and not Status(locked.row.status).is_current:
                    raise InvalidValue("only the current session can be in error")
                draft = Draft(locked, self._now())
                draft.row.status = status.value
                self._resets.settle(draft)
                await self._cache.commit([draft])
                return locked

    async def reschedule(self, live: LiveSession) -> None:
        """Work out anew when a session resets next, after its rule changed."""
        live.rule = None
        rule = await self._resets.rule(live)
        async with self._cache.locked(live.row.id) as locked:
            locked.rule = rule
            draft = Draft(locked, self._now())
            self._resets.settle(draft)
            if draft.row.next_reset_at != locked.row.next_reset_at:
                await self._cache.commit([draft])


def _check_current(live: LiveSession, key_idx: bytes) -> None:
    """See to it that a session whose lock was waited for is still what it was looked up as."""
    if live.row.key_idx != key_idx or not Status(live.row.status).is_current:
        raise _moved_on()


def _moved_on() -> StaleSession:
    return StaleSession("the conversation was changed by another writer")


def _again(profile: Profile, metadata: Mapping[str, JsonValue]) -> Profile:
    """Give the settings of a session that goes on for another; it is still in the same folder unless told."""
    kept = {name: value for name, value in profile.metadata.items() if name == WORKDIR}
    return replace(profile.carried_over(), metadata={**kept, **metadata})


def note_move(
    drafts: Sequence[Draft], op: str, before: Place, after: Place, *, undone: bool = False, subject: int = 0
) -> None:
    """Record a step of the head in the journals of the sessions it concerns."""
    token = secrets.token_hex(8)
    for draft in drafts:
        draft.note(
            EntryKind.move,
            token=token,
            op=op,
            **{"from": before.session_id, "to": after.session_id},
            from_position=before.position,
            to_position=after.position,
            undone=undone,
            subject=subject,
        )
