"""Vendor: what the backends that talk to a service have in common."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from bot.models.errors import ModelRefused

Event = TypeVar("Event")

NO_KEY = "no-key"  # local servers take any; the SDKs insist on one
ENDING = 1.0  # seconds that a complete reply may wait for its token counts
LONGEST_REQUEST = 3600.0  # a backstop far above any limit that is set with a purpose


def missing_sdk(package: str) -> ModelRefused:
    """Say how to install the SDK that is not there."""
    return ModelRefused(f"model.backend {package} needs one more package: pip install palaver[{package}]")


def checked_key(key: str | None, *, base_url: str | None) -> str:
    """Give the key to send.

    The SDKs would look into the environment for a key of their vendor and send it to whatever
    `base_url` names; giving them one always prevents that.
    """
    if not key:
        if not base_url:
            raise ModelRefused("No key for the model service is set. Set model.api_key.")
        return NO_KEY
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelRefused("model.api_key holds characters that no key has. Paste it again, on one line.")
    return key


def checked_address(base_url: str | None, *, default: str) -> str:
    """Give the address of the service; never leave the choice to the environment."""
    try:
        url = urlsplit(base_url or default)
        host, _ = url.hostname, url.port
    except ValueError:
        raise ModelRefused("model.base_url is not an address. Write it like https://example.org/v1") from None
    if url.scheme not in ("http", "https") or not host:
        raise ModelRefused("model.base_url must start with http:// or https:// and name a host.")
    if "@" in url.netloc:
        raise ModelRefused("model.base_url holds a user name or password. Put the key into model.api_key instead.")
    return base_url or default


def keep_words_out_of_logs() -> None:
    """Silence what the SDKs log below WARNING: at DEBUG they log whole requests.

    Anyone who turns on debugging for the whole program would find conversations in the log.
    """
    for name in ("openai", "anthropic", "httpx", "httpx2", "httpcore", "httpcore2"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))


def check_is_stream(headers: Mapping[str, str], *, backend: str) -> None:
    """Refuse a page or a document where a stream should be: the address is wrong."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/json"):
        advice = "What is at this address does not stream replies. Check model.base_url; it often ends in /v1."
        raise ModelRefused(advice, detail=f"{backend}: {kind}")


async def read_rest(events: AsyncIterator[Event], note: Callable[[Event], object]) -> None:
    """Read what comes after the last word, but never let it spoil a complete reply."""
    with suppress(Exception):
        async with asyncio.timeout(ENDING):
            async for event in events:
                note(event)


def whole_number(value: object) -> int:
    """Read a count that a server may have left out or got wrong."""
    return value if isinstance(value, int) and value > 0 else 0
