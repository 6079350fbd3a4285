"""Descriptors: reading lines and writing text without blocking the event loop, and without threads.

A thread that waits for a line can not be told to stop, and would keep the program from ending.
"""

from __future__ import annotations

import asyncio
import codecs
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import NamedTuple

CHUNK = 64 * 1024
PIECE = 4096  # PIPE_BUF of Linux: a pipe that polls as writable takes this much without blocking
_ENDED = (errno.EBADF, errno.EIO)  # was never open; the terminal is gone


class Line(NamedTuple):
    """One line without its end; `size` is its length in bytes, `whole` whether `text` is all of it."""

    text: str
    size: int
    whole: bool


class LineReader:
    """Lines of UTF-8, of which at most `limit` bytes each are kept in memory."""

    def __init__(self, descriptor: int, *, limit: int) -> None:
        self._descriptor, self._limit = descriptor, limit
        self._kept, self._size = bytearray(), 0

    async def lines(self) -> AsyncIterator[Line]:
        """Give the lines until the end of input; the last one needs no line feed."""
        first = True
        while chunk := await self._chunk():
            if first:
                chunk, first = chunk.removeprefix(codecs.BOM_UTF8), False
            *ended, rest = chunk.split(b"\n")
            for part in ended:
                yield self._end(part)
            self._keep(rest)
        if self._size:
            yield self._end(b"")

    async def _chunk(self) -> bytes:
        while True:
            await _ready(self._descriptor, "reader")
            try:
                return os.read(self._descriptor, CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in _ENDED:
                    return b""
                raise

    def _keep(self, part: bytes) -> None:
        self._kept += part[: max(0, self._limit - len(self._kept))]
        self._size += len(part)

    def _end(self, part: bytes) -> Line:
        self._keep(part)
        whole = self._size == len(self._kept)
        text = self._kept.decode("utf-8", "replace").removesuffix("\r")
        line = Line(text, self._size, whole)
        self._kept, self._size = bytearray(), 0
        return line


class Writer:
    """Text as UTF-8 to a descriptor. A reader that went away raises `BrokenPipeError`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def write(self, text: str) -> None:
        """Write all of it, waiting while the other side is slow."""
        rest = memoryview(text.encode("utf-8", "replace"))
        while rest:
            await _ready(self._descriptor, "writer")
            with suppress(BlockingIOError):
                rest = rest[os.write(self._descriptor, rest[:PIECE]) :]


async def _ready(descriptor: int, kind: str) -> None:
    """Wait until a read or a write will not block."""
    loop = asyncio.get_running_loop()
    add: Callable[..., None] = loop.add_reader if kind == "reader" else loop.add_writer
    remove = loop.remove_reader if kind == "reader" else loop.remove_writer
    ready = loop.create_future()
    try:
        add(descriptor, _set, ready)
    except OSError:
        return  # a file is always ready; what is not open says so when it is used
    try:
        await ready
    finally:
        remove(descriptor)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
