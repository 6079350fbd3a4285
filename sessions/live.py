"""LiveSession: a session held open in memory, its key unwrapped, its newest messages readable."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from sessions.cipher import RecordCipher, Unopened
from sessions.errors import InvalidValue, StaleSession, Tampered
from sessions.journal import EntryKind, Journal, Place
from sessions.message import KIND_NUMBERS, ROLE_NUMBERS, JsonValue, Message, Usage
from sessions.message_codec import decode, encode, text_of
from sessions.plain_json import encode_json
from sessions.profile import Profile
from sessions.records import (
    EntryRow,
    HeadUpdate,
    MessageFields,
    MessageRow,
    Resealing,
    SessionRow,
    position_of,
    record_id,
)
from sessions.reset_rule import ResetRule
from sessions.session import Session, Status
from sessions.tail import Tail
from sessions.vault import Vault

_FORMAT = b"palaver\x01"  # part of all associated data; a new record format gets a new one
_MESSAGE_AAD = struct.Struct(">QIBBBQ")  # id, branch, role, kind, keep, time
_ENTRY_AAD = struct.Struct(">QBQ")  # id, kind, time
_PROFILE_AAD = struct.Struct(">qq")  # session number, profile version
_HEAD = struct.Struct(">16q")
_MAX_TOKENS = 0xFFFFFFFF
_new = tuple.__new__
LATEST = 253_370_764_800_000  # ms to the year 9999, whose last hours are no time in some zones


class LiveSession:
    """The row, the data key, the journal and the tail of one session.

    What is stored changes only under `lock`; what is here changes only after the commit. A session
    whose write failed or was cancelled is `dropped` and loaded anew, so that memory never runs ahead.
    """

    __slots__ = (
        "_entry_aad",
        "_fixed",
        "_head_label",
        "_message_aad",
        "_profile_aad",
        "cipher",
        "dropped",
        "journal",
        "lock",
        "profile",
        "row",
        "rule",
        "tail",
    )

    def __init__(
        self, row: SessionRow, cipher: RecordCipher, install_id: bytes, profile: Profile | None = None
    ) -> None:
        self.row, self.cipher = row, cipher
        identity = install_id + row.id.encode()
        self._message_aad = _FORMAT + b"msg" + identity
        self._entry_aad = _FORMAT + b"log" + identity
        self._profile_aad = _FORMAT + b"ses" + identity
        self._head_label = _FORMAT + b"head" + identity
        self._fixed = self._head_label + _hashes(row)
        self.journal = Journal()
        self.lock = asyncio.Lock()
        self.dropped = False
        self.rule: ResetRule | None = None  # looked up once, forgotten when somebody changes it
        self.tail = Tail(empty=row.message_count == 0)
        self.profile = profile or self._open_profile()

    @classmethod
    def load(cls, row: SessionRow, vault: Vault) -> LiveSession:
        """Unwrap the key and check that the row is the one last written. Raises `VaultError`."""
        live = cls(row, vault.session_cipher(row.id, row.wrapped, row.commitment), vault.install_id)
        if not live.cipher.verify(live._head_data(row), row.mac):
            raise Tampered("a conversation")
        return live

    # -- what it is ----------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        """Where the head is."""
        return Place(self.row.id, self.row.head)

    def snapshot(self) -> Session:
        """Give what is known of the session."""
        row, profile = self.row, self.profile
        return Session(
            id=row.id,
            status=Status(row.status),
            scope=profile.scope,
            title=profile.title,
            tags=profile.tags,
            model=profile.model,
            created_at=moment(row.created_at),
            last_activity_at=moment(row.last_activity_at),
            updated_at=moment(row.updated_at),
            message_count=row.message_count,
            usage=Usage(row.input_tokens, row.output_tokens, row.cached_tokens),
            next_reset_at=None if row.next_reset_at is None else moment(row.next_reset_at),
            forked_from=profile.forked_from,
            metadata=profile.metadata,
            backend=profile.backend,
        )

    # -- messages ------------------------------------------------------------------------------

    def seal_message(self, position: int, branch: int, message: Message, content: bytes) -> MessageRow:
        """Seal one message for its place in storage."""
        return self._sealed(record_id(self.row.number, position), branch, message, content)

    def seal_messages(self, first: int, branch: int, messages: Iterable[tuple[Message, bytes]]) -> list[MessageRow]:
        """Seal messages and their texts for places in storage that follow each other, from `first` on."""
        record, sealed = record_id(self.row.number, first), self._sealed
        return [sealed(place, branch, message, content) for place, (message, content) in enumerate(messages, record)]

    def _sealed(self, record: int, branch: int, message: Message, content: bytes) -> MessageRow:
        _, role, _, at, _, kind, important, _, _ = message
        fields = (record, branch, ROLE_NUMBERS[role], KIND_NUMBERS[kind], int(important), at)
        body = self.cipher.seal(self._message_aad + _MESSAGE_AAD.pack(*fields), encode(message, content))
        return _new(MessageRow, (*fields, body))

    def open_messages(self, rows: Iterable[MessageFields], first: int) -> list[Message]:
        """Open stored messages, numbered from `first`; a placeholder stands for each that does not open."""
        prefix, pack, open_record = self._message_aad, _MESSAGE_AAD.pack, self.cipher.open
        revised = self.journal.revised
        messages = []
        for seq, (record, branch, role, kind, keep, at, body) in enumerate(rows, first):
            if revised and revised.get(position_of(record), at) != at:
                messages.append(unreadable(seq))  # an older text of a message that was edited since
                continue
            try:
                data = open_record(prefix + pack(record, branch, role, kind, keep, at), body)
                messages.append(decode(data, seq, role, kind, keep, at))
            except (Unopened, struct.error, ValueError, KeyError, IndexError, TypeError):
                messages.append(unreadable(seq))
        return messages

    def texts(self, rows: Iterable[MessageFields]) -> Iterator[tuple[MessageFields, bytes]]:
        """Open the words alone of stored messages, as UTF-8; those that do not open are left out."""
        prefix, pack, open_record = self._message_aad, _MESSAGE_AAD.pack, self.cipher.open
        revised = self.journal.revised
        for row in rows:
            record, branch, role, kind, keep, at, body = row
            if revised and revised.get(position_of(record), at) != at:
                continue
            try:
                yield row, text_of(open_record(prefix + pack(record, branch, role, kind, keep, at), body))
            except (Unopened, struct.error, IndexError):
                continue

    # -- sealing the rest ----------------------------------------------------------------------

    def seal_entry(self, position: int, kind: EntryKind, at: int, said: Mapping[str, JsonValue]) -> EntryRow:
        """Seal one journal entry."""
        record = record_id(self.row.number, position)
        data = encode_json(said)
        return EntryRow(record, kind, at, self.cipher.seal(self._entry_aad + _ENTRY_AAD.pack(record, kind, at), data))

    def open_entry(self, row: EntryRow) -> dict[str, JsonValue]:
        """Open one journal entry. Raises `Tampered`."""
        try:
            data = self.cipher.open(self._entry_aad + _ENTRY_AAD.pack(row.id, row.kind, row.at), row.body)
            said = json.loads(data)
        except (Unopened, ValueError, struct.error):
            said = None
        if not isinstance(said, dict):
            raise Tampered("the journal of a conversation")
        return said

    def read_journal(self, rows: list[EntryRow]) -> None:
        """Fold the stored journal in; numbers must run from 1 to what the row says."""
        if [position_of(row.id) for row in rows] != list(range(1, self.row.entries + 1)):
            raise Tampered("the journal of a conversation")
        self.journal = Journal()
        for row in rows:
            self.journal.apply(row.kind, row.at, self.open_entry(row))

    def seal_profile(self, row: SessionRow, profile: Profile) -> bytes:
        """Seal a profile for the version that `row` carries."""
        aad = self._profile_aad + _PROFILE_AAD.pack(row.number, row.profile_version)
        return self.cipher.seal(aad, profile.encode())

    def _open_profile(self) -> Profile:
        aad = self._profile_aad + _PROFILE_AAD.pack(self.row.number, self.row.profile_version)
        try:
            return Profile.decode(self.cipher.open(aad, self.row.profile))
        except Unopened:
            raise Tampered("the profile of a conversation") from None

    def resealing(self, vault: Vault) -> Resealing:
        """Work out this session under a new data key. Whoever makes one uses this object for nothing else."""
        wrapped, cipher = vault.replacement_key(self.row.id)
        row = self.row.copy()
        row.wrapped, row.commitment, row.version = wrapped, cipher.commitment, row.version + 1
        aad = self._profile_aad + _PROFILE_AAD.pack(row.number, row.profile_version)
        row.profile = cipher.seal(aad, self.cipher.open(aad, row.profile))
        row.mac = cipher.mac(self._head_data(row))

        def message(fields: MessageFields) -> bytes | None:
            return self._resealed(self._message_aad + _MESSAGE_AAD.pack(*fields[:6]), fields[6], cipher)

        def entry(stored: EntryRow) -> bytes | None:
            aad = self._entry_aad + _ENTRY_AAD.pack(stored.id, stored.kind, stored.at)
            return self._resealed(aad, stored.body, cipher)

        def anew(stored: SessionRow) -> Resealing:
            if stored.commitment != self.row.commitment:
                raise StaleSession("the session has got another key meanwhile")
            return LiveSession.load(stored, vault).resealing(vault)

        return Resealing(row=row, expected=self.row.version, message=message, entry=entry, anew=anew)

    def _resealed(self, aad: bytes, body: bytes, cipher: RecordCipher) -> bytes | None:
        try:
            return cipher.seal(aad, self.cipher.open(aad, body))
        except Unopened:
            return None

    # -- the head ------------------------------------------------------------------------------

    def _head_data(self, row: SessionRow) -> bytes:
        numbers = _HEAD.pack(
            row.number, row.created_at, row.last_activity_at, row.updated_at, row.next_reset_at is None,
            row.next_reset_at or 0, row.head, row.stored, row.entries, row.message_count, row.input_tokens,
            row.output_tokens, row.cached_tokens, row.version, row.profile_version, len(row.status),
        )  # fmt: skip
        fixed = self._fixed if row is self.row else self._head_label + _hashes(row)
        return fixed + numbers + row.status.encode()

    def head_mac(self, row: SessionRow) -> bytes:
        """Authenticate every field of the row."""
        return self.cipher.mac(self._head_data(row))

    def advance(
        self, message: Message, position: int, entries: int, *, moves: bool, reset_at: int | None
    ) -> HeadUpdate:
        """Work out the row after `message` is stored at `position`; `moves` tells whether the head follows."""
        row = self.row
        tokens = message.usage or _NOTHING
        activity = message.created_ms if message.role == "user" else row.last_activity_at
        numbers = (
            activity,
            message.created_ms,
            reset_at,
            position if moves else row.head,
            position,
            row.entries + entries,
            row.message_count + 1 if moves else row.message_count,
            row.input_tokens + tokens[0],
            row.output_tokens + tokens[1],
            row.cached_tokens + tokens[2],
            row.version + 1,
        )
        head = _HEAD.pack(
            row.number, row.created_at, activity, message.created_ms, reset_at is None, reset_at or 0,
            *numbers[3:], row.profile_version, len(row.status),
        )  # fmt: skip
        mac = self.cipher.mac(self._fixed + head + row.status.encode())
        return _new(HeadUpdate, (*numbers, mac, row.number, row.version))

    def forget_tail(self) -> None:
        """Have the newest messages read anew, after the head was moved or a text was changed."""
        self.tail = Tail(empty=self.row.message_count == 0)

    def moved(self) -> None:
        """Take over that the session belongs to another key or owner."""
        self._fixed = self._head_label + _hashes(self.row)

    def advanced(self, update: HeadUpdate) -> None:
        """Take over what was committed."""
        row = self.row
        (
            row.last_activity_at, row.updated_at, row.next_reset_at, row.head, row.stored, row.entries,
            row.message_count, row.input_tokens, row.output_tokens, row.cached_tokens, row.version, row.mac, _, _,
        ) = update  # fmt: skip


_NOTHING = Usage()


def _hashes(row: SessionRow) -> bytes:
    hashes = (row.key_idx, row.owner_idx, row.commitment)
    return b"".join(len(one).to_bytes(4, "big") + one for one in hashes)


def moment(milliseconds: int) -> datetime:
    """Give an aware datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def maybe_moment(milliseconds: int) -> datetime | None:
    """Give the time that a row says which may be damaged; None if it says none that could be."""
    return moment(milliseconds) if 0 <= milliseconds < LATEST else None


def unreadable(seq: int) -> Message:
    """Stand for a stored message that can not be opened or is missing."""
    return Message(seq, "system", f"[message {seq} is unreadable]", 0, None, "unreadable")


def check_usage(usage: Usage) -> Usage:
    """Refuse token counts that are no counts."""
    if not (0 <= usage[0] <= _MAX_TOKENS and 0 <= usage[1] <= _MAX_TOKENS and 0 <= usage[2] <= _MAX_TOKENS):
        raise InvalidValue(f"token counts must be whole numbers from 0 to {_MAX_TOKENS}, got {tuple(usage)}")
    return usage
