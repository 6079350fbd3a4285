"""A stage: the real channel on a store of its own, before the stand-in for Discord."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.channel import Outlet, Suggestion
from adapters.discord.channel import DiscordChannel
from adapters.inbound import Inbound
from adapters.menu import MenuCommand, MenuOption, OptionKind
from adapters.reply import Reply
from sessions.address import Address
from sessions.manager import SessionManager
from tests.fakes.discord.server import FakeDiscord

KEY = bytes(range(32))
Answer = Callable[[Inbound, Outlet], Awaitable[None]]
MENU = (
    MenuCommand(path=("new",), summary="Begin a new conversation"),
    MenuCommand(
        path=("session", "switch"),
        summary="Go on with another conversation",
        options=(
            MenuOption(name="count", summary="How many", kind=OptionKind.INTEGER, minimum=1, maximum=50),
            MenuOption(name="which", summary="Its title", kind=OptionKind.SUGGESTED, required=True),
        ),
        private=True,
    ),
    MenuCommand(
        path=("history", "export"),
        summary="Have everything as a file",
        options=(MenuOption(name="format", summary="Which", kind=OptionKind.CHOICE, choices=("markdown", "json")),),
    ),
    MenuCommand(path=("keys",), summary="Look at the keys", operators_only=True),
)


async def echo(inbound: Inbound, outlet: Outlet) -> None:
    """Say again what was said; a few words bring about something else."""
    text = inbound.text
    if inbound.call is not None:
        text = f"{' '.join(inbound.call.path)} {dict(inbound.call.options)}"
    if inbound.edits is not None:
        text = f"edit of {inbound.edits}: {text}"
    await outlet.send(Reply(text=f"re: {text}"))


async def nothing_to_complete(address: Address, line: str) -> Sequence[Suggestion]:
    return ()


async def everybody(address: Address) -> bool:
    return True


class Stage:
    """A channel at work; `heard` is what its handler was given."""

    def __init__(self, channel: DiscordChannel, running: asyncio.Task[None], heard: list[Inbound]) -> None:
        self.channel, self.running, self.heard = channel, running, heard

    async def stop(self) -> None:
        await self.channel.stop()
        await self.channel.drain(5)
        await asyncio.wait_for(self.running, 5)


@asynccontextmanager
async def playing(
    fake: FakeDiscord,
    sessions: SessionManager,
    answer: Answer = echo,
    *,
    clock: Callable[[], float] | None = None,
    always: Collection[str] = (),
    suggester: Callable[[Address, str], Awaitable[Sequence[Suggestion]]] = nothing_to_complete,
    menu: Sequence[MenuCommand] = MENU,
    token: str | None = None,
    knows: Callable[[Address], Awaitable[bool]] = everybody,
    channel: DiscordChannel | None = None,
    through_gateway: bool = True,
) -> AsyncIterator[Stage]:
    """Run a channel until the block is left; leaving it is as abrupt as being cancelled."""
    heard: list[Inbound] = []

    async def handler(inbound: Inbound, outlet: Outlet) -> None:
        heard.append(inbound)
        await answer(inbound, outlet)

    if channel is None:
        channel = DiscordChannel(
            token=token or fake.world.token,
            sessions=sessions,
            menu=menu,
            suggester=suggester,
            api_url=fake.api_url,
            gateway_url=fake.gateway_url if through_gateway else None,
            always=always,
            knows=knows,
            clock=clock or fake.world.clock,
        )
    running = asyncio.create_task(channel.run(handler))
    try:
        connected = asyncio.create_task(fake.connected())
        await asyncio.wait({connected, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            connected.cancel()
            running.result()
        await connected
        yield Stage(channel, running, heard)
        assert fake.pings == []
    finally:
        running.cancel()
        await asyncio.wait({running})


def opened(path: Path | None = None, clock: Callable[[], float] = time.time) -> SessionManager:
    """Describe a manager, on disk or in memory."""
    return SessionManager.open(db_path=path, encryption_key=KEY, clock=clock)


async def eventually(look: Callable[[], bool], what: str, seconds: float = 5.0) -> None:
    """Wait until something holds."""
    for _ in range(int(seconds / 0.02)):
        if look():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")
