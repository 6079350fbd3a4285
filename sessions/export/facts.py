"""Facts: what is known of a conversation, as lines a person can read."""

from __future__ import annotations

from collections.abc import Iterator

from sessions.export.characters import one_line
from sessions.export.times import readable, to_ms
from sessions.export.transcript import Transcript
from sessions.message import KindName, Message, Usage

MARKS: dict[KindName, str] = {"partial": "partial reply", "summary": "summary", "unreadable": "unreadable"}


def heading(message: Message) -> tuple[str, ...]:
    """Give number, role and time of a message, and marks where it is not a plain one."""
    parts: tuple[str, ...] = (str(message.seq), message.role, readable(message.created_ms))
    if message.kind != "text":
        parts += (MARKS[message.kind],)
    return (*parts, "important") if message.important else parts


def body(message: Message) -> str:
    """Give the words of a message, or a sentence in the place of words that can not be read."""
    if message.kind == "unreadable" and not message.content:
        return f"[message {message.seq} can not be read: the stored data was changed or is damaged]"
    return message.content


def tokens(usage: Usage) -> str:
    """Tell a usage in words."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"{usage.input_tokens:,}{cached} in, {usage.output_tokens:,} out"


def facts(transcript: Transcript) -> Iterator[tuple[str, str]]:
    """Give label and value, one line each, leaving out what is not set. Values are not escaped for HTML."""
    session = transcript.session
    yield "Conversation", one_line(session.id)
    yield "Title", one_line(session.title or "") or "untitled"
    yield "Status", session.status.value
    yield "Scope", session.scope.value
    if session.backend:
        yield "Backend", one_line(session.backend)
    if session.model:
        yield "Model", one_line(session.model)
    if session.tags:
        yield "Tags", ", ".join(map(one_line, session.tags))
    yield "Started", readable(to_ms(session.created_at))
    yield "Last activity", readable(to_ms(session.last_activity_at))
    yield "Exported", readable(to_ms(transcript.exported_at))
    yield "Messages", f"{len(transcript.messages):,}"
    if transcript.damaged:
        yield "Unreadable", f"{transcript.damaged:,}"
    yield "Tokens", tokens(session.usage)
    for name, value in transcript.address.items():
        yield one_line(name), one_line(value)
    for point in transcript.checkpoints:
        label = "Automatic checkpoint" if point.automatic else "Checkpoint"
        yield f"{label} {point.number}", f"{one_line(point.name)}, after {_count(point.message_count)}"


def _count(messages: int) -> str:
    return "1 message" if messages == 1 else f"{messages:,} messages"
