"""OfferedPieces: the conversations of files, one by one, some at a time.

What an archive of ours holds is only cut here, and parsed by whoever works the pieces through: from the file itself,
unless that is encrypted. Other files are parsed here.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bot.operator.offered_files import opened
from bot.operator.unread import NOWHERE, Unread, state_elsewhere, state_of
from sessions.errors import InvalidValue
from sessions.export.cuts import OtherLayout, cuts
from sessions.export.documents import Documents
from sessions.message import JsonValue
from sessions.undisturbed import undisturbed

MOST: Final = 1 << 20  # bytes of a batch, beyond which it takes no more


class Piece(NamedTuple):
    """A conversation that is to come in: its file, its place in there, its number in the store, and the words.

    These are parsed JSON, or `Unread`.
    """

    file: str
    where: str
    number: int
    value: object


class OfferedPieces:
    """Gives the conversations in their order, as many as `batch` at a time.

    With `single` there may be one only. With `cut` archives are cut; then one may turn out to be laid out otherwise.
    """

    def __init__(
        self,
        files: Sequence[Path],
        keys: Mapping[str, JsonValue],
        numbers_for: Callable[[int], Awaitable[Sequence[int]]],
        *,
        batch: int,
        single: bool,
        cut: bool,
    ) -> None:
        self._files, self._keys, self._numbers_for = files, keys, numbers_for
        self._batch, self._single, self._cut = batch, single, cut
        self._pieces = self._each()
        self._flaw: Exception | None = None  # what comes behind the pieces that were given
        self._whole = sum(map(_size, files))
        self._before = self._read = self._count = 0  # bytes of files before this one, and of this; conversations

    async def next(self) -> Sequence[Piece] | None:
        """Give some more; None when there is no more. Raises `InvalidValue` naming the file, or `OtherLayout`."""
        # On a thread, which is waited for: nobody may close a file that is being read.
        some, cancelled = await undisturbed(asyncio.to_thread(self._some))
        if cancelled:
            raise asyncio.CancelledError
        numbers = await self._numbers_for(len(some)) if some else ()
        return [piece._replace(number=number) for piece, number in zip(some, numbers, strict=True)] or None

    def share(self) -> float:
        """Tell how much of the files was read."""
        return min((self._before + self._read) / max(self._whole, 1), 1)

    def close(self) -> None:
        """Close the file that is open."""
        self._pieces.close()

    def _some(self) -> list[Piece]:
        if self._flaw is not None:
            raise self._flaw
        some: list[Piece] = []
        began = self._before + self._read
        try:
            for piece in self._pieces:
                some.append(piece)
                if len(some) == self._batch or self._before + self._read - began > MOST:
                    break
        except (InvalidValue, OtherLayout) as flaw:
            if not some:
                raise
            self._flaw = flaw
        return some

    def _each(self) -> Generator[Piece, None, None]:
        for path in self._files:
            try:
                yield from self._of(path)
            except InvalidValue as error:
                raise InvalidValue(f"{path.name}: {error}") from None
            self._before, self._read = self._before + self._read, 0

    def _of(self, path: Path) -> Iterator[Piece]:
        before = self._count
        if self._cut:
            try:
                yield from self._cut_out(path)
            except OtherLayout:
                if self._count > before:
                    raise
            else:
                return
        yield from self._parsed(path)

    def _cut_out(self, path: Path) -> Iterator[Piece]:
        with opened(path, self._key(path)) as source:
            real = os.path.realpath(path)
            state = state_of(os.fstat(source.fileno())) if isinstance(source, io.BufferedReader) else NOWHERE
            again = state == state_elsewhere(real)
            for index, (offset, text) in enumerate(cuts(source)):
                self._read = offset + len(text)
                value = Unread(real, state, offset, len(text), None if again else text)
                yield self._counted(Piece(path.name, f"sessions[{index}]", 0, value))

    def _parsed(self, path: Path) -> Iterator[Piece]:
        with opened(path, self._key(path)) as source:
            documents = Documents(source)
            for where, value in documents:
                self._read = documents.bytes_read
                yield self._counted(Piece(path.name, where, 0, value))

    def _counted(self, piece: Piece) -> Piece:
        self._count += 1
        if self._single and self._count > 1:
            raise InvalidValue("--title is for a single conversation, and there are several")
        return piece

    def _key(self, path: Path) -> str | None:
        key = self._keys.get(str(path))
        return key if isinstance(key, str) else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # whoever opens it says so
        return 0
