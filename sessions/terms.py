"""Terms: the words of a search, and whether a stored text holds them."""

from __future__ import annotations

from sessions.errors import InvalidValue
from sessions.message import encode_text


class Terms:
    """Words to be found all, whatever their case, each anywhere in a text."""

    __slots__ = ("_ascii", "_bytes", "folded")

    def __init__(self, words: str) -> None:
        said = encode_text(words).decode().split()
        # The longest first: it is in the fewest texts.
        self.folded = sorted(dict.fromkeys(word.casefold() for word in said), key=len, reverse=True)
        if not self.folded:
            raise InvalidValue("say what to search for")
        self._ascii = all(word.isascii() for word in self.folded)
        self._bytes = [word.encode() for word in self.folded]

    def found_in(self, text: bytes) -> bool:
        """Tell whether a text in UTF-8 holds every word.

        Most texts that are compared have none of them, and most are plain ASCII: those are never decoded.
        """
        if text.isascii():
            if not self._ascii:
                return False
            lower = text.lower()
            for word in self._bytes:  # noqa: SIM110  # all() of a generator costs as much as the rest
                if word not in lower:
                    return False
            return True
        # Folding makes ASCII of some other letters (ligatures, ß), so the bytes alone do not tell here.
        folded = str(text, "utf-8", "replace").casefold()
        return all(word in folded for word in self.folded)
