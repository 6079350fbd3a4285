"""Parts: what a reply is sent as, one message each."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.reply import Document, Reply
from adapters.telegram.piece import Piece
from adapters.telegram.rendering import render

MOST_PIECES = 5
_TOO_LONG = "This answer is too long for messages. Here it is as a file."
_EMPTY = "There are no words in this answer."

Part = Piece | Document


def parts(reply: Reply) -> list[Part]:
    """Give the messages of a reply; what would be too many becomes a file."""
    pieces: list[Piece] = render(reply.text)
    files = [] if reply.document is None else [reply.document]
    if len(pieces) > MOST_PIECES:
        content = reply.text.encode(errors="replace")
        files.insert(0, Document(name="reply.md", content=content, media_type="text/markdown"))
        pieces = [Piece(_TOO_LONG)]
    return [*pieces, *files] or [Piece(_EMPTY)]


def last_text(all_parts: Sequence[Part]) -> int:
    """Give the number of the part that has the buttons: the last text, or a lone file."""
    return max((number for number, part in enumerate(all_parts) if isinstance(part, Piece)), default=0)
