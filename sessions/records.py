"""Records: the rows that cross between the manager and a store, sealed.

Everything a person wrote, every name and every id is inside a `bytes` field that only the vault can
open; the rest is what a store needs to find, order and guard the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import NamedTuple

SEQUENCE_BITS = 24  # 16 million records under one data key; AES-GCM allows 2^32, NIST SP 800-38D 8.3
MAX_SEQUENCE = (1 << SEQUENCE_BITS) - 1
MAX_NUMBER = (1 << 63 - SEQUENCE_BITS) - 1  # of a session; a larger one was not written by us


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringRow:
    """A master key that opens this store: never the key, only how to recognise it."""

    kid: bytes
    provider: str
    parameters: str
    state: str  # primary: wraps new keys; readable: opens old ones
    created_at: int
    check_value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What a store is born with."""

    install_id: bytes
    salt: bytes
    created_at: int
    keyring: tuple[KeyringRow, ...]
    secrets: dict[str, bytes]  # purpose -> wrapped key


@dataclass(slots=True)
class SessionRow:
    """One session as stored, its fields in the order of the table's columns.

    `mac` covers every other field but `profile` and `wrapped`, which are sealed by themselves; times are ms since 1970.
    `wrapped` is written when the session is made and when keys are rotated, never with a change of the session.
    """

    number: int
    id: str
    key_idx: bytes
    owner_idx: bytes
    status: str
    created_at: int
    last_activity_at: int
    updated_at: int
    next_reset_at: int | None
    head: int  # position of the newest message of the branch one reads along
    stored: int  # messages stored under this session, on all branches
    entries: int  # journal entries stored under this session
    message_count: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    version: int
    profile_version: int
    profile: bytes
    wrapped: bytes
    commitment: bytes
    mac: bytes

    def copy(self) -> SessionRow:
        """Give one to change."""
        return SessionRow(*_fields_of(self))


_fields_of = attrgetter(*(field.name for field in fields(SessionRow)))


class HeadUpdate(NamedTuple):
    """The fields of a session that an append changes, and the version it must still have."""

    last_activity_at: int
    updated_at: int
    next_reset_at: int | None
    head: int
    stored: int
    entries: int
    message_count: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    version: int
    mac: bytes
    number: int
    expected: int


MessageFields = tuple[int, int, int, int, int, int, bytes]


class MessageRow(NamedTuple):
    """One sealed message. `id` is the session's number and the message's position in storage."""

    id: int
    branch: int
    role: int
    kind: int
    keep: int
    at: int
    body: bytes


class EntryRow(NamedTuple):
    """One sealed journal entry of a session: a branch, a checkpoint, a move of the head."""

    id: int
    kind: int
    at: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one unit of work does to one session.

    `expected` is the version the stored row must have; None means the session is new.
    """

    row: SessionRow
    expected: int | None
    messages: tuple[MessageRow, ...] = ()
    entries: tuple[EntryRow, ...] = ()
    sources: tuple[int, ...] = field(default=())  # sessions whose messages this one reads from now on
    released: tuple[int, ...] = field(default=())  # and those whose messages it reads no longer
    revised: tuple[MessageRow, ...] = ()  # messages that take the place of those with the same id
    moved: bool = False  # the session belongs to another key or owner from now on


class Arrival(NamedTuple):
    """A session that comes in: its row, and the one to take instead if its key has a current session by then.

    `sources` are the numbers of the sessions whose messages it reads.
    """

    row: SessionRow
    instead: SessionRow | None
    sources: tuple[int, ...] = ()


class ArrivalRow(NamedTuple):
    """An arrival as it waits in a store."""

    number: int
    id: str
    body: bytes


class WrappedKey(NamedTuple):
    """The data key of one session as it is stored: bytes 3 to 10 of `wrapped` name the master key."""

    number: int
    id: str
    wrapped: bytes
    commitment: bytes

    @property
    def kid(self) -> bytes:
        """Id of the master key that wraps it."""
        return self.wrapped[2:10]


class Rewrap(NamedTuple):
    """A session whose wrapped key is to be `new` if it still is `old`."""

    number: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealing:
    """A session that gets another data key: its row, and what becomes of each of its records.

    None stands for a record that does not open; it is left as it is. The two functions run inside the unit of work.
    So does `anew`, where others write as well: it works all of it out for the row as it is by then. Raises
    `StaleSession` if the session has another key by then.
    """

    row: SessionRow
    expected: int
    message: Callable[[MessageFields], bytes | None]
    entry: Callable[[EntryRow], bytes | None]
    anew: Callable[[SessionRow], Resealing]


class PreferenceRow(NamedTuple):
    """One sealed preference, found by a keyed hash."""

    idx: bytes
    revision: int
    body: bytes


class LetterRow(NamedTuple):
    """One sealed thing that came in, found by the keyed hash of its name; the body of a handled one is a seal only.

    `lane` says what one worker must handle; it is written once, where there can be several, and the seal leaves it out.
    A change is only made while `holder` has the letter; 0 asks for nobody.
    """

    id: int
    name: bytes
    channel: bytes
    state: int
    attempts: int
    body: bytes
    lane: int = 0
    holder: int = 0


ALL_SENT = 1 << 20  # more than a parcel has parts


class ParcelRow(NamedTuple):
    """One sealed thing that is to go out; the body of one that is out (`sent` is `ALL_SENT`) is a seal only.

    `lane` is as in `LetterRow`; `holder` is the worker that delivers it from the beginning, 0 for none.
    """

    id: int
    channel: bytes
    sent: int
    body: bytes
    lane: int = 0
    holder: int = 0


class AuditRow(NamedTuple):
    """One sealed entry of the audit. `link` authenticates it together with the entry before it, and so all before."""

    number: int
    at: int
    body: bytes
    link: bytes


class Mail(NamedTuple):
    """What a unit of work does besides its own: these letters and parcels replace or join those there are.

    `audit` is given the newest entry of the audit and gives those that follow; it runs inside the unit of work.
    """

    letters: tuple[LetterRow, ...] = ()
    parcels: tuple[ParcelRow, ...] = ()
    recount: Callable[[Census], Census] | None = None
    audit: Callable[[AuditRow | None], Sequence[AuditRow]] | None = None


class Census(NamedTuple):
    """How many rows there must be, and sums of what only rises in them; `mac` covers the numbers.

    A removed row is noticed, and an older one that was put back.
    """

    mac: bytes = b""
    sessions: int = 0
    preferences: int = 0
    revisions: int = 0  # of all preferences
    letters: int = 0
    steps: int = 0  # states and attempts of all letters
    parcels: int = 0
    parts: int = 0  # sent of all parcels
    audits: int = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers alone."""
        return self[1:]

    def plus(self, more: Census) -> Census:
        """Add number by number; what comes of it has no seal yet."""
        return Census(b"", *(count + extra for count, extra in zip(self.counts, more.counts, strict=True)))


def record_id(number: int, position: int) -> int:
    """Place a session's records next to each other in one b-tree."""
    return number << SEQUENCE_BITS | position


def number_of(record: int) -> int:
    """Give the session's number of a record."""
    return record >> SEQUENCE_BITS


def position_of(record: int) -> int:
    """Give the position within its session."""
    return record & MAX_SEQUENCE
