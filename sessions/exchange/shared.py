"""Shared: a conversation that goes to somebody else, and what is listed of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sessions.exchange.header import Header
from sessions.exchange.packing import MOST_CONTENT
from sessions.exchange.trouble import BadBundle
from sessions.export.json_reader import from_json
from sessions.export.transcript import Branch, StoredMessage, Transcript
from sessions.message import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Something shared: by me to `name` if it is `outgoing`, else by `name` to me."""

    id: str
    outgoing: bool
    name: str
    title: str | None
    messages: int
    at_ms: int | None  # none where what is said of it can not be
    session: str
    remembered: bool = True  # whether an older one would be told from it


def read_shared(header: Header, content: bytes) -> Transcript:
    """Read what was shared; whatever else was put in is left out. Raises `BadBundle` or `InvalidValue`."""
    transcript = from_json(content, max_bytes=MOST_CONTENT)
    if transcript.session.id != header.session_id:
        raise BadBundle("it holds another session than it says")
    return as_read(transcript)


def as_read(whole: Transcript) -> Transcript:
    """Give the conversation as one reads it, and nothing besides."""
    messages = [
        StoredMessage(n, 1, message._replace(seq=n, usage=None, author=None, metadata=None))
        for n, message in enumerate(whole.messages, 1)
    ]
    session = replace(
        whole.session,
        model=None,
        backend=None,
        usage=Usage(),
        next_reset_at=None,
        forked_from=None,
        metadata={},
        tags=(),
        message_count=len(messages),
    )
    return replace(
        whole,
        session=session,
        messages=tuple(one.message for one in messages),
        stored=messages,
        branches=[Branch(number=1, start=1, parent=None)],
        head=len(messages),
        checkpoints=(),
        checkpoint_positions={},
        address={},
        policy=None,
        damaged=sum(one.message.kind == "unreadable" for one in messages),
    )
