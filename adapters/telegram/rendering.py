"""Markdown as Telegram shows it: text with entities, so that nothing in it can fail to be parsed there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from adapters.fences import split
from adapters.pieces import Cut, clean, cut, fitting, visible
from adapters.telegram.document import Document, Span, document
from adapters.telegram.piece import Entity, Piece

MAX_UNITS = 4_096
MAX_ENTITIES = 100
# What is parsed at once. All that goes into five messages is; the time for longer texts stays in proportion.
_SECTION = 24_000


def render(markdown: str) -> list[Piece]:
    """Give the messages to send, none for a blank text."""
    return [piece for section in split(clean(markdown), _SECTION) for piece in _section(section)]


def _section(markdown: str) -> list[Piece]:
    pieces = list(_pieces(document(markdown)))
    # An empty code block or link shows nothing, but somebody wrote it.
    return pieces or list(_pieces(Document(markdown, ())))


def _pieces(whole: Document) -> Iterator[Piece]:
    """Cut a document; a span across a cut goes on in the next piece."""
    blocks = [span for span in whole.spans if span.type == "pre"]
    start, spans, taken = 0, list[Span](), 0
    while start < len(whole.text):
        most = fitting(whole.text, start, MAX_UNITS)
        beyond = taken + MAX_ENTITIES - len(spans)
        if beyond < len(whole.spans):
            most = min(most, whole.spans[beyond].start)
        place = _cut(whole.text, start, most, blocks)
        while taken < len(whole.spans) and whole.spans[taken].start < place.end:
            spans.append(whole.spans[taken])
            taken += 1
        if piece := _piece(whole.text, start, place.end, spans):
            yield piece
        start = place.start
        spans = [span for span in spans if span.end > start]


def _cut(text: str, start: int, most: int, blocks: list[Span]) -> Cut:
    """Cut before a code block rather than in it."""
    if most == len(text):
        return Cut(most, most)
    place = cut(text, start, most)
    torn = next((block for block in blocks if block.start < place.end < block.end), None)
    if torn and torn.start > (start + most) // 2:
        return Cut(torn.start, torn.start)
    return place


def _piece(text: str, start: int, end: int, spans: list[Span]) -> Piece | None:
    """Give the piece between two places, without white space around it, if there is anything to see."""
    body = text[start:end].rstrip()
    end = start + len(body)
    body = body.lstrip("\n")
    start = end - len(body)
    if not visible(body):
        return None
    offsets = list(accumulate((2 if sign > "\uffff" else 1 for sign in body), initial=0))
    entities = []
    for span in spans:
        first, last = max(span.start, start) - start, min(span.end, end) - start
        if first < last and body[first:last].strip():
            length = offsets[last] - offsets[first]
            entities.append(Entity(span.type, offsets[first], length, span.url, span.language))
    return Piece(body, tuple(sorted(entities, key=lambda entity: (entity.offset, -entity.length))))
