"""Changes: titles, tags, metadata and statuses of any conversation, and what begins or ends one."""

from __future__ import annotations

from collections.abc import Mapping

from bot.arguments import Request, flag_of, object_of, optional_text_of, text_of, texts_of
from bot.console_address import console_address
from bot.control import Answer
from bot.operations import Operation
from bot.operator.deletion import CLEAN, ERASE, clean, erase, parse_status
from sessions.audit import AuditKind
from sessions.errors import InvalidValue
from sessions.lifecycle import MAX_TITLE
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.session import Session, Status
from sessions.visible import check_name

CREATE, RENAME, AMEND, FORK, STATUS = (
    "create session",
    "rename session",
    "amend session",
    "fork session",
    "set status",
)
MOST_AT_ONCE = 500  # sessions of one change of status; the answer names them all
_ARCHIVED = (Status.COMPLETED, Status.EXPIRED)


async def create(sessions: SessionManager, request: Request) -> Answer:
    """Begin a conversation of somebody at this console."""
    session = await sessions.create_session(
        console_address(text_of(request, "user")),
        title=text_of(request, "title"),
        tags=texts_of(request, "tags"),
        model=optional_text_of(request, "model"),
        backend=optional_text_of(request, "backend"),
        metadata=object_of(request, "metadata"),
        aside=flag_of(request, "aside", default=True),
    )
    return described(session)


async def rename(sessions: SessionManager, request: Request) -> Answer:
    """Give a conversation another title."""
    title = check_name(text_of(request, "title"), "a title", MAX_TITLE)
    session = await _found(sessions, text_of(request, "session"))
    return described(await sessions.update_session(session.id, title=title))


async def amend(sessions: SessionManager, request: Request) -> Answer:
    """Add or take off tags and metadata."""
    session = await _found(sessions, text_of(request, "session"))
    changed = await sessions.amend_session(
        session.id,
        add_tags=texts_of(request, "tag"),
        remove_tags=texts_of(request, "untag"),
        set_metadata=object_of(request, "set"),
        unset_metadata=texts_of(request, "unset"),
    )
    return {"session": changed.id, "tags": list(changed.tags), "before": list(session.tags)}


async def fork(sessions: SessionManager, request: Request) -> Answer:
    """Begin a conversation that goes on from another; it waits, so that nobody finds themselves in it."""
    source = await _found(sessions, text_of(request, "session"))
    return described(await sessions.fork(source.id, title=optional_text_of(request, "title"), aside=True))


async def set_status(sessions: SessionManager, request: Request) -> Answer:
    """Set a status of several conversations; if one is not there or does not open, of none."""
    which, wanted = texts_of(request, "sessions"), parse_status(text_of(request, "status"))
    if len(which) > MOST_AT_ONCE:
        raise InvalidValue(f"at most {MOST_AT_ONCE} sessions at once, these are {len(which)}")
    found = {session.id: session for session in [await _found(sessions, one) for one in which]}
    return {"changed": [[one.id, one.status.value, await _set(sessions, one, wanted)] for one in found.values()]}


async def _set(sessions: SessionManager, session: Session, wanted: Status) -> bool:
    """Set a status unless it is so already; tell whether it was changed."""
    if session.status is wanted or (wanted is Status.COMPLETED and session.status in _ARCHIVED):
        return False
    about: dict[str, JsonValue] = {"session": session.id, "before": session.status.value, "after": wanted.value}
    ends = wanted is Status.COMPLETED and session.status.is_current  # a reset by another name
    kind, how = (AuditKind.RESET, {"how": "archive"}) if ends else (AuditKind.STATUS, {})
    with sessions.audit.noting(kind, **how, **about):
        await sessions.set_status(session.id, wanted)
    return True


def described(session: Session) -> Mapping[str, JsonValue]:
    """Give what the command line shows of a conversation that it changed."""
    return {
        "session": session.id,
        "title": session.title,
        "tags": list(session.tags),
        "backend": session.backend,
        "model": session.model,
        "status": session.status.value,
        "forked_from": session.forked_from,
    }


async def _found(sessions: SessionManager, which: str) -> Session:
    """Find a conversation, and open it: what is damaged is not changed."""
    return await sessions.get_session((await sessions.catalogue.find(which)).session.id)


SESSION_OPERATIONS: Mapping[str, Operation] = {
    CREATE: create,
    RENAME: rename,
    AMEND: amend,
    FORK: fork,
    STATUS: set_status,
    ERASE: erase,
    CLEAN: clean,
}
