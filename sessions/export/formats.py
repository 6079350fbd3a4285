"""The formats a conversation can be exported in, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, Protocol

from sessions.errors import InvalidValue
from sessions.export.characters import encodable
from sessions.export.html import iter_html
from sessions.export.json_format import iter_json
from sessions.export.markdown import iter_markdown, markdown_message
from sessions.export.text import iter_text, text_message
from sessions.export.transcript import Transcript
from sessions.message import Message
from sessions.session import Session

ExportFormat = Literal["markdown", "json", "html", "text"]
HistoryFormat = Literal["markdown", "text"]


class Writer(Protocol):
    """Writes a transcript in pieces."""

    def __call__(self, transcript: Transcript, *, include_metadata: bool = True) -> Iterator[str]:
        """Give the document piece by piece."""


_WRITERS: dict[ExportFormat, Writer] = {
    "markdown": iter_markdown,
    "json": iter_json,
    "html": iter_html,
    "text": iter_text,
}
SUFFIXES: dict[ExportFormat, str] = {"markdown": "md", "json": "json", "html": "html", "text": "txt"}


def parse_format(name: str) -> ExportFormat:
    """Read a format by its name or file suffix, or say which there are."""
    wanted = name.strip().lower()
    for known, suffix in SUFFIXES.items():
        if wanted in (known, suffix):
            return known
    raise InvalidValue(f"format {name!r} is not one of {', '.join(SUFFIXES)}")


def export(transcript: Transcript, *, format: ExportFormat, include_metadata: bool = True) -> str:  # noqa: A002
    """Write a transcript in the format of that name."""
    return "".join(iter_export(transcript, format=format, include_metadata=include_metadata))


def iter_export(transcript: Transcript, *, format: ExportFormat, include_metadata: bool = True) -> Iterator[str]:  # noqa: A002
    """Give the text of `export` in pieces."""
    return _WRITERS[parse_format(format)](transcript, include_metadata=include_metadata)


def export_filename(session: Session, format: ExportFormat, now: datetime) -> str:  # noqa: A002
    """Name the file `session-<id>-20261121.md`; never after the title, which is a stranger's text."""
    safe = re.sub(r"[^a-z0-9]", "", session.id.lower())[:32]
    return f"session-{safe}-{now.year:04}{now.month:02}{now.day:02}.{SUFFIXES[parse_format(format)]}"


def format_history(messages: Sequence[Message], format: HistoryFormat = "markdown") -> str:  # noqa: A002
    """Write messages alone, as they stand in the export of the same name without metadata."""
    if format not in ("markdown", "text"):
        raise InvalidValue(f"format {format!r} is not one of messages, markdown, text")
    write = markdown_message if format == "markdown" else text_message
    return encodable("\n".join(write(message, include_metadata=False) for message in messages))
