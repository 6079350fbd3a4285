"""Chart: plots as SVG, drawn with nothing but text: lines over numbers, and bars over names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 56, 48
COLOURS = ("#1f6f8b", "#d1495b", "#edae49", "#66a182", "#5b5f97", "#8d6a4f")
FONT = 'font-family="sans-serif" font-size="12" fill="#222"'

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """What all plots have."""

    title: str
    across: str
    up: str

    def lines(self, series: Mapping[str, Sequence[Point]]) -> str:
        """Draw a line for each name."""
        points = [point for line in series.values() for point in line]
        right, top = max(x for x, _ in points), _above(max(y for _, y in points))
        left = min(x for x, _ in points)
        parts = [*self._frame(top, [*series])]
        parts += (_label(self._x(x, left, right), f"{x:g}") for x in _ticks(sorted({x for x, _ in points})))
        for colour, line in zip(COLOURS, series.values(), strict=False):
            places = [(self._x(x, left, right), _y(y, top)) for x, y in line]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            if len(places) <= 12:
                parts += (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
        return _document(parts)

    def bars(self, series: Mapping[str, Sequence[float]], names: Sequence[str], *, stacked: bool = False) -> str:
        """Draw a bar for each name, or one for each name and series."""
        heights = [sum(column) if stacked else max(column) for column in zip(*series.values(), strict=True)]
        top, room = _above(max(heights)), (WIDTH - LEFT - RIGHT) / len(names)
        parts = [*self._frame(top, [*series])]
        width = room * 0.6 / (1 if stacked else len(series))
        for place, name in enumerate(names):
            start, below = LEFT + room * (place + 0.2), 0.0
            parts.append(_label(LEFT + room * (place + 0.5), name))
            for number, values in enumerate(series.values()):
                x = start + (0 if stacked else width * number)
                high = _y(below + values[place], top)
                parts.append(
                    f'<rect x="{x:.1f}" y="{high:.1f}" width="{width:.1f}" height="{_y(below, top) - high:.1f}"'
                    f' fill="{COLOURS[number % len(COLOURS)]}"/>'
                )
                below += values[place] if stacked else 0
        return _document(parts)

    def _frame(self, top: float, names: Sequence[str]) -> Iterator[str]:
        yield f'<text x="{LEFT}" y="20" {FONT} font-weight="bold">{escape(self.title)}</text>'
        for number, name in enumerate(names) if len(names) > 1 else ():
            x = LEFT + number * (WIDTH - LEFT) / max(3, len(names))
            yield f'<rect x="{x:.1f}" y="32" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>'
            yield f'<text x="{x + 14:.1f}" y="41" {FONT}>{escape(name)}</text>'
        for step in range(5):
            value = top * step / 4
            y = _y(value, top)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" {FONT}>{value:,.4g}</text>'
        centre = f'x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle"'
        yield f"<text {centre} {FONT}>{escape(self.across)}</text>"
        middle = (TOP + HEIGHT - BOTTOM) / 2
        turned = f'transform="rotate(-90 14 {middle})"'
        yield f'<text x="14" y="{middle}" text-anchor="middle" {turned} {FONT}>{escape(self.up)}</text>'

    @staticmethod
    def _x(x: float, left: float, right: float) -> float:
        return LEFT + 8 + (x - left) / max(right - left, 1e-9) * (WIDTH - LEFT - RIGHT - 16)


def _y(y: float, top: float) -> float:
    return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)


def _above(value: float) -> float:
    """Give a round number that is not below a value."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if unit * step >= value)


def _ticks(values: Sequence[float]) -> Sequence[float]:
    return values if len(values) <= 12 else values[:: -(-len(values) // 12)]


def _label(x: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" {FONT}>{escape(text)}</text>'


def _document(parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *parts, "</svg>", ""])
