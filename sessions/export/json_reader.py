"""Read back the JSON export, from a file that may come from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TypeVar

from sessions.checkpoint import Checkpoint
from sessions.export.fields import Fields
from sessions.export.json_format import FORMAT, VERSION
from sessions.export.strict_json import parse, refused, shown
from sessions.export.times import from_ms, parse_iso
from sessions.export.transcript import Branch, StoredMessage, Transcript, read_along
from sessions.message import KIND_NAMES, MAX_CONTENT, ROLE_NAMES, ROLE_NUMBERS, Kind, Message, Role, Usage
from sessions.profile import decode_policy
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session import ID_LENGTH, Session, Status, looks_like_id

MAX_BYTES = 32 * 1024 * 1024  # about 100,000 messages of everyday length

_ROLES = tuple(role.name for role in Role)
_KINDS = tuple(kind.name for kind in Kind)
_STATUSES = tuple(status.value for status in Status)
_SCOPES = tuple(scope.value for scope in Scope)

_PLAIN = ("n", "branch", "seq", "role", "created_at", "content")
_PLAIN_FIELDS, _COUNTS = itemgetter(*_PLAIN), itemgetter(*Usage._fields)
_LARGE = 1 << 32  # numbers from here on are looked at closely

T = TypeVar("T")


def from_json(source: str | bytes, *, max_bytes: int = MAX_BYTES) -> Transcript:
    """Read what `to_json` wrote; written again it gives the same bytes.

    Raises `InvalidValue` naming the field for anything else. What the file claims (owner, role, times)
    is a claim: whoever imports it decides what of it to believe.
    """
    return read_transcript(parse(source, max_bytes=max_bytes))


def read_transcript(value: object, path: str = "") -> Transcript:
    """Read a conversation from JSON that is parsed already; `path` is where it stands in its file."""
    root, where = Fields(value, path), f"{path}." if path else ""
    _check_format(root)
    fields = root.inner("session")
    policy = _policy(fields)
    session = _session(fields)
    branches = _each(root, "branches", _branch, where)
    stored = _messages(root, where)
    marks = _each(root, "checkpoints", lambda fields: _checkpoint(fields, session.id), where)
    positions = {checkpoint.id: n for checkpoint, n in marks if n is not None}
    if len({checkpoint.id for checkpoint, _ in marks}) != len(marks):
        raise refused(f"{where}checkpoints holds a number twice")
    head = root.number("head")
    places = [("head", head), *((f"checkpoint {one.number}", n or 0) for one, n in marks)]
    check_tree(branches, stored, places, where)
    transcript = Transcript(
        session=session,
        messages=read_along(stored, branches, head),
        stored=stored,
        branches=branches,
        head=head,
        exported_at=from_ms(root.time("exported_at")),
        checkpoints=tuple(checkpoint for checkpoint, _ in marks),
        checkpoint_positions=positions,
        address=_address(root.optional_inner("address")),
        damaged=root.number("damaged"),
        policy=policy,
    )
    root.done()
    return transcript


def _check_format(root: Fields) -> None:
    if (found := root.text("format")) != FORMAT:
        raise root.wrong("format", f"is {shown(found)}, not {FORMAT}")
    if (version := root.number("version")) != VERSION:
        raise root.wrong("version", f"is {version}, this program reads {VERSION}; install the Palaver that wrote it")


def _each(root: Fields, name: str, read: Callable[[Fields], T], where: str) -> tuple[T, ...]:
    made = []
    for index, value in enumerate(root.items(name)):
        fields = Fields(value, f"{where}{name}[{index}]")
        made.append(read(fields))
        fields.done()
    return tuple(made)


def _policy(fields: Fields) -> ResetPolicy | None:
    said = fields.free("reset_policy", depth=2)
    try:
        return None if said is None else decode_policy(said)
    except ValueError as error:
        raise fields.wrong("reset_policy", f"is no reset policy: {error}") from None


def _session(fields: Fields) -> Session:
    next_reset, forked_from = fields.optional_time("next_reset_at"), fields.optional_text("forked_from")
    session = Session(
        id=_id(fields, "id", fields.text("id")),
        status=Status(fields.choice("status", _STATUSES)),
        scope=Scope(fields.choice("scope", _SCOPES)),
        title=fields.optional_text("title"),
        tags=tuple(fields.texts("tags")),
        model=fields.optional_text("model"),
        backend=fields.optional_text("backend"),
        created_at=from_ms(fields.time("created_at")),
        last_activity_at=from_ms(fields.time("last_activity_at")),
        updated_at=from_ms(fields.time("updated_at")),
        message_count=fields.number("message_count"),
        usage=_usage(fields.optional_inner("usage")) or Usage(),
        next_reset_at=None if next_reset is None else from_ms(next_reset),
        forked_from=None if forked_from is None else _id(fields, "forked_from", forked_from),
        metadata=fields.free("metadata", depth=2) or {},
    )
    fields.done()
    return session


def identified(text: str) -> str:
    """Give the id of a session back; anything else is a ValueError."""
    if len(text) != ID_LENGTH or not looks_like_id(text) or text != text.lower():
        raise ValueError(f"is {shown(text)}, not {ID_LENGTH} characters of a-z and 2-7")
    return text


def _id(fields: Fields, name: str, text: str) -> str:
    try:
        return identified(text)
    except ValueError as error:
        raise fields.wrong(name, str(error)) from None


def _usage(fields: Fields | None) -> Usage | None:
    if fields is None:
        return None
    usage = Usage(*(fields.number(name) for name in Usage._fields))
    fields.done()
    return usage


def _address(fields: Fields | None) -> dict[str, str]:
    return {} if fields is None else {name: fields.text(name) for name in fields.names()}


def _branch(fields: Fields) -> Branch:
    number, start = fields.number("number", least=1), fields.number("start", least=1)
    parent = fields.optional_number("parent")
    if parent is not None and parent >= start:
        raise fields.wrong("parent", f"is {parent}, but the branch begins at {start}")
    return Branch(number=number, start=start, parent=parent)


def _checkpoint(fields: Fields, session_id: str) -> tuple[Checkpoint, int | None]:
    number, automatic = fields.number("number", least=1), fields.flag("automatic")
    checkpoint = Checkpoint(
        id=f"{session_id}-{'a' if automatic else ''}{number}",
        session_id=session_id,
        number=number,
        name=fields.text("name"),
        description=fields.text("description"),
        message_count=fields.number("message_count"),
        created_at=from_ms(fields.time("created_at")),
        automatic=automatic,
    )
    return checkpoint, fields.optional_number("position")


def _messages(root: Fields, where: str) -> tuple[StoredMessage, ...]:
    made = []
    for index, value in enumerate(root.items("messages")):
        quick = _quick(value)
        if quick is None:
            fields = Fields(value, f"{where}messages[{index}]")
            quick = _message(fields)
            fields.done()
        made.append(quick)
    return tuple(made)


def _quick(value: object) -> StoredMessage | None:
    """Read a message of the everyday kind fast, one that has nothing but its usage beside it.

    Anything else is None, to be read slowly, with all that can be said of it.
    """
    if type(value) is not dict or not len(_PLAIN) <= len(value) <= len(_PLAIN) + 1:
        return None
    try:
        usage = _quick_usage(value["usage"]) if len(value) > len(_PLAIN) else None
        n, branch, seq, role, created_at, content = _PLAIN_FIELDS(value)
        whole = type(n) is type(branch) is type(seq) is int and min(n, branch, seq) > 0 and max(n, branch, seq) < _LARGE
        if not whole or type(content) is not str or len(content) > MAX_CONTENT // 4:
            return None
        message = Message(seq, ROLE_NAMES[ROLE_NUMBERS[role]], content, parse_iso(created_at), usage)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return StoredMessage(n, branch, message)


def _quick_usage(value: object) -> Usage:
    """Read token counts; anything but three of them is a ValueError."""
    if type(value) is not dict or len(value) != len(Usage._fields):
        raise ValueError("usage")
    usage = Usage._make(_COUNTS(value))
    if not type(usage[0]) is type(usage[1]) is type(usage[2]) is int or min(usage) < 0 or max(usage) >= _LARGE:
        raise ValueError("usage")
    return usage


def _message(fields: Fields) -> StoredMessage:
    content = fields.text("content")
    if len(content) > MAX_CONTENT // 4 and len(content.encode()) > MAX_CONTENT:
        raise fields.wrong("content", f"is longer than {MAX_CONTENT:,} bytes")
    message = Message(
        seq=fields.number("seq", least=1),
        role=ROLE_NAMES[Role[fields.choice("role", _ROLES)]],
        content=content,
        created_ms=fields.time("created_at"),
        usage=_usage(fields.optional_inner("usage")),
        kind=KIND_NAMES[Kind[fields.choice("kind", _KINDS, default="text")]],
        important=fields.flag("important"),
        author=fields.optional_text("author"),
        metadata=fields.free("metadata", depth=3),
    )
    return StoredMessage(fields.number("n", least=1), fields.number("branch", least=1), message)


def check_tree(
    branches: tuple[Branch, ...], stored: tuple[StoredMessage, ...], places: list[tuple[str, int]], where: str
) -> None:
    """Refuse what does not hang together, so that reading along always ends at a beginning."""
    starts = {branch.number: branch.start for branch in branches}
    if len(starts) != len(branches):
        raise refused(f"{where}branches holds a number twice")
    before = 0
    for index, (n, branch, _) in enumerate(stored):
        if n <= before:
            raise refused(f"{where}messages[{index}].n is {n}, but must be above {before}")
        if n < starts.get(branch, n + 1):
            raise refused(f"{where}messages[{index}].branch is {branch}, which does not reach message {n}")
        before = n
    known = {one.n for one in stored} | {0}
    parents = ((f"branches[{index}].parent", branch.parent or 0) for index, branch in enumerate(branches))
    for name, n in (*parents, *places):
        if n not in known:
            raise refused(f"{where}{name} is at message {n}, which is not in the file")
