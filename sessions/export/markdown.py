"""Markdown: front matter with the metadata, then one heading and one fenced block for each message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sessions.checkpoint import Checkpoint
from sessions.export.characters import encodable, longest_run, quoted, yaml_safe
from sessions.export.facts import body, heading, tokens
from sessions.export.json_values import encode
from sessions.export.pieces import gather
from sessions.export.times import iso, to_ms
from sessions.export.transcript import Transcript
from sessions.message import JsonValue, Message
from sessions.session import Session


def to_markdown(transcript: Transcript, *, include_metadata: bool = True) -> str:
    """Write the current branch as Markdown in which no text can pass for a heading, a role or metadata.

    Without metadata there is no front matter, and no author, tokens or metadata of single messages.
    """
    return "".join(iter_markdown(transcript, include_metadata=include_metadata))


def iter_markdown(transcript: Transcript, *, include_metadata: bool = True) -> Iterator[str]:
    """Give the text of `to_markdown` in pieces."""
    return gather(_parts(transcript, include_metadata))


def markdown_message(message: Message, *, include_metadata: bool = True) -> str:
    """Write one message: its heading, then its text in a fence longer than any run of backticks inside."""
    text = body(message)
    fence = "`" * max(3, longest_run(text, char="`") + 1)
    notes = _notes(message) if include_metadata else ""
    return f"## {' · '.join(heading(message))}\n\n{notes}{fence}\n{text}\n{fence}\n"


def _parts(transcript: Transcript, full: bool) -> Iterator[str]:
    if full:
        yield "---\n"
        yield from _front_matter(transcript)
        yield "---\n\n"
    separator = ""
    for message in transcript.messages:
        yield separator
        yield markdown_message(message, include_metadata=full)
        separator = "\n"


def _front_matter(transcript: Transcript) -> Iterator[str]:
    """Give lines of YAML. Every value is also JSON, so nothing in it can end a line or the block."""
    yield from _session_lines(transcript.session)
    yield f'exported_at: "{iso(to_ms(transcript.exported_at))}"\n'
    yield f"messages: {len(transcript.messages)}\n"
    if transcript.damaged:
        yield f"unreadable: {transcript.damaged}\n"
    if transcript.address:
        yield f"address: {_object(dict(transcript.address), 'address')}\n"
    if transcript.session.metadata:
        yield f"metadata: {_object(transcript.session.metadata, 'metadata of the session')}\n"
    if transcript.checkpoints:
        yield "checkpoints:\n"
        yield from map(_checkpoint_line, transcript.checkpoints)


def _session_lines(session: Session) -> Iterator[str]:
    yield f"id: {quoted(session.id)}\n"
    yield f"title: {quoted(session.title) if session.title else 'null'}\n"
    yield f'status: "{session.status.value}"\n'
    yield f'scope: "{session.scope.value}"\n'
    if session.model:
        yield f"model: {quoted(session.model)}\n"
    if session.tags:
        yield f"tags: [{', '.join(map(quoted, session.tags))}]\n"
    yield f'created_at: "{iso(to_ms(session.created_at))}"\n'
    yield f'last_activity_at: "{iso(to_ms(session.last_activity_at))}"\n'
    if session.next_reset_at:
        yield f'next_reset_at: "{iso(to_ms(session.next_reset_at))}"\n'
    if session.forked_from:
        yield f"forked_from: {quoted(session.forked_from)}\n"
    for name, count in session.usage._asdict().items():
        yield f"{name}: {count}\n"


def _checkpoint_line(checkpoint: Checkpoint) -> str:
    name, description = quoted(checkpoint.name), quoted(checkpoint.description)
    return (
        f'  - {{"number": {checkpoint.number}, "name": {name}, "description": {description}, '
        f'"messages": {checkpoint.message_count}, "created_at": "{iso(to_ms(checkpoint.created_at))}", '
        f'"automatic": {"true" if checkpoint.automatic else "false"}}}\n'
    )


def _object(value: Mapping[str, JsonValue], where: str) -> str:
    return yaml_safe(encodable(encode(value, where=where, depth=2)))


def _notes(message: Message) -> str:
    notes = []
    if message.author:
        notes.append(f"author {_code(quoted(message.author))}")
    if message.usage is not None:
        notes.append(f"tokens {tokens(message.usage)}")
    if message.metadata:
        notes.append(f"metadata {_code(_object(message.metadata, f'metadata of message {message.seq}'))}")
    return " · ".join(notes) + "\n\n" if notes else ""


def _code(text: str) -> str:
    """Write one line as a code span. It neither begins nor ends with a backtick, so it needs no padding."""
    marks = "`" * (longest_run(text, char="`") + 1)
    return f"{marks}{text}{marks}"
