"""The profile of a conversation that comes in: what a file says of it, checked as if a person had typed it."""

from __future__ import annotations

from sessions.address import Address
from sessions.checkpoint import Checkpoint
from sessions.errors import InvalidValue
from sessions.export.transcript import Transcript
from sessions.lifecycle import MAX_TITLE
from sessions.message import clean_metadata
from sessions.profile import Profile
from sessions.scope import Scope
from sessions.timeline import MAX_DESCRIPTION, MAX_NAME
from sessions.visible import check_name, visible

MAX_TAG, MAX_MODEL, MAX_TAGS = 50, 200, 1_000


def imported_profile(
    transcript: Transcript, address: Address, scope: Scope, title: str | None, *, where: str = ""
) -> Profile:
    """Make the profile of a conversation that will belong to `address`. Raises `InvalidValue` naming the field."""
    session, field = transcript.session, f"{where}session."
    if len(session.tags) > MAX_TAGS:
        raise InvalidValue(f"{field}tags holds {len(session.tags):,} tags, {MAX_TAGS:,} are allowed")
    try:
        metadata = clean_metadata(session.metadata)
    except InvalidValue as error:
        raise InvalidValue(f"{field}metadata: {error}") from None
    tags = (_kept(tag, f"{field}tags[{index}]", MAX_TAG) for index, tag in enumerate(session.tags))
    return Profile(
        address=address,
        scope=scope,
        title=_optional(session.title, f"{field}title", MAX_TITLE)
        if title is None
        else check_name(title, "a title", MAX_TITLE),
        tags=tuple(dict.fromkeys(tags)),
        model=_optional(session.model, f"{field}model", MAX_MODEL),
        backend=_optional(session.backend, f"{field}backend", MAX_MODEL),
        metadata=metadata,
        policy=transcript.policy,
        forked_from=session.forked_from,
    )


def mark_text(checkpoint: Checkpoint, where: str) -> tuple[str, str]:
    """Give the name and the description of a checkpoint. Raises `InvalidValue` naming the field."""
    if len(checkpoint.description) > MAX_DESCRIPTION:
        raise InvalidValue(f"{where}.description has at most {MAX_DESCRIPTION} characters")
    return _kept(checkpoint.name, f"{where}.name", MAX_NAME), visible(checkpoint.description)


def _optional(text: str | None, what: str, limit: int) -> str | None:
    return _kept(text, what, limit) if text else None


def _kept(text: str, what: str, limit: int) -> str:
    """Check a name; one that was cut where a space stood keeps the space, to be exported as it was."""
    cleaned = check_name(text, what, limit)
    return text if len(text) <= limit and text.rstrip() == cleaned else cleaned
