"""Crew: processes that read the store side by side, each of which opens it for itself.

Nearly all the time of a long search or export goes into opening sealed records, and Python does that on one processor
for each process. A member finds settings and key where the command found them; only what is asked and what was
found travels, through pipes. The answers come in the order of the questions, whoever was done first.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, cast

from bot.operation_failed import OperationFailed
from bot.operator.frames import Kind, framed, next_frame, value_in, values_in, written
from bot.startup import ExitCode
from sessions.errors import SessionError
from sessions.manager import SessionManager

PAYS = 0.5  # seconds of reading to come that are worth the start of others
MOST = 8  # processes
BATCH = 200  # conversations that one process reads in one go
EACH = 2  # batches that a member was given
AHEAD = 3  # batches under way for each member, with those that wait for their turn
WAITING = 2  # frames of one batch that wait for their turn
GRACE = 0.4  # seconds in which a member may end by itself
_LIMIT = 1 << 20  # bytes that wait in a pipe's reader
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from bot.operator.crew_member import main; sys.exit(main())"

Q = TypeVar("Q")
A = TypeVar("A")
Work = Callable[[SessionManager, Sequence[Q]], AsyncGenerator[A, None]]
"""Reads what a part of the sequence names, and gives what it found. A member gets it pickled: it holds no secret."""
_Turn = asyncio.Queue[bytes | SessionError | None]  # the frames of one batch; None behind the last


def processors() -> int:
    """Count the processors that this process may use, up to eight."""
    there = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(there, MOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewOptions:
    """Where members find the settings, how many they may be, and from when on they pay."""

    home: Path | None = None
    config_file: Path | None = None
    members: int = field(default_factory=processors)  # 1: nobody but the command itself
    pays: float = PAYS  # 0: whatever there is to read
    batch: int = BATCH

    def pay(self, seconds: float, done: int, batches: int) -> bool:
        """Tell whether what is left is worth a crew, after one process read a part of it in so many seconds."""
        if self.members == 1:
            return False
        return not self.pays or (done > 0 and seconds / done * (batches - done) > self.pays)


@dataclass(frozen=True, slots=True)
class Duty:
    """What a member is told first."""

    home: Path | None
    config_file: Path | None
    work: Work[object, object]


async def read_together(
    sessions: SessionManager, work: Work[Q, A], whole: Sequence[Q], options: CrewOptions
) -> AsyncGenerator[A, None]:
    """Work a sequence through: here, and with a crew as soon as that pays and one is ready; in order all the same.

    Raises `OperationFailed` if a member ends too early.
    """
    batches = [whole[start : start + options.batch] for start in range(0, len(whole), options.batch)]
    crew: _Crew[Q, A] | None = None
    alone, began = False, time.monotonic()
    async with AsyncExitStack() as stack:
        for done, batch in enumerate(batches):
            if not alone and crew is None and options.pay(time.monotonic() - began, done, len(batches)):
                try:
                    crew = await stack.enter_async_context(_crew(work, options))
                except OSError:  # there may be no room for more processes
                    alone = True
            if crew is not None and (crew.ready or not options.pays):
                async with aclosing(crew.read(batches[done:])) as answers:
                    async for answer in answers:
                        yield answer
                return
            async with aclosing(work(sessions, batch)) as found:
                async for answer in found:
                    yield answer


class _Member:
    """One process, at the other end of two pipes."""

    def __init__(self, process: Process, duty: bytes) -> None:
        if process.stdin is None or process.stdout is None:
            raise OSError("a process was started without pipes")
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self.opened = asyncio.create_task(self._begin(duty))

    @classmethod
    async def start(cls, duty: bytes) -> _Member:
        """Start a process that Ctrl-C at the terminal does not reach; it ends when its input does."""
        # A fresh one: the threads of this one make a fork unsafe. -P: nothing is imported from the working folder.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", _PROGRAM, *sys.path, stdin=PIPE, stdout=PIPE, limit=_LIMIT, process_group=0
        )
        return cls(process, duty)

    async def ask(self, frame: bytes) -> None:
        """Hand over a question."""
        with suppress(ConnectionError):  # its end shows when the answer is read
            self._stdin.write(frame)
            await self._stdin.drain()

    async def answer(self) -> bytes | None:
        """Wait for answers; None behind the last one of a question. Raises `OperationFailed`."""
        frame = await next_frame(self._stdout)
        if frame is None:
            raise OperationFailed(f"a process that read the store {await self._fate()}; try again", ExitCode.SESSION)
        kind, data = frame
        if kind == Kind.failed:
            words, code = cast("tuple[str, int]", value_in(data))
            raise OperationFailed(words, code)
        return data if kind == Kind.answers else None

    async def end(self) -> None:
        """Have it end, and wait for that; by force if it does not, or has not even begun."""
        if self.opened.cancel():
            self._kill()
        await asyncio.gather(self.opened, return_exceptions=True)
        self._stdin.close()
        try:
            await asyncio.wait_for(self._last(), GRACE)
        except TimeoutError:
            self._kill()
            await self._last()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _begin(self, duty: bytes) -> None:
        await self.ask(duty)
        await self.answer()

    async def _last(self) -> None:
        while await self._stdout.read(_LIMIT):
            pass  # what nobody wants any more
        await self._process.wait()

    async def _fate(self) -> str:
        code = await self._process.wait()
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended too early (exit code {code})"


class _Crew(Generic[Q, A]):
    def __init__(self, members: Sequence[_Member]) -> None:
        self._members = members

    @property
    def ready(self) -> bool:
        """Whether one has opened the store, or failed to."""
        return any(member.opened.done() for member in self._members)

    async def read(self, batches: Sequence[Sequence[Q]]) -> AsyncGenerator[A, None]:
        """Have batches worked through; at most a few of them are under way."""
        turns: asyncio.Queue[_Turn] = asyncio.Queue()
        room = asyncio.Semaphore(AHEAD * len(self._members))
        left = iter(batches)
        lanes = [asyncio.create_task(_serve(member, left, turns, room)) for member in self._members]
        try:
            for _ in batches:
                turn = await turns.get()
                while (frame := await turn.get()) is not None:
                    if isinstance(frame, SessionError):
                        raise frame
                    for answer in values_in(frame):
                        yield cast("A", answer)
                room.release()
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)


async def _serve(
    member: _Member, batches: Iterator[object], turns: asyncio.Queue[_Turn], room: asyncio.Semaphore
) -> None:
    """Give one member a batch after the other, and its answers a place in the order of batches."""
    asked: deque[_Turn] = deque()
    try:
        await member.opened
        while True:
            # The next one as well, if there is room for it: the member goes on without a pause.
            while not asked or (len(asked) < EACH and not room.locked()):
                await room.acquire()
                batch = next(batches, None)
                if batch is None:
                    room.release()
                    break
                asked.append(asyncio.Queue(WAITING))
                turns.put_nowait(asked[-1])
                await member.ask(framed(Kind.asked, written(batch)))
            if not asked:
                return
            while (frame := await member.answer()) is not None:
                await asked[0].put(frame)
            await asked.popleft().put(None)
    except SessionError as error:
        if not asked:
            asked.append(asyncio.Queue())
            turns.put_nowait(asked[0])
        await asked[0].put(error)


@asynccontextmanager
async def _crew(work: Work[Q, A], options: CrewOptions) -> AsyncIterator[_Crew[Q, A]]:
    duty = framed(Kind.asked, written(Duty(options.home, options.config_file, cast("Work[object, object]", work))))
    members: list[_Member] = []
    try:
        for _ in range(options.members):
            members.append(await _Member.start(duty))  # noqa: PERF401  # those before one that fails have to end
        yield _Crew(members)
    finally:
        await asyncio.gather(*(member.end() for member in members))
