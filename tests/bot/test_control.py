"""The socket by which the command line speaks to a running bot."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bot.control import MAX_LINE, Answer, ControlServer, NoAnswer, ask
from sessions.errors import InvalidValue, NotFound
from sessions.message import JsonValue


async def echo(request: Mapping[str, JsonValue]) -> Answer:
    return {"said": request.get("say")}


async def fail(request: Mapping[str, JsonValue]) -> Answer:
    raise NotFound("pairing code", "X")


async def crash(request: Mapping[str, JsonValue]) -> Answer:
    raise RuntimeError("secret words")


async def hang(request: Mapping[str, JsonValue]) -> Answer:
    await asyncio.Event().wait()
    return {}


async def boast(request: Mapping[str, JsonValue]) -> Answer:
    return {"said": "x" * MAX_LINE}


HANDLERS = {"echo": echo, "fail": fail, "crash": crash, "hang": hang, "boast": boast}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "control.sock"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def inode(path: Path) -> int:
    return path.lstat().st_ino


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def content(path: Path) -> str:
    return path.read_text()


def put(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)


def replaced(path: Path) -> int:
    """Put another socket in the place of the one there."""
    path.unlink()
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(path))
    return inode(path)


def left_behind(path: Path) -> None:
    """Leave a socket as a process that was killed does."""
    path.parent.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))


async def sends(path: Path, data: bytes) -> dict[str, JsonValue]:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=2 * MAX_LINE)
    with closing(writer):
        with suppress(ConnectionError):
            writer.write(data)
            writer.write_eof()
        answer: dict[str, JsonValue] = json.loads(await reader.readline())
    return answer


async def test_a_request_is_answered(path: Path) -> None:
    """What was asked reaches its handler, and the answer comes back; any number at once."""
    async with ControlServer(path, HANDLERS):
        answers = await asyncio.gather(*(ask(path, {"do": "echo", "say": f"{n} ü\n"}) for n in range(20)))
    assert answers == [{"said": f"{n} ü\n"} for n in range(20)]


async def test_the_socket_is_the_owners_alone(path: Path) -> None:
    """Socket and folder are closed to others, and the socket is gone afterwards."""
    before = os.umask(0)
    try:
        async with ControlServer(path, HANDLERS):
            assert mode(path) == 0o600
            assert mode(path.parent) == 0o700
    finally:
        os.umask(before)
    assert names(path.parent) == []


async def test_nobody_listens(path: Path) -> None:
    """Without a bot, or with what a killed one left, there is no answer and no error."""
    assert await ask(path, {"do": "echo"}) is None
    left_behind(path)
    assert await ask(path, {"do": "echo"}) is None


async def test_what_a_dead_process_left_is_replaced(path: Path) -> None:
    """The next start listens at the same place."""
    left_behind(path)
    async with ControlServer(path, HANDLERS):
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}


async def test_a_living_one_is_not_replaced(path: Path) -> None:
    """The twin: a second program is refused, and the first goes on."""
    async with ControlServer(path, HANDLERS):
        with pytest.raises(OSError, match="another program listens"):
            await ControlServer(path, HANDLERS).__aenter__()
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}


async def test_a_file_in_the_way_stays(path: Path) -> None:
    """Nothing is removed that is no socket."""
    put(path, "mine")
    with pytest.raises(FileExistsError):
        await ControlServer(path, HANDLERS).__aenter__()
    assert content(path) == "mine"


async def test_a_socket_of_somebody_else_stays(path: Path) -> None:
    """A program that ends takes away its own socket only."""
    async with ControlServer(path, HANDLERS):
        other = replaced(path)
    assert inode(path) == other


async def test_a_home_with_a_long_name_works(tmp_path: Path) -> None:
    """Systems take only short names of sockets; folders may be deep."""
    path = tmp_path / ("long" * 30) / ("name" * 30) / "control.sock"
    async with ControlServer(path, HANDLERS):
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}
    assert names(path.parent) == []


async def test_what_can_not_be_done_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error comes back in words with its code; one that nobody foresaw keeps its own words."""
    async with ControlServer(path, HANDLERS):
        assert await ask(path, {"do": "fail"}) == {"error": "no such pairing code: X", "code": 1}
        with caplog.at_level(logging.ERROR):
            crashed = await ask(path, {"do": "crash"})
        assert await ask(path, {"do": "boast"}) == {"error": "the answer is too long", "code": 2}
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}
    assert crashed is not None
    assert crashed["code"] == 4
    assert "secret words" not in str(crashed) + caplog.text


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"hello\n", b"[]\n", b'{"do": 1}\n', b'{"do": "unknown"}\n', b"[" * 60_000 + b"\n", b"\xff\n"],
)
async def test_what_is_no_request_is_refused(path: Path, data: bytes) -> None:
    """Whatever is written into the socket gets one line back, and the next request is answered."""
    async with ControlServer(path, HANDLERS):
        assert (await sends(path, data))["code"] == 2
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}


