"""WatchedStore: a store whose writes are measured and traced."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

from sessions.errors import StoreError
from sessions.store import Store

if TYPE_CHECKING:
    from bot.watch import Watch

T = TypeVar("T")
WRITES = (
    "append",
    "commit",
    "erase_sessions",
    "land",
    "post",
    "put_keyring",
    "put_preference",
    "receive",
    "reseal",
    "rewrap",
    "set_aside",
    "stage",
)
"""What a store does as one unit of work that somebody waits for."""


class WatchedStore:
    """Hands everything on to the store inside."""

    def __init__(self, store: Store, watch: Watch) -> None:
        self._store, self._watch = store, watch
        for name in WRITES:
            setattr(self, name, self._timed(name, getattr(store, name)))

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def _timed(self, name: str, write: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        meter, spans, about = self._watch.meter, self._watch.spans, {"palaver.operation": name}

        async def timed(*args: object, **kwargs: object) -> T:
            began, stored = time.perf_counter(), True
            try:
                with spans.span("palaver.store", about):
                    return await write(*args, **kwargs)
            except StoreError:  # another error says that it was not to be written
                stored = False
                raise
            finally:
                meter.committed(time.perf_counter() - began, stored=stored)

        return timed


def watched(store: Store, watch: Watch) -> Store:
    """Have the writes of a store told to a meter and to spans."""
    return cast("Store", WatchedStore(store, watch))
