"""PipeChannel: one message per line in, plain replies out, so that a conversation can be scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapters.channel import Handler
from adapters.console.descriptors import Line, LineReader, Writer
from adapters.console.exports import write_document
from adapters.console.plain import plain
from adapters.inbound import Inbound
from adapters.reply import Reply
from sessions.address import Address
from sessions.message import MAX_CONTENT


class PipeChannel:
    """Standard input and output, or whichever descriptors are given.

    A line is answered before the next one is read. Nothing but replies is written to `output`;
    notices go to `errors`. With `neutral`, for an output that is a terminal, control characters are
    taken out.
    """

    platform = "console"

    def __init__(
        self,
        address: Address,
        *,
        exports: Path,
        opening: str | None = None,
        source: int = 0,
        output: int = 1,
        errors: int = 2,
        neutral: bool = False,
    ) -> None:
        self._address, self._exports, self._opening = address, exports, opening
        self._lines = LineReader(source, limit=MAX_CONTENT)
        self._output, self._errors = Writer(output), Writer(errors)
        self._clean: Callable[[str], str] = plain if neutral else str
        self._gone = False
        self._running: asyncio.Task[None] | None = None

    async def run(self, handler: Handler) -> None:
        """Answer the opening, then line after line, until the input ends or nobody reads any more."""
        if self._opening is not None:
            await self._answer(handler, self._opening)
        if self._gone:
            return
        async for line in self._lines.lines():
            if not line.whole:
                await self.put(f"{_too_long(line)}\n")
            elif line.text.strip():
                await self._answer(handler, line.text)
            if self._gone:
                return

    async def notify(self, address: Address, reply: Reply) -> None:
        """Say something that answers no message."""
        with suppress(OSError):
            await self._errors.write(f"{plain(reply.text)}\n")

    async def _answer(self, handler: Handler, text: str) -> None:
        outlet = PipeOutlet(self, self._exports)
        self._running = task = asyncio.ensure_future(_run(handler, Inbound(address=self._address, text=text), outlet))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        if not task.cancelled():
            task.result()

    async def put(self, text: str) -> None:
        """Write to the output. When nobody reads any more, the reply is broken off instead."""
        if self._gone:
            return
        try:
            await self._output.write(self._clean(text))
        except BrokenPipeError:
            self._gone = True
            if self._running is not None:
                self._running.cancel()


class PipeOutlet:
    """Replies as they are, each ended by a line feed."""

    def __init__(self, channel: PipeChannel, exports: Path) -> None:
        self._channel, self._exports = channel, exports
        self._fed = ""

    async def send(self, reply: Reply) -> None:
        """Write a reply, and the path of the file that goes with it."""
        lines = [reply.text.rstrip("\n")] if reply.text else []
        if reply.document is not None:
            try:
                lines.append(str(write_document(self._exports, reply.document)))
            except OSError as error:
                lines.append(f"The file could not be written to {self._exports}: {error.strerror}.")
        await self._channel.put("".join(f"{line}\n" for line in lines))

    async def feed(self, delta: str) -> None:
        """Write the next piece at once."""
        self._fed += delta
        await self._channel.put(delta)

    def promise(self, reply: Reply) -> None:
        """Keep nothing: what is said here is shown at once or not at all."""

    async def finish(self, reply: Reply) -> None:
        """Write what is missing, and the end of the line."""
        rest = reply.text.removeprefix(self._fed) if reply.text.startswith(self._fed) else ""
        end = "" if (self._fed + rest).endswith("\n") else "\n"
        self._fed = ""
        await self._channel.put(rest + end)


async def _run(handler: Handler, inbound: Inbound, outlet: PipeOutlet) -> None:
    await handler(inbound, outlet)


def _too_long(line: Line) -> str:
    return f"This line has {line.size:,} bytes; a message has at most {MAX_CONTENT:,}. It was left out."
