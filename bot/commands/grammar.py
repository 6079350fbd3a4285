"""Grammar: from a typed line to words.

A word ends at white space. A quote opens at the beginning of a word and closes at the end of one,
so apostrophes need no care; phones turn straight quotes into typographic ones, so those count too.
A backslash makes a quote, a space or a backslash ordinary.
"""

# ruff: noqa: RUF001 - the quotes that look alike are what this is about

from __future__ import annotations

from sessions.errors import InvalidValue

CLOSING = {
    '"': '"',
    "'": "'",
    "“": '”"',
    "„": '“”"',
    "”": "”",
    "‘": "’'",
    "‚": "‘’'",
    "«": "»",
    "»": "«»",
    "‹": "›",
    "「": "」",
}
_QUOTES = frozenset(CLOSING) | frozenset("".join(CLOSING.values()))
_INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"  # travel along when text is copied; nobody means them


class UnclosedQuote(InvalidValue):
    """A quote opens and does not close."""

    def __init__(self, quote: str) -> None:
        self.quote = quote
        super().__init__(
            f"The quote `{quote}` opens but does not close at the end of a word. Close it with `{CLOSING[quote][0]}`, "
            f"or write `\\{quote}` for the character itself."
        )


def is_blank(char: str) -> bool:
    """Tell whether a character is nothing at the ends of a text: every kind of space, and what can not be seen."""
    return char.isspace() or char in _INVISIBLE


def strip(text: str) -> str:
    """Take blank characters off both ends."""
    begin, end = 0, len(text)
    while begin < end and is_blank(text[begin]):
        begin += 1
    while end > begin and is_blank(text[end - 1]):
        end -= 1
    return text[begin:end]


def first_word(line: str) -> tuple[str, str]:
    """Cut a line behind its first word, quotes not regarded; both parts are stripped."""
    line = strip(line)
    for index, char in enumerate(line):
        if char.isspace():
            return strip(line[:index]), strip(line[index:])
    return line, ""


def command_word(line: str) -> tuple[str, str]:
    """Give the command's name, in lower case and without slash and `@botname`, and what follows."""
    word, rest = first_word(line)
    return word.removeprefix("/").partition("@")[0].lower(), rest


def next_argument(line: str) -> tuple[str, str]:
    """Read one word, quoted or not, and give what follows it.

    Raises `UnclosedQuote`.
    """
    line = strip(line)
    word, end = _argument(line, 0)
    return word, strip(line[end:])


def split(line: str) -> list[str]:
    r"""Read all words of a line.

    >>> split('save "before refactor" it\'s fine')
    ['save', 'before refactor', "it's", 'fine']
    """
    line = strip(line)
    words, position = [], 0
    while position < len(line):
        word, position = _argument(line, position)
        words.append(word)
        while position < len(line) and is_blank(line[position]):
            position += 1
    return words


def whole(line: str) -> str:
    """Read a line as one text: as it is, but for quotes around all of it.

    An apostrophe at its beginning is part of the text; any other quote there must close.
    """
    line = strip(line)
    if not line:
        return ""
    if line[0] == "\\" and line[1:2] in _QUOTES:
        return line[1:]
    if line[0] not in CLOSING:
        return line
    try:
        text, end = _quoted(line, 0)
    except UnclosedQuote:
        if line[0] in "'‘’":
            return line
        raise
    return line if end < len(line) else text


def quote(text: str) -> str:
    """Write text so that it reads as one word."""
    if text and not any(is_blank(char) or char in _QUOTES or char == "\\" for char in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _argument(line: str, start: int) -> tuple[str, int]:
    """Read the word that begins at `start`, and tell where it ends."""
    if start < len(line) and line[start] in CLOSING:
        return _quoted(line, start)
    word: list[str] = []
    index = start
    while index < len(line) and not line[index].isspace():
        index += _escapes(line, index)
        word.append(line[index])
        index += 1
    return strip("".join(word)), index


def _quoted(line: str, start: int) -> tuple[str, int]:
    """Read the word whose opening quote is at `start`, and tell where it ends."""
    word: list[str] = []
    index = start + 1
    while index < len(line):
        char = line[index]
        if char in CLOSING[line[start]] and (index + 1 == len(line) or is_blank(line[index + 1])):
            return "".join(word), index + 1
        index += _escapes(line, index)
        word.append(line[index])
        index += 1
    raise UnclosedQuote(line[start])


def _escapes(line: str, index: int) -> int:
    """Give 1 where a backslash makes the next character ordinary, else 0."""
    following = line[index + 1 : index + 2]
    return int(line[index] == "\\" and (following in _QUOTES or following == "\\" or following.isspace()))
