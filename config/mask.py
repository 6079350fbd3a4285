"""Mask: how a value is shown without what an address may carry."""

from __future__ import annotations

import re

_LONGEST = 80
_CREDENTIALS = re.compile(r"(?:(?<=://)|(?<!\S)(?!\w+://))\S*:\S*@")  # up to the last @: a password may hold any sign
_LEFT_OUT = re.compile(r"(?<=postgresql://)[^\s@/]*:(?!\d+(?:[,/?\s]|$))[^\s@]*$")  # a name and a password without @
_WORD = re.compile(r"(?i)(password=)[^\s&;]*")
_BOT_TOKEN = re.compile(r"(?<=/bot)\d+:[\w-]+")
_QUERY = re.compile(r"(://[^\s?]*)\?\S*")


def masked(text: str) -> str:
    """Hide passwords, bot tokens and queries of addresses; shorten what is long."""
    for secret, shown in (
        (_CREDENTIALS, "***@"),
        (_LEFT_OUT, "***"),
        (_WORD, r"\1***"),
        (_BOT_TOKEN, "***"),
        (_QUERY, r"\1?***"),
    ):
        text = secret.sub(shown, text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
