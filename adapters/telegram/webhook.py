"""Webhook: how Telegram reaches the program."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to listen, and what Telegram calls: `public_url`, which gets `path` if it has none of its own."""

    listen: str
    port: int
    path: str
    public_url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _SECRET.fullmatch(self.secret):
            raise ValueError("the secret of a webhook has 1 to 256 letters, digits, _ or -")

    @property
    def url(self) -> str:
        """What Telegram is told to call."""
        if urlsplit(self.public_url).path.strip("/"):
            return self.public_url
        return f"{self.public_url.rstrip('/')}{self.path}"
