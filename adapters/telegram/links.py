"""Links: which addresses a message may lead to."""

from __future__ import annotations

import re
from urllib.parse import unquote

_SCHEMES = ("http:", "https:", "mailto:", "tg:")
_MENTION = re.compile(r"tg:[/\\\s]*user", re.IGNORECASE)


def link_target(address: str) -> str | None:
    """Give an address that may become a link, or None. A link to a user would notify them as a mention does."""
    if not address.lower().startswith(_SCHEMES) or _MENTION.match(unquote(address)):
        return None
    return address
