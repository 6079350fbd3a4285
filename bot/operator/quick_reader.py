"""Quick reader: a conversation of an archive, straight from its text, if all of it has the shape that we write.

Twice as fast as the careful reader, and never the one that refuses: whatever is unusual is None here, and the
careful reader says what it is. What both read, they read the same.

msgspec checks the shape while it parses, but takes the last of several fields of one name. One that stands twice is
found by counting: each field has one colon outside of all texts, so there are as many colons as fields and colons in
texts, or something was dropped.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import Decoder

from sessions.checkpoint import Checkpoint
from sessions.errors import InvalidValue
from sessions.export.fields import MAX_INTEGER
from sessions.export.json_reader import check_tree, identified
from sessions.export.times import from_ms, parse_iso
from sessions.export.transcript import Branch, StoredMessage, Transcript, read_along
from sessions.message import MAX_CONTENT, KindName, Message, RoleName, Usage
from sessions.scope import Scope
from sessions.session import Session, Status

_ESCAPED_COLON: Final = b"\\u003"  # and some other signs that nobody needs to escape
_TIME: Final = 2  # colons in a time
_FIXED: Final = 9 + 14 + 3 + 4 * _TIME  # of a document, its session and their usage; and in their times
_new = tuple.__new__  # half the time of the constructors of named tuples

Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Number = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Plain = dict[str, str | Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)] | bool | None]


class _Shape(Struct, forbid_unknown_fields=True, gc=False):
    """Base of what stands in a file; a field that may be missing is UNSET then."""


class _Usage(_Shape):
    input_tokens: Count
    output_tokens: Count
    cached_tokens: Count


class _Message(_Shape):
    n: Number
    branch: Number
    seq: Number
    role: RoleName
    created_at: str
    content: str
    kind: KindName | UnsetType = UNSET
    important: bool | UnsetType = UNSET
    usage: _Usage | UnsetType = UNSET
    author: str | UnsetType = UNSET
    metadata: Plain | UnsetType = UNSET


class _Branch(_Shape):
    number: Number
    start: Number
    parent: Count | None


class _Checkpoint(_Shape):
    number: Number
    name: str
    description: str
    message_count: Count
    created_at: str
    automatic: bool
    position: Count | UnsetType = UNSET


class _Session(_Shape):
    id: str
    status: str
    scope: str
    title: str | None
    created_at: str
    last_activity_at: str
    updated_at: str
    message_count: Count
    tags: list[str]
    model: str | None
    usage: _Usage
    next_reset_at: str | None
    forked_from: str | None
    metadata: Plain
    backend: str | UnsetType = UNSET


class _Document(_Shape):
    format: Literal["palaver-session"]
    version: Literal[1]
    exported_at: str
    session: _Session
    head: Count
    damaged: Count
    branches: list[_Branch]
    checkpoints: list[_Checkpoint]
    messages: list[_Message]
    address: dict[str, str] | UnsetType = UNSET


_DECODER: Final = Decoder(_Document)


def read_quickly(text: str | bytes) -> Transcript | None:
    """Read a conversation from the text of one JSON document, or give None if that takes the careful reader."""
    try:
        data = text.encode() if isinstance(text, str) else text
        found = _DECODER.decode(data)
        if _ESCAPED_COLON in data or data.count(b":") != _colons(found):
            return None
        return _transcript(found)
    except (ValueError, OverflowError, RecursionError, InvalidValue):
        return None


def _colons(found: _Document) -> int:
    """Count the colons that its text must have. Ids, roles and the like have none, or are refused later."""
    session, count = found.session, _FIXED + 3 * len(found.branches)
    count += _within(session.title) + _within(session.tags) + _within(session.model) + _within(session.metadata)
    count += _TIME * (session.next_reset_at is not None)
    for more in (session.backend, found.address):
        if more is not UNSET:
            count += 1 + _within(more)
    for mark in found.checkpoints:
        count += 6 + _TIME + (mark.position is not UNSET) + mark.name.count(":") + mark.description.count(":")
    for one in found.messages:
        count += 6 + _TIME + one.content.count(":")
        if one.usage is not UNSET:
            count += 4
        for rare in (one.kind, one.important, one.author, one.metadata):
            if rare is not UNSET:
                count += 1 + _within(rare)
    return count


def _within(value: object) -> int:
    """Count the colons of texts, and of the names in an object."""
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, list):
        return sum(map(_within, value))
    if isinstance(value, dict):
        return sum(key.count(":") + 1 + _within(one) for key, one in value.items())
    return 0


def _transcript(found: _Document) -> Transcript | None:
    """Make of it what the careful reader would; raises where that would refuse it."""
    session = _session(found.session)
    branches = tuple(Branch(number=one.number, start=one.start, parent=one.parent) for one in found.branches)
    marks = [_checkpoint(one, session.id) for one in found.checkpoints]
    places = zip(marks, found.checkpoints, strict=True)
    positions = {mark.id: one.position for mark, one in places if one.position is not UNSET}
    if len({mark.id for mark in marks}) != len(marks) or any((one.parent or 0) >= one.start for one in branches):
        return None
    stored = tuple(map(_message, found.messages))
    check_tree(branches, stored, [("", found.head), *(("", n) for n in positions.values())], "")
    return Transcript(
        session=session,
        messages=read_along(stored, branches, found.head),
        stored=stored,
        branches=branches,
        head=found.head,
        exported_at=from_ms(parse_iso(found.exported_at)),
        checkpoints=tuple(marks),
        checkpoint_positions=positions,
        address={} if found.address is UNSET else found.address,
        damaged=found.damaged,
    )


def _session(found: _Session) -> Session:
    reset, source = found.next_reset_at, found.forked_from
    return Session(
        id=identified(found.id),
        status=Status(found.status),
        scope=Scope(found.scope),
        title=found.title,
        tags=tuple(found.tags),
        model=found.model,
        backend=None if found.backend is UNSET else found.backend,
        created_at=from_ms(parse_iso(found.created_at)),
        last_activity_at=from_ms(parse_iso(found.last_activity_at)),
        updated_at=from_ms(parse_iso(found.updated_at)),
        message_count=found.message_count,
        usage=_usage(found.usage),
        next_reset_at=None if reset is None else from_ms(parse_iso(reset)),
        forked_from=None if source is None else identified(source),
        metadata=found.metadata,
    )


def _message(found: _Message) -> StoredMessage:
    if len(found.content) > MAX_CONTENT // 4:
        raise ValueError("perhaps too long")
    message = (
        found.seq,
        found.role,
        found.content,
        parse_iso(found.created_at),
        None if found.usage is UNSET else _usage(found.usage),
        "text" if found.kind is UNSET else found.kind,
        False if found.important is UNSET else found.important,
        None if found.author is UNSET else found.author,
        None if found.metadata is UNSET else found.metadata,
    )
    return _new(StoredMessage, (found.n, found.branch, _new(Message, message)))


def _usage(found: _Usage) -> Usage:
    return _new(Usage, (found.input_tokens, found.output_tokens, found.cached_tokens))


def _checkpoint(found: _Checkpoint, session_id: str) -> Checkpoint:
    return Checkpoint(
        id=f"{session_id}-{'a' if found.automatic else ''}{found.number}",
        session_id=session_id,
        number=found.number,
        name=found.name,
        description=found.description,
        message_count=found.message_count,
        created_at=from_ms(parse_iso(found.created_at)),
        automatic=found.automatic,
    )
