"""Characters that need care when text is written where it could be taken for something else."""

from __future__ import annotations

import json
import re

_CONTROLS = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}  # ␀ … ␡: seen, without effect
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
del _CONTROLS[ord("\t")], _CONTROLS[ord("\n")]
_SOME_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = re.compile(f"[\u200b\u2060\ufeff{_BIDI}]")

# Characters YAML takes for a line break or refuses inside quotes, and those that reorder a line.
_YAML_SPECIAL = re.compile(f"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff{_BIDI}]")

encode_string = json.JSONEncoder(ensure_ascii=False).encode


def encodable(text: str) -> str:
    """Replace lone surrogates by U+FFFD, so that the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def visible(text: str) -> str:
    """Show control characters, escape codes of terminals among them, as pictures of themselves.

    Line breaks and tabs stay; CR LF is one line break.
    """
    return text.replace("\r\n", "\n").translate(_CONTROLS) if _SOME_CONTROL.search(text) else text


def one_line(text: str) -> str:
    """Make a title or name one line in which nothing is hidden or reordered."""
    return visible(_UNSEEN.sub("", " ".join(text.splitlines())))


def yaml_safe(encoded: str) -> str:
    """Make JSON fit to stand in a YAML document; it stays the same JSON value."""
    return _YAML_SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)


def quoted(text: str) -> str:
    """Write text as a double-quoted string that JSON and YAML both read back as it was."""
    return yaml_safe(encode_string(encodable(text)))


def longest_run(text: str, *, char: str) -> int:
    """Count the longest unbroken run of one character."""
    if char * 3 not in text:
        return 2 if char * 2 in text else int(char in text)
    return max(map(len, re.findall(f"{re.escape(char)}+", text)))
