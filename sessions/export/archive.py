"""Archive: many conversations in one JSON document, written one after the other.

{"format": "palaver-archive", "version": 1,
"exported_at": time,
"sessions": [
{"format": "palaver-session", ...}
,
{"format": "palaver-session", ...}
]}
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sessions.export.json_format import iter_json
from sessions.export.times import iso, to_ms
from sessions.export.transcript import Transcript

FORMAT = "palaver-archive"
VERSION = 1
BETWEEN = "\n,\n"  # what divides conversations; each ends its own last line
END = "]}\n"  # what stands behind the last one


class ArchiveText:
    """The text of an archive in pieces: `begin`, `add` for each conversation, `end`."""

    def __init__(self, exported_at: datetime, *, include_metadata: bool = True) -> None:
        self._exported_at, self._full, self._empty = exported_at, include_metadata, True

    def begin(self) -> str:
        """Give what stands before the first conversation."""
        head = f'{{"format": "{FORMAT}", "version": {VERSION},\n"exported_at": "{iso(to_ms(self._exported_at))}",\n'
        return f'{head}"sessions": [\n'

    def add(self, transcript: Transcript) -> Iterator[str]:
        """Give the text of one more conversation in pieces."""
        yield self.between()
        yield from iter_json(transcript, include_metadata=self._full)

    def between(self) -> str:
        """Give what stands before one more conversation; its own text is the same as alone."""
        between, self._empty = "" if self._empty else BETWEEN[1:], False
        return between

    def end(self) -> str:
        """Give what stands behind the last conversation."""
        return END
