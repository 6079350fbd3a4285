"""Text: a plain page to read, in which only headers begin without a mark."""

from __future__ import annotations

from collections.abc import Iterator

from sessions.export.characters import one_line, visible
from sessions.export.facts import body, facts, heading, tokens
from sessions.export.pieces import gather
from sessions.export.transcript import Transcript
from sessions.message import Message


def to_text(transcript: Transcript, *, include_metadata: bool = True) -> str:
    """Write the current branch as plain text that is safe to show in a terminal.

    Each line of a message begins with `> `, so that none can pass for a header. Without metadata the
    page begins with the first message.
    """
    return "".join(iter_text(transcript, include_metadata=include_metadata))


def iter_text(transcript: Transcript, *, include_metadata: bool = True) -> Iterator[str]:
    """Give the text of `to_text` in pieces."""
    return gather(_parts(transcript, include_metadata))


def text_message(message: Message, *, include_metadata: bool = True) -> str:
    """Write one message: its header, then its lines, each behind `> `."""
    number, role, time, *marks = heading(message)
    marked = f" ({', '.join(marks)})" if marks else ""
    notes = _notes(message) if include_metadata else ""
    lines = "".join([f"> {line}\n" if line else ">\n" for line in body(message).splitlines() or [""]])
    return f"[{number}] {role}, {time}{marked}{notes}\n{visible(lines)}"


def _parts(transcript: Transcript, full: bool) -> Iterator[str]:
    separator = ""
    if full:
        yield from (f"{label}: {value}\n" for label, value in facts(transcript))
        separator = "\n"
    for message in transcript.messages:
        yield separator
        yield text_message(message, include_metadata=full)
        separator = "\n"


def _notes(message: Message) -> str:
    author = f"\n  author: {one_line(message.author)}" if message.author else ""
    usage = f"\n  tokens: {tokens(message.usage)}" if message.usage is not None else ""
    return author + usage
