"""OfferedPieces: the conversations of files, cut out one by one, some at a time.

Finding the line that divides two conversations of an archive takes a hundredth of the time of parsing them, so that
is left to whoever works them through. What stands in a file that is laid out otherwise is parsed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bot.operator.offered_files import opened
from sessions.errors import InvalidValue
from sessions.export.documents import Documents, Quick
from sessions.message import JsonValue
from sessions.undisturbed import undisturbed

MOST: Final = 1 << 20  # bytes of a batch, beyond which it takes no more


class Unread(NamedTuple):
    """The text of one conversation, if the file is laid out as ours are."""

    text: str


class Piece(NamedTuple):
    """A conversation that is to come in: its file, its place in there, its number in the store, and the words.

    These are a text, or what was parsed of one.
    """

    file: str
    where: str
    number: int
    value: object


class OfferedPieces:
    """Cuts the conversations out, in their order, as many as `batch` at a time.

    `quick` makes something of the text between two dividing lines. With `single` there may be one conversation only.
    """

    def __init__(
        self,
        files: Sequence[Path],
        keys: Mapping[str, JsonValue],
        numbers_for: Callable[[int], Awaitable[Sequence[int]]],
        *,
        batch: int,
        quick: Quick,
        single: bool,
    ) -> None:
        self._files, self._keys, self._numbers_for = files, keys, numbers_for
        self._batch, self._quick, self._single = batch, quick, single
        self._pieces = self._each()
        self._whole = sum(path.stat().st_size for path in files)
        self._before = self._count = 0  # bytes of files that are done with; conversations
        self._documents: Documents | None = None

    async def next(self) -> Sequence[Piece] | None:
        """Cut out some more; None when there is no more. Raises `InvalidValue` naming the file."""
        # On a thread, which is waited for: nobody may close a file that is being read.
        some, cancelled = await undisturbed(asyncio.to_thread(self._some))
        if cancelled:
            raise asyncio.CancelledError
        numbers = await self._numbers_for(len(some))
        return [piece._replace(number=number) for piece, number in zip(some, numbers, strict=True)] or None

    def share(self) -> float:
        """Tell how much of the files was read."""
        return min(self._read() / max(self._whole, 1), 1)

    def close(self) -> None:
        """Close the file that is open."""
        self._pieces.close()

    def _some(self) -> list[Piece]:
        some: list[Piece] = []
        began = self._read()
        for piece in self._pieces:
            some.append(piece)
            if len(some) == self._batch or self._read() - began > MOST:
                break
        return some

    def _read(self) -> int:
        return self._before + (0 if self._documents is None else self._documents.bytes_read)

    def _count_one(self) -> None:
        self._count += 1
        if self._single and self._count > 1:
            raise InvalidValue("--title is for a single conversation, and there are several")

    def _each(self) -> Generator[Piece, None, None]:
        for path in self._files:
            key = self._keys.get(str(path))
            with opened(path, key if isinstance(key, str) else None) as source:
                self._documents = Documents(source, quick=self._quick)
                try:
                    for where, value in self._documents:
                        self._count_one()
                        yield Piece(path.name, where, 0, value)
                except InvalidValue as error:
                    raise InvalidValue(f"{path.name}: {error}") from None
                self._before, self._documents = self._read(), None
