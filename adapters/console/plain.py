"""Plain: text without anything a terminal would obey."""

from __future__ import annotations

_KEPT = "\n\t"
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # embeddings, overrides, isolates: they reorder what follows
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0), *_BIDI) if chr(code) not in _KEPT}


def plain(text: str) -> str:
    r"""Take out control characters: C0 but for line feed and tab, DEL, C1, and those that turn the direction of text.

    Every escape sequence begins with one of them, so what is left of a sequence is harmless letters.
    Each character is judged by itself: a sequence cut in two by a stream is caught all the same.

    >>> plain("\x1b[2Jhello\r\n")
    '[2Jhello\n'
    """
    return text.translate(_CONTROLS)
