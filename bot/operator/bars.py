"""Bars: how much there was on each day, as lines of characters or as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from bot.operator.png import BLACK, BLUE, GLYPH_HEIGHT, Canvas, text_width

DAYS = 14
LONGEST = 40  # characters of the longest bar
_STEP, _BAR, _TALLEST, _MARGIN = 64, 40, 240, 30  # pixels

Days = Mapping[date, int]


def recent(days: Days, now: datetime) -> dict[date, int]:
    """Give the last days up to today in UTC, those without anything included, oldest first."""
    today = now.astimezone(UTC).date()
    return {day: days.get(day, 0) for day in (today - timedelta(days=ago) for ago in reversed(range(DAYS)))}


def in_characters(days: Days) -> Iterator[str]:
    """Draw one line for each day."""
    most = max(days.values(), default=0)
    widest = len(f"{most:,}")
    for day, count in days.items():
        yield f"{day.isoformat()}  {count:>{widest},}  {'#' * _scaled(count, most, LONGEST)}".rstrip()


def as_picture(days: Days) -> bytes:
    """Draw a PNG with one bar for each day, its count above it and month and day below."""
    most = max(days.values(), default=0)
    line = _MARGIN + _TALLEST
    canvas = Canvas(2 * _MARGIN + _STEP * len(days), line + _MARGIN)
    canvas.fill(_MARGIN, line, _STEP * len(days), 2, BLACK)
    for place, (day, count) in enumerate(days.items()):
        left, height = _MARGIN + place * _STEP, _scaled(count, most, _TALLEST)
        canvas.fill(left + (_STEP - _BAR) // 2, line - height, _BAR, height, BLUE)
        _centre(canvas, left, line - height - 2 * GLYPH_HEIGHT - 4, f"{count:,}")
        _centre(canvas, left, line + 8, f"{day:%m-%d}")
    return canvas.png()


def _centre(canvas: Canvas, left: int, top: int, text: str) -> None:
    canvas.write(left + (_STEP - text_width(text)) // 2, top, text)


def _scaled(count: int, most: int, longest: int) -> int:
    """Give the length of a bar; one that stands for something is always seen."""
    return max(round(count * longest / most), 1) if count else 0
