"""Texts: conversations as they are written to files, in parts of a bounded size."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sessions.errors import NotFound
from sessions.export.formats import ExportFormat, iter_export
from sessions.export.transcript import Transcript
from sessions.manager import SessionManager

PART = 1 << 18  # characters, more or less


class Part(NamedTuple):
    """Some of the text of a conversation; `data` is None where there is none, and `lost` says why."""

    session_id: str
    data: bytes | None
    first: bool = True
    last: bool = True
    messages: int = 0  # that one reads; told with the last
    stored: int = 0  # of those that are written, also on other branches; told with the last
    lost: str | None = None  # not for one that was erased meanwhile


@dataclass(frozen=True, slots=True)
class Texts:
    """Reads conversations and gives their text; one of them is in memory at a time."""

    format: ExportFormat
    bare: bool
    now: datetime

    async def __call__(self, sessions: SessionManager, ids: Sequence[str]) -> AsyncGenerator[Part, None]:
        """Give the text of one after the other."""
        async for session_id, transcript in sessions.transcripts(ids, exported_at=self.now):
            if isinstance(transcript, Transcript):
                for part in self.parts(transcript):
                    yield part
            else:
                yield Part(session_id, None, lost=None if isinstance(transcript, NotFound) else str(transcript))

    def parts(self, transcript: Transcript) -> Iterator[Part]:
        """Give the text of a conversation."""
        messages = len(transcript.messages)
        stored = len(transcript.stored) if self.format == "json" else messages
        part = Part(transcript.session.id, b"", last=False)
        some: list[str] = []
        size = 0
        for piece in iter_export(transcript, format=self.format, include_metadata=not self.bare):
            if size > PART:
                yield part._replace(data="".join(some).encode())
                part, some, size = part._replace(first=False), [], 0
            some.append(piece)
            size += len(piece)
        yield part._replace(data="".join(some).encode(), last=True, messages=messages, stored=stored)
