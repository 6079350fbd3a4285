"""Reading and writing without blocking."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.console.descriptors import Line, LineReader, Writer


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue  # the test has closed it


async def read(descriptor: int, *, limit: int = 1000) -> list[Line]:
    return [line async for line in LineReader(descriptor, limit=limit).lines()]


async def test_lines_come_whole_however_they_arrive(pipe: tuple[int, int]) -> None:
    """A character or a line that arrives in two halves is put together; the last line needs no end."""
    reader, writer = pipe

    async def type_slowly() -> None:
        for piece in (b"one\ntw", b"o \xf0\x9f", b"\x98\x80\r\n\nlast"):
            os.write(writer, piece)
            await asyncio.sleep(0.01)
        os.close(writer)

    _, lines = await asyncio.gather(type_slowly(), read(reader))
    assert [line.text for line in lines] == ["one", "two 😀", "", "last"]


async def test_what_is_not_utf8_is_replaced(pipe: tuple[int, int]) -> None:
    """Broken bytes become U+FFFD and the rest of the line stays; a mark of the byte order is no text."""
    reader, writer = pipe
    os.write(writer, b"\xef\xbb\xbfcaf\xe9 \xff ok\n")
    os.close(writer)

    assert [line.text for line in await read(reader)] == ["caf\ufffd \ufffd ok"]


async def test_a_line_that_is_too_long_is_counted_and_not_kept(pipe: tuple[int, int]) -> None:
    """Memory holds `limit` bytes of it; the next line is read as if nothing had happened."""
    reader, writer = pipe

    async def type_much() -> None:
        out = Writer(writer)
        await out.write("x" * 1_000_000 + "\nnext\n")
        os.close(writer)

    _, lines = await asyncio.gather(type_much(), read(reader, limit=100))
    assert lines == [Line("x" * 100, 1_000_000, False), Line("next", 4, True)]


async def test_files_can_be_read(tmp_path: Path) -> None:
    """What can not be waited for, because it is always ready, is read at once."""
    path = tmp_path / "lines"
    path.write_text("a\nb\n")
    with path.open("rb") as file:
        assert [line.text for line in await read(file.fileno())] == ["a", "b"]


async def test_an_input_that_is_not_open_is_empty() -> None:
    """A program started without standard input has nothing to read, and no reason to fail."""
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.close(descriptor)
    assert await read(descriptor) == []


async def test_a_slow_reader_does_not_stop_the_program(pipe: tuple[int, int]) -> None:
    """While a full pipe waits for its reader, other tasks go on."""
    reader, writer = pipe
    writing = asyncio.ensure_future(Writer(writer).write("y" * 1_000_000))
    await asyncio.sleep(0.05)
    assert not writing.done()

    reading = asyncio.ensure_future(read(reader))
    await writing
    os.close(writer)
    assert [line.size for line in await reading] == [1_000_000]


async def test_a_reader_that_went_away_is_noticed(pipe: tuple[int, int]) -> None:
    """Writing to nobody raises, it does not hang."""
    reader, writer = pipe
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        await Writer(writer).write("anybody there?")
