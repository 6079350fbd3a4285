"""TurnFacts: what every log line of a turn says of it: a random short id, the platform and the backend."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_facts: ContextVar[Mapping[str, str]] = ContextVar("palaver_turn_facts", default={})  # noqa: B039 - nobody changes it


def facts() -> Mapping[str, str]:
    """Give what is known of the turn that this task is part of; nothing outside of one."""
    return _facts.get()


@contextmanager
def within_turn(platform: str, backend: str) -> Iterator[None]:
    """Have what is logged meanwhile say that it belongs together."""
    token = _facts.set({"turn": secrets.token_hex(4), "platform": platform, "backend": backend})
    try:
        yield
    finally:
        _facts.reset(token)