async def test_a_request_has_a_limit(path: Path) -> None:
    """More than 64 KiB are refused; a little less is taken."""
    async with ControlServer(path, HANDLERS):
        refused = await sends(path, b'{"do": "echo", "say": "' + b"x" * MAX_LINE + b'"}\n')
        assert "at most 65536 bytes" in str(refused["error"])
        text = "x" * (MAX_LINE - 100)
        assert await ask(path, {"do": "echo", "say": text}) == {"said": text}


@pytest.mark.parametrize("said", ["\ud800", "a\udfff"])
async def test_half_a_character_is_refused_in_words(path: Path, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither side takes what nothing can store, and neither logs an error; the next request is answered."""
    async with ControlServer(path, HANDLERS):
        with pytest.raises(InvalidValue, match="half a character"):
            await ask(path, {"do": "echo", "say": said})
        refused = await sends(path, json.dumps({"do": "echo", "say": [{said: 1}]}).encode() + b"\n")
        assert (refused["code"], "half a character" in str(refused["error"])) == (2, True)
        assert await ask(path, {"do": "echo", "say": "\U0001f600"}) == {"said": "\U0001f600"}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_answer_with_half_a_character_is_one(path: Path) -> None:
    """What a handler says is escaped, and arrives whatever it is."""

    async def garble(request: Mapping[str, JsonValue]) -> Answer:
        return {"said": "\ud800"}

    async with ControlServer(path, {"garble": garble}):
        answer = await ask(path, {"do": "garble"})
    assert answer is not None
    json.dumps(answer, ensure_ascii=False).encode()


@pytest.mark.parametrize("size", [MAX_LINE + 1, 3_000_000])
async def test_a_request_that_is_too_long_is_refused_in_words(path: Path, size: int) -> None:
    """By the client before it is sent, and by the bot to whoever sends it all the same, without keeping them."""
    async with ControlServer(path, HANDLERS):
        with pytest.raises(InvalidValue, match="at most 65536 bytes"):
            await ask(path, {"do": "echo", "say": "x" * size})
        began = time.monotonic()
        for end in (b'"}\n', b""):
            refused = await sends(path, b'{"do": "echo", "say": "' + b"x" * size + end)
            assert (refused["code"], "at most 65536 bytes" in str(refused["error"])) == (2, True)
        assert time.monotonic() - began < 5
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}


async def babbles(writer: asyncio.StreamWriter) -> None:
    """Write without end."""
    while True:
        writer.write(b"x" * 100_000)
        await writer.drain()
        await asyncio.sleep(0)


async def test_who_goes_on_sending_is_not_listened_to_for_ever(path: Path) -> None:
    """A sender without end is cut off, and others are answered meanwhile."""
    async with ControlServer(path, HANDLERS):
        _, writer = await asyncio.open_unix_connection(str(path))
        with closing(writer), pytest.raises(ConnectionError):
            await asyncio.wait_for(babbles(writer), 10)
        assert await ask(path, {"do": "echo", "say": 1}) == {"said": 1}


async def test_a_bot_that_does_not_answer_is_not_waited_for(path: Path) -> None:
    """After a while it is an error that says so; the bot can end all the same."""
    async with ControlServer(path, HANDLERS):
        with pytest.raises(NoAnswer, match=r"within 0\.2 seconds"):
            await ask(path, {"do": "hang"}, timeout=0.2)
        waiting = asyncio.ensure_future(ask(path, {"do": "hang"}))
        await asyncio.sleep(0.1)
    with pytest.raises(NoAnswer):
        await waiting
