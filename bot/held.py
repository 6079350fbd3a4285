"""Held: what a person is told while something of theirs waits until it can be stored."""

from __future__ import annotations

from contextlib import suppress

from adapters.channel import Outlet
from adapters.reply import Reply
from sessions.errors import StoreError, StoreFull, StoreReadOnly
from sessions.handling import Handling

_WORDS: tuple[tuple[type[StoreError], str], ...] = (
    (StoreFull, "The disk is full"),
    (StoreReadOnly, "The store is open for reading only"),
    (StoreError, "The store can not be used right now"),
)


def held(error: StoreError) -> Reply:
    """Say that a message is held, and why."""
    why = next(words for kind, words in _WORDS if isinstance(error, kind))
    return Reply(text=f"{why}, so nothing was changed yet. I hold your message and try again.", error=True)


async def tell_once(handling: Handling, words: Reply, outlet: Outlet) -> None:
    """Take back what no write has carried, and say why it is not done yet, if that was not said before.

    The message stays unfinished: saying this is no answer to it.
    """
    handling.revert()
    if not handling.told:
        with suppress(StoreError):  # it is said even so
            await outlet.send(words)
        handling.told = True
        handling.revert()
