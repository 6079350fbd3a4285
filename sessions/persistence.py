"""Persistence: trying once more what another writer has come before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from sessions.errors import NotFound, NothingToUndo, StaleSession

P = ParamSpec("P")
T = TypeVar("T")
# Where several programs write to one session without a break, two tries in three come too late, and a pause changes
# nothing about that: with so many tries and short pauses hardly any verb is given up.
TRIES: Final = 32
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.1  # seconds; drawn at random, so that two writers do not meet again


def persistent(verb: Callable[P, Coroutine[object, object, T]]) -> Callable[P, Coroutine[object, object, T]]:
    """Have a verb that is one unit of work done anew, on what is stored by then, when that was changed meanwhile."""

    @wraps(verb)
    async def persisting(*args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(TRIES - 1):
            try:
                return await verb(*args, **kwargs)
            except StaleSession:
                await asyncio.sleep(random.uniform(0, min(FIRST_PAUSE * 2**tried, LONGEST_PAUSE)))  # noqa: S311  # no secret
        return await verb(*args, **kwargs)

    return persisting


def persistent_for_current(
    verb: Callable[P, Coroutine[object, object, T]],
) -> Callable[P, Coroutine[object, object, T]]:
    """Do the same for a verb that names no session: that one is not there says only that it was erased meanwhile."""

    @wraps(verb)
    async def persisting(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await verb(*args, **kwargs)
        except NothingToUndo:
            raise
        except NotFound:
            raise StaleSession("the conversation was erased by another writer") from None

    return persistent(persisting)
