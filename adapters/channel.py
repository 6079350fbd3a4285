"""Channel: what every adapter is, and what it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from adapters.inbound import Inbound
from adapters.reply import Reply
from sessions.address import Address


class Outlet(Protocol):
    """Where the answers to one inbound message go."""

    async def send(self, reply: Reply) -> None:
        """Deliver a complete reply."""

    async def feed(self, delta: str) -> None:
        """Show the next piece of a reply that is still being made. The first call starts it."""

    def promise(self, reply: Reply) -> None:
        """Have what is stored next keep the end of the reply as well, for `finish` to deliver."""

    async def finish(self, reply: Reply) -> None:
        """End what `feed` began; `reply.text` is all of it, and empty when the reply is to be dropped.

        May come without any `feed`.
        """


Handler = Callable[[Inbound, Outlet], Awaitable[None]]
"""Takes one inbound message through to its answers. Never raises for what a person typed."""


class Suggestion(NamedTuple):
    """One way to complete what is being typed."""

    text: str  # replaces the word at the cursor
    hint: str = ""


Suggester = Callable[[Address, str], Awaitable[Sequence[Suggestion]]]
"""Completes a command line that is being typed: command words, ids, titles of the person's own."""


class Channel(Protocol):
    """One connection to people."""

    platform: str

    async def run(self, handler: Handler) -> None:
        """Receive and answer until the channel ends or the task is cancelled."""

    async def notify(self, address: Address, reply: Reply) -> None:
        """Say something that answers no message."""


class LastingChannel(Channel, Protocol):
    """A channel whose messages and answers are kept until they are done with."""

    def trouble(self) -> str | None:
        """Say in one word what keeps it from receiving; None while it does."""

    async def stop(self) -> None:
        """Take in nothing more; what was taken in goes on."""

    def place(self, address: Address) -> str:
        """Give the place of an address: what is said there is handled by one worker."""

    async def drain(self, seconds: float) -> None:
        """Wait so long for what goes on, then break it off; what is left is taken up at the next start."""
