"""Store: what a database must do for the sessions, in terms of sealed records.

A store never sees a key or a word. Everything it acknowledges is durable: it survives a crash and a
power cut. What one call writes is written as one unit of work: all of it or nothing, with nothing of
another caller in between, also when the caller is cancelled. Calls that do not wait for each other may take effect in
any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol

from sessions.coordination import Coordinator
from sessions.records import (
    ArrivalRow,
    AuditRow,
    Census,
    Change,
    EntryRow,
    Foundation,
    HeadUpdate,
    KeyringRow,
    LetterRow,
    Mail,
    MessageFields,
    MessageRow,
    ParcelRow,
    PreferenceRow,
    Resealing,
    Rewrap,
    SessionRow,
    WrappedKey,
)

Order = Literal["last_activity_at", "message_count", "tokens"]
"""What sessions can be sorted by as they are stored."""

Recount = Callable[[Census], Census]
"""Works out the sealed counts after a change from those before; runs inside the unit of work."""


class Store(Protocol):
    """The seam between the manager and a database."""

    @property
    def coordinator(self) -> Coordinator | None:
        """Where several programs that write meet; None where one writes alone."""

    async def open(self) -> Foundation | None:
        """Connect and give what the store was born with; None for a new one, where nothing is written yet.

        Raises `StoreHeld`, `StoreTooNew`, `StoreReadOnly`.
        """

    async def ready(self) -> None:
        """Begin to write, once the key is known to fit: bring an older schema up to date, go on erasing."""

    async def found(self, foundation: Foundation, census: Census) -> None:
        """Make the tables and keep the foundation, in one unit of work."""

    async def close(self) -> None:
        """Write back and let go. What is queued is written first."""

    # -- writing -------------------------------------------------------------------------------

    async def append(
        self, update: HeadUpdate, message: MessageRow, entries: Sequence[EntryRow] = (), mail: Mail | None = None
    ) -> None:
        """Store one message and the new head of its session: the hot path.

        Raises `StaleSession` when the session no longer has the expected version.
        """

    async def commit(self, changes: Sequence[Change], recount: Recount | None = None, mail: Mail | None = None) -> None:
        """Apply changes to several sessions as one unit of work, in the order given.

        Raises `StaleSession` when one has not the expected version, or when a second session of one
        key would become current.
        """

    async def stage(
        self, messages: Sequence[MessageRow], entries: Sequence[EntryRow] = (), arrivals: Sequence[ArrivalRow] = ()
    ) -> None:
        """Store pieces of sessions that nobody sees before they have landed; a crash before that leaves nothing.

        Raises `InvalidValue` when there is a session of the same id.
        """

    async def land(self, numbers: Sequence[int], recount: Recount, mail: Mail | None = None) -> None:
        """Let sessions be seen whose pieces and rows are all staged, as one unit of work.

        Raises `InvalidValue` when a session of the same id came meanwhile.
        """

    async def abandon(self, numbers: Sequence[int]) -> None:
        """Remove what was staged of sessions that will not land."""

    async def set_aside(self, number: int, status: str) -> None:
        """Give a session that does not open a status that is not current, leaving its seal as it is."""

    async def put_preference(
        self, row: PreferenceRow, recount: Recount, mail: Mail | None = None, *, after: int | None = None
    ) -> None:
        """Insert or replace a preference; the one there is must have the revision `after`, if not said the one before.

        Raises `StaleSession` when it has not.
        """

    async def receive(self, letters: Sequence[LetterRow], counted: Callable[[Census], Recount]) -> list[bool]:
        """Store the letters whose names are not known yet; tell which of them are new."""

    async def post(self, mail: Mail) -> None:
        """Store letters as they stand now, parcels, and entries of the audit."""

    async def last_mail(self) -> int:
        """Give the highest id of the letters and parcels there were at the start; 0 for none."""

    async def forget_mail(self, before: int, counted: Callable[[Census], Recount]) -> int:
        """Remove finished letters and sent parcels with ids below `before`; give how many."""

    async def erase_sessions(
        self,
        numbers: Sequence[int],
        recount: Recount,
        mail: Mail | None = None,
        *,
        readers: Collection[int] | None = None,
        versions: Mapping[int, int] | None = None,
    ) -> None:
        """Destroy the wrapped keys and the session rows at once; other rows go with `sweep_erased`.

        Raises `StaleSession` if one has another version than in `versions`, or is read by others than `readers`, where
        these are given, and than those that are erased with it.
        """

    async def sweep_erased(self) -> int:
        """Remove the remaining rows of erased sessions and every trace of them in log files.

        Gives the number of messages removed. Picks up where a crash stopped it; never touches a session
        that is still there.
        """

    async def forget_log(self) -> None:
        """Remove every trace of what was replaced until now from log files, as `sweep_erased` does."""

    async def compact(self) -> tuple[int, int]:
        """Give back the space of what was removed; give the bytes on disk before and after."""

    async def next_number(self) -> int:
        """Give a session number that was never used."""

    async def next_numbers(self, count: int) -> Sequence[int]:
        """Give as many of them, in ascending order."""

    # -- keys ----------------------------------------------------------------------------------

    async def foundation(self) -> Foundation:
        """Give the keyring and the installation's own keys as they are now."""

    async def put_keyring(
        self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None = None
    ) -> None:
        """Insert or replace rows of the keyring and the installation's own keys, as one unit of work."""

    async def retire_key(self, kid: bytes, mail: Mail | None = None) -> int:
        """Remove a key from the keyring if no session and no key of the installation is wrapped with it.

        Gives how many are; then nothing was changed.
        """

    async def wrapped_keys(self, after: int, limit: int, *, but: bytes | None = None) -> list[WrappedKey]:
        """Page through the data keys of sessions by number, without those that the key `but` wraps."""

    async def count_wrapped(self) -> Counter[bytes]:
        """Count the data keys of sessions by the master key that wraps them."""

    async def rewrap(self, changes: Sequence[Rewrap]) -> int:
        """Replace wrapped keys, as one unit of work; one that is not the expected one any more is left."""

    async def reseal(self, change: Resealing) -> int:
        """Put a session and all its records under another data key, as one unit of work.

        Gives how many records did not open. Raises `StaleSession` when the session has not the expected version.
        """

    # -- reading -------------------------------------------------------------------------------

    async def census(self) -> Census:
        """Give the sealed counts."""

    async def count_rows(self) -> Census:
        """Count the rows there really are; `mac` is empty."""

    async def versions(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the versions of those of these sessions that are there, as cheaply as can be."""

    async def session(self, session_id: str) -> SessionRow | None:
        """Find a session by its id."""

    async def session_by_number(self, number: int) -> SessionRow | None:
        """Find a session by its number."""

    async def current(self, key_idx: bytes) -> SessionRow | None:
        """Find the current session of a key."""

    async def sessions_of_key(self, key_idx: bytes) -> list[SessionRow]:
        """List the sessions a key ever had."""

    async def sessions_of_owner(self, owner_idx: bytes) -> list[SessionRow]:
        """List everything that belongs to a person."""

    async def sessions_after(self, number: int, limit: int) -> list[SessionRow]:
        """Page through all sessions by number."""

    async def sessions_by_number(self, numbers: Sequence[int]) -> list[SessionRow]:
        """Give those of these sessions that are there, in no order."""

    async def sessions_by_id(self, ids: Sequence[str]) -> list[SessionRow]:
        """Give those of these sessions that are there, in no order."""

    async def sessions_with_prefix(self, prefix: str, limit: int) -> list[SessionRow]:
        """Give up to `limit` sessions whose id begins so, in order of id."""

    async def numbers(
        self,
        order: Order,
        *,
        descending: bool,
        status: str | None,
        since: int | None,
        until: int | None,
        limit: int | None,
    ) -> list[int]:
        """Give the numbers of all sessions in an order; `since` and `until` (not included) bound the last activity."""

    async def ids(self) -> dict[int, str]:
        """Give the id of every session by its number."""

    async def count_messages(self) -> list[tuple[int, int, int, int]]:
        """Count stored messages by session number, day since 1970 in UTC, and role."""

    async def due(self, until_ms: int, limit: int) -> list[SessionRow]:
        """List current sessions whose `next_reset_at` is not after `until_ms`, earliest first."""

    async def journal(self, number: int) -> list[EntryRow]:
        """Read a session's journal, oldest first."""

    async def messages(
        self, first: int, last: int, limit: int, *, newest: bool, kept: bool = False
    ) -> list[MessageFields]:
        """Read up to `limit` records with ids from `first` to `last`, in order of id.

        `newest` takes them from the end of the range, else from its beginning; `kept` takes only those
        marked to be kept. Costs what it gives, not what is stored.
        """

    async def strays(self, number: int, stored: int, entries: int) -> int:
        """Count the messages and journal entries of a session at positions that it does not have."""

    async def orphans(self) -> int:
        """Count the records that belong to no session, and the sessions that are marked as erased."""

    async def readers_of(self, number: int) -> list[int]:
        """List the sessions that read messages of this one."""

    async def sources_of(self, number: int) -> list[int]:
        """List the sessions whose messages this one reads."""

    async def preference(self, idx: bytes) -> PreferenceRow | None:
        """Find a preference."""

    async def preferences_among(self, idxs: Sequence[bytes]) -> list[PreferenceRow]:
        """Give those of these preferences that are there, in no order."""

    async def letters(self, channel: bytes) -> list[LetterRow]:
        """List the unfinished letters of a channel, oldest first."""

    async def parcels(self, channel: bytes) -> list[ParcelRow]:
        """List the parcels of a channel that are not all out, oldest first."""

    async def all_mail(self) -> tuple[list[LetterRow], list[ParcelRow]]:
        """List every letter and every parcel, for verifying."""

    async def audit(self, after: int, limit: int) -> list[AuditRow]:
        """Page through the audit by number, oldest first."""

    async def newest_audit(self, limit: int) -> list[AuditRow]:
        """Give the newest entries of the audit, newest first."""

    async def preferences(self) -> list[PreferenceRow]:
        """List all preferences."""
