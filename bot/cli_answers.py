"""Answers: what a script is told where, and the words by which a person leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.channel import Handler, Outlet
from adapters.inbound import Inbound
from adapters.reply import Reply
from bot.commands.grammar import strip

LEAVING = ("/exit", "/quit")
Complain = Callable[[Reply], Awaitable[None]]
"""Says on standard error why a request could not be met."""


def leaving_by(handler: Handler, leave: Callable[[], object]) -> Handler:
    """Have `/exit` and `/quit` end the program, as Ctrl-D does; anything else goes on."""

    async def handle(inbound: Inbound, outlet: Outlet) -> None:
        if strip(inbound.text).lower() in LEAVING:
            leave()
        else:
            await handler(inbound, outlet)

    return handle


class Answers:
    """Hands messages on and keeps errors apart from replies, so that a script can tell them from each other."""

    def __init__(self, handler: Handler, complain: Complain) -> None:
        self._handler, self._complain = handler, complain
        self._messages = self._errors = 0

    @property
    def only_failed(self) -> bool:
        """Tell whether there was one message, and it could not be answered."""
        return self._messages == 1 and self._errors > 0

    async def handle(self, inbound: Inbound, outlet: Outlet) -> None:
        """Take one message through to its answers."""
        self._messages += 1
        await self._handler(inbound, _Apart(outlet, self._fail))

    async def _fail(self, reply: Reply) -> None:
        self._errors += 1
        await self._complain(reply)


class _Apart:
    """An outlet that lets errors go another way, but for the one that the output itself can not be written."""

    def __init__(self, outlet: Outlet, fail: Complain) -> None:
        self._outlet, self._fail = outlet, fail
        self._broken: OSError | None = None

    async def send(self, reply: Reply) -> None:
        """Write a reply, or say on standard error why there is none."""
        if self._broken is not None:
            raise self._broken  # ends the program, which an excuse would not
        await (self._fail(reply) if reply.error else self._write(self._outlet.send(reply)))

    async def feed(self, delta: str) -> None:
        """Write the next piece."""
        await self._write(self._outlet.feed(delta))

    def promise(self, reply: Reply) -> None:
        """Pass on what is to be kept."""
        self._outlet.promise(reply)

    async def finish(self, reply: Reply) -> None:
        """Write what is missing."""
        await self._write(self._outlet.finish(reply))

    async def _write(self, work: Awaitable[None]) -> None:
        try:
            await work
        except OSError as error:
            self._broken = error
            raise
