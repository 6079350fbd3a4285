"""Foreign: conversations as clinvk and AINative Code write them, and telling what a file holds."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from sessions.export.fields import Fields
from sessions.export.json_reader import read_transcript
from sessions.export.strict_json import refused, shown
from sessions.export.times import from_ms, to_ms
from sessions.export.transcript import Branch, StoredMessage, Transcript
from sessions.json_limits import flaw
from sessions.message import ROLE_NAMES, JsonValue, Message, Role, Usage
from sessions.scope import Scope
from sessions.session import ID_LENGTH, Session, Status
from sessions.visible import visible

_ROLES = tuple(role.name for role in Role)
_STATUSES = {
    "active": Status.PAUSED,  # it can be gone on with, but is not what the next message goes to
    "paused": Status.PAUSED,
    "error": Status.PAUSED,
    "completed": Status.COMPLETED,
    "archived": Status.COMPLETED,
    "expired": Status.EXPIRED,
}


def read_any(value: object, path: str = "") -> Transcript:
    """Read a conversation of Palaver, clinvk or AINative Code; `path` is where it stands in its file.

    Raises `InvalidValue` naming the field.
    """
    if isinstance(value, dict) and "format" not in value:
        if "messages" in value:
            return _ainative(value, path)
        if "backend" in value:
            return _clinvk(value, path)
        raise refused(f"{path or 'the file'} has no format, no messages and no backend")
    return read_transcript(value, path)


def _clinvk(value: dict[str, object], path: str) -> Transcript:
    fields = Fields(value, path)
    their_id, backend = fields.text("id"), fields.text("backend")
    status = _STATUSES[fields.choice("status", tuple(_STATUSES), default="active")]
    used = _first_time(fields, "last_used_at", "last_used", "updated_at")
    created = _first_time(fields, "created_at") or used
    if created is None:
        raise fields.wrong("created_at", "is missing")
    prompt = fields.optional_text("prompt")
    usage = _usage(fields.optional_inner("token_usage"))
    messages = [] if prompt is None else [Message(1, "user", prompt, created)]
    session = _session(
        "clinvk",
        their_id,
        fields,
        backend=backend,
        model=fields.optional_text("model"),
        status=status,
        tags=fields.texts("tags"),
        title=fields.optional_text("title"),
        metadata=fields.free("metadata", depth=2) or {},
        times=(created, used or created),
        usage=usage,
        rest=value,
    )
    return _transcript(session, messages)


def _ainative(value: dict[str, object], path: str) -> Transcript:
    fields = Fields(value, path)
    their_id, created = fields.text("id"), _first_time(fields, "created_at")
    if created is None:
        raise fields.wrong("created_at", "is missing")
    messages, at = [], created
    for index, one in enumerate(fields.items("messages")):
        message = _message(Fields(one, f"{f'{path}.' if path else ''}messages[{index}]"), one, index + 1, at)
        messages.append(message)
        at = message.created_ms
    metadata = dict(fields.free("metadata", depth=2) or {})
    inner = Fields(metadata, f"{path}.metadata" if path else "metadata")
    tags = inner.texts("tags")
    inner.optional_text("project")
    metadata.pop("tags", None)
    session = _session(
        "ainative-code",
        their_id,
        fields,
        backend=fields.optional_text("provider"),
        model=fields.optional_text("model"),
        status=_STATUSES[fields.choice("status", tuple(_STATUSES), default="active")],
        tags=[*fields.texts("tags"), *tags],
        title=fields.optional_text("title"),
        metadata=metadata,
        times=(created, max(_first_time(fields, "updated_at") or at, created)),
        usage=Usage(),
        rest=value,
    )
    return _transcript(session, messages)


def _message(fields: Fields, value: object, seq: int, before: int) -> Message:
    role = ROLE_NAMES[Role[fields.choice("role", _ROLES)]]
    content, at = fields.text("content"), _first_time(fields, "timestamp", "created_at")
    rest = _rest(fields, value, depth=4)
    return Message(seq, role, content, before if at is None else at, important=role == "system", metadata=rest or None)


def _session(
    program: str,
    their_id: str,
    fields: Fields,
    *,
    backend: str | None,
    model: str | None,
    status: Status,
    tags: Sequence[str],
    title: str | None,
    metadata: dict[str, JsonValue],
    times: tuple[int, int],
    usage: Usage,
    rest: object,
) -> Session:
    created, used = times
    about = {**metadata, **_rest(fields, rest, depth=3), "imported_from": program, "imported_id": their_id}
    return Session(
        id=_id(program, their_id),
        status=status,
        scope=Scope.PER_CHANNEL_PEER,
        title=visible(title or "")[:200] or None,
        tags=tuple(dict.fromkeys(name for tag in tags if (name := visible(tag)[:50]))),
        model=visible(model or "")[:200] or None,
        backend=visible(backend or "")[:200] or None,
        created_at=from_ms(created),
        last_activity_at=from_ms(used),
        updated_at=from_ms(used),
        message_count=0,
        usage=usage,
        metadata=about,
    )


def _transcript(session: Session, messages: Sequence[Message]) -> Transcript:
    return Transcript(
        session=session,
        messages=tuple(messages),
        stored=tuple(StoredMessage(message.seq, 1, message) for message in messages),
        branches=(Branch(number=1, start=1, parent=None),),
        head=len(messages),
        exported_at=session.updated_at,
    )


def _id(program: str, their_id: str) -> str:
    """Give the id that stands for theirs, always the same: so a second import is noticed."""
    return base64.b32encode(blake2b(f"{program}:{their_id}".encode()).digest()).decode().lower()[:ID_LENGTH]


def _usage(fields: Fields | None) -> Usage:
    if fields is None:
        return Usage()
    counts = (fields.optional_number(name) or 0 for name in ("input", "output", "cached"))
    return Usage(*counts)


def _first_time(fields: Fields, *names: str) -> int | None:
    """Take the first of these times that is there, with any number of decimals and any offset."""
    found = None
    for name in names:
        text = fields.optional_text(name)
        if text is None:
            continue
        try:
            moment = datetime.fromisoformat(text)
            ms = to_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise fields.wrong(name, f"is {shown(text)}, not a time like 2026-11-21T08:00:01Z") from None
        found = ms if found is None else found
    return found


def _rest(fields: Fields, value: object, *, depth: int) -> dict[str, JsonValue]:
    """Give what nobody asked for, to be kept as metadata, whose values will be enclosed by so many levels."""
    rest = {name: value[name] for name in fields.names()} if isinstance(value, dict) else {}
    for name, one in rest.items():
        if found := flaw(one, depth=depth):
            raise fields.wrong(name, found)
    return rest
