"""WholeText: characters that arrive in halves, put together again."""

from __future__ import annotations


class WholeText:
    """Make every piece of a stream text that can be printed and stored by itself.

    Some servers cut an emoji in two and send each half as a lone surrogate, which no terminal and
    no file takes. A first half waits here for the second; one that stays alone becomes U+FFFD.
    """

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """Give what is whole by now."""
        text = self._half + piece
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _mended(text)

    def rest(self) -> str:
        """Give what is left when nothing more will come."""
        return _mended(self._half)


def _mended(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
