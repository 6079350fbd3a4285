"""Control: how the command line speaks to the bot that runs, through a socket in the home folder.

One line of JSON in, one out. The socket is its owner's alone, as is the folder it lies in.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.mishaps import note_mishap
from bot.peer import peer_of
from bot.request_line import HALF, is_whole, parsed
from bot.startup import ExitCode, exit_code
from sessions.audit import acting
from sessions.errors import InvalidValue, SessionError
from sessions.message import JsonValue

SOCKET = "control.sock"
MAX_LINE = 64 * 1024  # bytes of a request or an answer
MOST_DROPPED = 16 * 1024 * 1024  # bytes of a longer request that are read only to answer whoever sends it
PATIENCE = 10.0  # seconds for a request to arrive
_LONGEST_PATH = 100  # bytes; systems take 104 or 108
_NAMED = 60  # characters of a word of a request that an answer says again
_TOO_LONG = f"a request has at most {MAX_LINE} bytes"
log = logging.getLogger(__name__)

Answer = Mapping[str, JsonValue]
Control = Callable[[Mapping[str, JsonValue]], Awaitable[Answer]]
"""Answers one kind of request. What it raises becomes `{"error": words, "code": exit code}`."""


class NoAnswer(SessionError):
    """The bot that runs did not answer, or not in words."""


class ControlServer:
    """Listens while the block runs. Raises `OSError` if another program does already."""

    def __init__(self, path: Path, handlers: Mapping[str, Control]) -> None:
        self._path, self._handlers = path, handlers
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Begin to listen; what a dead process left is replaced."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listening = _bound(self._path)
        try:
            self._inode = self._path.lstat().st_ino
            self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_LINE)
        except BaseException:
            listening.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, and take the socket away unless it is another's by now."""
        self._server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        with suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                line = await _line(reader)
            with acting(peer_of(writer.get_extra_info("socket"))):
                answer = _refused(_TOO_LONG) if line is None else await self._answer(line)
            writer.write(_encoded(answer))
            await writer.drain()
        except (TimeoutError, ConnectionError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = parsed(line)
        except InvalidValue as error:
            return _refused(str(error))
        name = str(request["do"])
        handler = self._handlers.get(name)
        if handler is None:
            return _refused(f"the bot that runs does not know {name[:_NAMED]!r}; it may be of another version")
        try:
            return await handler(request)
        except SessionError as error:
            return {"error": str(error), "code": int(exit_code(error))}
        except Exception as error:  # noqa: BLE001 - a request that goes wrong must not end the bot
            note_mishap(log, error)
            return {"error": "something went wrong; the log of the bot tells where", "code": int(ExitCode.SESSION)}


async def ask(path: Path, request: Mapping[str, JsonValue], timeout: float = PATIENCE) -> Answer | None:  # noqa: ASYNC109 - one word for callers
    """Ask the bot that runs, and give its answer; None when nobody listens.

    Raises `NoAnswer`, and `InvalidValue` for what no bot would take.
    """
    line = _checked(request)
    try:
        async with asyncio.timeout(timeout):
            with _short(path) as name:
                reader, writer = await asyncio.open_unix_connection(name, limit=MAX_LINE)
            try:
                writer.write(line)
                await writer.drain()
                answer = json.loads(await reader.readline())
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except TimeoutError:
        raise NoAnswer(f"the bot that runs did not answer within {timeout:g} seconds; try again") from None
    except (ConnectionError, ValueError):
        raise NoAnswer("the bot that runs gave no answer; it may be ending, try again") from None
    except OSError as error:
        raise NoAnswer(f"the bot that runs can not be reached by {path} ({error.strerror})") from None
    if not isinstance(answer, dict):
        raise NoAnswer("the bot that runs gave an answer in another form; it may be of another version")
    return answer


async def _line(reader: asyncio.StreamReader) -> bytes | None:
    """Read a request. One that is too long is None, and read to its end: who still writes hears no answer."""
    try:
        return await reader.readuntil()
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    except asyncio.LimitOverrunError:
        dropped, piece = 0, b" "
        while piece and b"\n" not in piece and dropped < MOST_DROPPED:
            piece = await reader.read(MAX_LINE)
            dropped += len(piece)
        return None


def _checked(request: Mapping[str, JsonValue]) -> bytes:
    """Write a request, if it is one that a bot takes."""
    if not is_whole(request):
        raise InvalidValue(HALF)
    line = json.dumps(request).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise InvalidValue(f"this is too long: {_TOO_LONG}")
    return line


def _refused(why: str) -> Answer:
    return {"error": why, "code": int(ExitCode.USAGE)}


def _encoded(answer: Answer) -> bytes:
    line = json.dumps(answer, ensure_ascii=False).encode(errors="replace") + b"\n"
    return line if len(line) <= MAX_LINE else json.dumps(_refused("the answer is too long")).encode() + b"\n"


def _bound(path: Path) -> socket.socket:
    """Give a socket at this place that does not listen yet, so that nobody reaches it before its mode is right."""
    _make_room(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as name:
            listening.bind(name)
        path.chmod(0o600)
    except BaseException:
        listening.close()
        raise
    return listening


def _make_room(path: Path) -> None:
    """Remove the socket of a process that is gone; never one that answers, and nothing else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "is in the way and is no socket", str(path))
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, _short(path) as name:
        probe.settimeout(1)
        try:
            probe.connect(name)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, "another program listens here", str(path))


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a name of the socket that systems take: they allow far less than for other files."""
    if len(os.fsencode(path)) <= _LONGEST_PATH or not sys.platform.startswith("linux"):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
