"""CrewMember: the program of a process that reads the store for a crew, until nobody asks any more."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import IO, cast

from bot.operations import reading
from bot.operator.crew import Duty
from bot.operator.frames import Kind, framed, next_frame, value_in, written
from bot.shell import settings_for
from bot.startup import exit_code
from config.errors import SettingsError
from sessions.errors import SessionError
from sessions.manager import SessionManager

COLLECT = 100_000  # new objects between two looks for rings of them; of those that stay there are few
SOON, MUCH = 0.05, 1 << 18  # seconds that an answer waits for others, and bytes that do


def main() -> int:
    """Answer what comes on standard input; nothing but answers goes to what was standard output."""
    gc.freeze()
    gc.set_threshold(COLLECT)
    with os.fdopen(os.dup(1), "wb") as out, os.fdopen(os.dup(0), "rb") as asked:
        os.dup2(2, 1)
        with suppress(BrokenPipeError):  # nobody listens any more
            asyncio.run(_serve(asked, out))
        with suppress(BrokenPipeError):
            out.close()
    return 0


async def _serve(asked: IO[bytes], out: IO[bytes]) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), asked
    )
    questions: asyncio.Queue[bytes] = asyncio.Queue()
    opened = asyncio.Event()
    listening = asyncio.create_task(_listen(reader, questions, opened))
    working = asyncio.create_task(_work(questions, opened, out))
    await asyncio.wait([listening, working], return_when=asyncio.FIRST_COMPLETED)
    unwanted = listening.done()  # then nobody is there to be told what becomes of the work
    for task in (listening, working):
        task.cancel()
    *_, end = await asyncio.gather(listening, working, return_exceptions=True)
    transport.close()
    if isinstance(end, Exception) and not unwanted:
        raise end


async def _listen(reader: asyncio.StreamReader, questions: asyncio.Queue[bytes], opened: asyncio.Event) -> None:
    """Take in questions; comes to its end when the one who asks does, also in the middle of a long answer."""
    begun = False
    while (frame := await next_frame(reader)) is not None:
        begun = True
        questions.put_nowait(frame[1])
    if begun:
        await opened.wait()  # a store is not left half open


async def _work(questions: asyncio.Queue[bytes], opened: asyncio.Event, out: IO[bytes]) -> None:
    try:
        duty = value_in(await questions.get())
        if not isinstance(duty, Duty):
            raise TypeError("a crew says first what is to be done")
        async with reading(settings_for(home=duty.home, config_file=duty.config_file)) as sessions:
            opened.set()
            _say(out, Kind.done)
            while True:
                await _answer(duty, sessions, cast("Sequence[object]", value_in(await questions.get())), out)
    except SettingsError as error:
        _say(out, Kind.failed, written(("\n".join(error.problems), int(exit_code(error)))))
    except SessionError as error:
        _say(out, Kind.failed, written((str(error), int(exit_code(error)))))


async def _answer(duty: Duty, sessions: SessionManager, batch: Sequence[object], out: IO[bytes]) -> None:
    """Work a batch through; answers go out some together, but each soon."""
    answers: list[bytes] = []
    size, said = 0, time.monotonic()
    try:
        async with aclosing(duty.work(sessions, batch)) as found:
            async for answer in found:
                answers.append(written(answer))
                size += len(answers[-1])
                if size > MUCH or time.monotonic() - said > SOON:
                    _say(out, Kind.answers, *answers)
                    answers, size, said = [], 0, time.monotonic()
    except SessionError:  # what came before it counts, and is told first
        _say(out, Kind.answers, *answers)
        raise
    _say(out, Kind.answers, *answers)
    _say(out, Kind.done)


def _say(out: IO[bytes], kind: Kind, *values: bytes) -> None:
    out.write(framed(kind, *values))
    out.flush()
