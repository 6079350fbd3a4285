"""PNG: pixels of a few colours as a picture file; what a chart needs and nothing more (RFC 2083)."""

from __future__ import annotations

import struct
import zlib

WHITE, BLACK, BLUE = 0, 1, 2
_PALETTE = bytes((255, 255, 255, 51, 51, 51, 65, 105, 225))
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GLYPH_WIDTH, GLYPH_HEIGHT, ADVANCE = 3, 5, 4
_GLYPHS = {  # three bits a row, from the top
    "0": 0b111_101_101_101_111,
    "1": 0b010_110_010_010_111,
    "2": 0b111_001_111_100_111,
    "3": 0b111_001_111_001_111,
    "4": 0b101_101_111_001_001,
    "5": 0b111_100_111_001_111,
    "6": 0b111_100_111_101_111,
    "7": 0b111_001_010_010_010,
    "8": 0b111_101_111_101_111,
    "9": 0b111_101_111_001_111,
    "-": 0b000_000_111_000_000,
    ",": 0b000_000_000_010_100,
}


class Canvas:
    """White pixels to draw on; what lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows = [bytearray(width) for _ in range(height)]

    def fill(self, left: int, top: int, width: int, height: int, colour: int) -> None:
        """Fill a rectangle."""
        for row in self._rows[max(top, 0) : max(top + height, 0)]:
            start, end = max(left, 0), min(left + width, self.width)
            row[start:end] = bytes((colour,)) * max(end - start, 0)

    def write(self, left: int, top: int, text: str, *, scale: int = 2) -> None:
        """Write digits, hyphens and commas; anything else is a blank."""
        for index, char in enumerate(text):
            bits = _GLYPHS.get(char, 0)
            for dot in range(_GLYPH_WIDTH * GLYPH_HEIGHT):
                if bits >> (_GLYPH_WIDTH * GLYPH_HEIGHT - 1 - dot) & 1:
                    down, along = divmod(dot, _GLYPH_WIDTH)
                    x = left + (index * ADVANCE + along) * scale
                    self.fill(x, top + down * scale, scale, scale, BLACK)

    def png(self) -> bytes:
        """Give the file."""
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0)  # one byte a pixel, of a palette
        lines = b"".join(b"\x00" + row for row in self._rows)
        return (
            _SIGNATURE
            + _chunk(b"IHDR", header)
            + _chunk(b"PLTE", _PALETTE)
            + _chunk(b"IDAT", zlib.compress(lines, 9))
            + _chunk(b"IEND", b"")
        )


def text_width(text: str, *, scale: int = 2) -> int:
    """Give the pixels that `Canvas.write` takes."""
    return (len(text) * ADVANCE - 1) * scale


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
