"""Crew: processes that work side by side on what one command has to do, each of which opens the store to read.

Nearly all the time of a long search or export goes into opening sealed records, and most of that of an import into
sealing them; Python does that on one processor for each process. A member finds settings and key where the command
found them; only what is asked and what was found travels, through pipes. The answers come in the order of the
questions, whoever was done first.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

from bot.operation_failed import OperationFailed
from bot.operator.frames import Kind, framed, next_frame, value_in, values_in, written
from bot.startup import ExitCode
from sessions.manager import SessionManager

PAYS = 0.5  # seconds of reading to come that are worth the start of others
MOST = 8  # processes
BATCH = 200  # conversations that one process takes on in one go
EACH = 2  # batches that a member was given
AHEAD = 3  # batches under way for each member, with those that wait for their turn
WAITING = 2  # frames of one batch that wait for their turn
GRACE = 0.4  # seconds in which a member may end by itself
_LIMIT = 1 << 20  # bytes that wait in a pipe's reader
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from bot.operator.crew_member import main; sys.exit(main())"

Q = TypeVar("Q")
A = TypeVar("A")
Q_co = TypeVar("Q_co", covariant=True)
Work = Callable[[SessionManager, Sequence[Q]], AsyncGenerator[A, None]]
"""Works a batch through, and gives what comes of it. A member gets it pickled: it holds no secret."""
_Turn = asyncio.Queue[bytes | Exception | None]  # the frames of one batch; None behind the last


class Batches(Protocol[Q_co]):
    """What is to be done, cut into pieces."""

    async def next(self) -> Sequence[Q_co] | None:
        """Give the next batch; None when there is no more. It is called again only when it has answered."""

    def share(self) -> float:
        """Tell how much of the whole was given so far, between 0 and 1."""


class Slices(Generic[Q]):
    """A sequence in batches of one size."""

    def __init__(self, whole: Sequence[Q], size: int) -> None:
        self._whole, self._size, self._given = whole, size, 0

    async def next(self) -> Sequence[Q] | None:
        """Give the next ones."""
        batch = self._whole[self._given : self._given + self._size]
        self._given += len(batch)
        return batch or None

    def share(self) -> float:
        """Tell how many were given."""
        return self._given / max(len(self._whole), 1)


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

    def pay(self, seconds: float, share: float) -> bool:
        """Tell whether what is left is worth a crew, after one process did a share of it in so many seconds."""
        if self.members == 1 or not (self.config_file is None or self.config_file.is_file()):
            return False  # alone, or with settings that can be read only once
        return not self.pays or (share > 0 and seconds / share * (1 - share) > self.pays)


@dataclass(frozen=True, slots=True)
class Duty:
    """What a member is told first."""

    home: Path | None
    config_file: Path | None
    work: Work[object, object]


async def read_together(
    sessions: SessionManager, work: Work[Q, A], whole: Sequence[Q], options: CrewOptions
) -> AsyncGenerator[A, None]:
    """Work a sequence through, as `work_together` does."""
    async with aclosing(work_together(sessions, work, Slices(whole, options.batch), options)) as answers:
        async for answer in answers:
            yield answer


async def work_together(
    sessions: SessionManager, work: Work[Q, A], batches: Batches[Q], options: CrewOptions
) -> AsyncGenerator[A, None]:
    """Work batches through: here, and with a crew as soon as that pays and one is ready; in order all the same.

    Raises `OperationFailed` if a member ends too early.
    """
    crew: _Crew[Q, A] | None = None
    alone, began = False, time.monotonic()
    async with AsyncExitStack() as stack:
        while True:
            if not alone and crew is None and options.pay(time.monotonic() - began, batches.share()):
                try:
                    crew = await stack.enter_async_context(_crew(work, options))
                except OSError:  # there may be no room for more processes
                    alone = True
            if crew is not None and (crew.ready or not options.pays):
                async with aclosing(crew.work(batches)) as answers:
                    async for answer in answers:
                        yield answer
                return
            batch = await batches.next()
            if batch is None:
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
        # Not by its own method, which takes note of an end itself: that is for the event loop to do.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

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

    async def work(self, batches: Batches[Q]) -> AsyncGenerator[A, None]:
        """Have batches worked through; at most a few of them are under way."""
        turns = _Turns(batches, AHEAD * len(self._members))
        lanes = [asyncio.create_task(_serve(member, turns)) for member in self._members]
        try:
            while (turn := await turns.get()) is not None:
                while (frame := await turn.get()) is not None:
                    if isinstance(frame, Exception):
                        raise frame
                    for answer in values_in(frame):
                        yield cast("A", answer)
                turns.room.release()
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)


class _Turns:
    """The places of batches in their order, in which their answers are put by whoever works them through."""

    def __init__(self, batches: Batches[object], ahead: int) -> None:
        self._batches, self.room = batches, asyncio.Semaphore(ahead)
        self._queue: asyncio.Queue[_Turn | None] = asyncio.Queue()
        self._next = asyncio.Lock()
        self._ended = False

    async def get(self) -> _Turn | None:
        """Wait for the next place; None behind the last one."""
        return await self._queue.get()

    async def take(self) -> tuple[_Turn, Sequence[object]] | None:
        """Take on the next batch; None when there is no more. An error in giving it has a place like an answer."""
        await self.room.acquire()
        async with self._next:
            try:
                batch = None if self._ended else await self._batches.next()
            except Exception as error:  # noqa: BLE001  # for whoever waits for answers
                self.refuse(error)
                batch = None
            if batch is not None:
                turn: _Turn = asyncio.Queue(WAITING)
                self._queue.put_nowait(turn)
                return turn, batch
            if not self._ended:
                self._ended = True
                self._queue.put_nowait(None)
        self.room.release()
        return None

    def refuse(self, error: Exception) -> None:
        """Have the work end with an error once all that comes before has its answers."""
        turn: _Turn = asyncio.Queue()
        turn.put_nowait(error)
        self._queue.put_nowait(turn)


async def _serve(member: _Member, turns: _Turns) -> None:
    """Give one member a batch after the other, and its answers a place in the order of batches."""
    asked: deque[_Turn] = deque()
    try:
        await member.opened
        while True:
            # The next one as well, if there is room for it: the member goes on without a pause.
            while not asked or (len(asked) < EACH and not turns.room.locked()):
                taken = await turns.take()
                if taken is None:
                    break
                turn, batch = taken
                asked.append(turn)
                await member.ask(framed(Kind.asked, written(batch)))
            if not asked:
                return
            while (frame := await member.answer()) is not None:
                await asked[0].put(frame)
            await asked.popleft().put(None)
    except Exception as error:  # noqa: BLE001  # for whoever waits for answers
        if asked:
            await asked[0].put(error)
        else:
            turns.refuse(error)


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
