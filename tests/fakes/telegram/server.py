"""Server: a stand-in for api.telegram.org on 127.0.0.1."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tests.fakes.telegram.bell import Bell
from tests.fakes.telegram.endpoint import Endpoint
from tests.fakes.telegram.faults import Faults
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.message import Json
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.speech import Speech
from tests.fakes.telegram.updates import Updates
from tests.fakes.telegram.watch import Watch
from tests.fakes.telegram.webhook import Webhook
from tests.fakes.telegram.world import World

TOKEN = "1234567890:AAFakeTokenForTestsOnly-0123456789_ab"


class FakeTelegram(Speech, Watch):
    """The server with its people: they speak to the bot, and a test looks on."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.faults = Faults(world.updates)
        self.endpoint = Endpoint(world, self.faults)
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        *,
        token: str = TOKEN,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        limits_clock: Callable[[], float] = time.monotonic,
        username: str = "palaver_bot",
    ) -> AsyncIterator[FakeTelegram]:
        """Listen until the block is left; port 0 is a free one.

        Ages of updates, messages and presses go by `clock`, the speed of the bot by `limits_clock`.
        """
        changed = Bell()
        updates = Updates(clock, changed)
        world = World(
            token=token,
            bot=Person(int(token.partition(":")[0]), "Palaver", username, is_bot=True),
            clock=clock,
            limits=Limits(limits_clock),
            updates=updates,
            webhook=Webhook(updates),
            changed=changed,
        )
        server = cls(world)
        runner = web.AppRunner(server.endpoint.application(), handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield server
        finally:
            await world.webhook.set(None)
            await server.endpoint.close()
            await runner.cleanup()

    @property
    def token(self) -> str:
        """The token of the bot."""
        return self.world.token

    @property
    def bot(self) -> Person:
        """The account of the bot."""
        return self.world.bot

    @property
    def bot_to_bot(self) -> bool:
        """Whether the bot hears other bots that speak to it."""
        return self.world.bot_to_bot

    @bot_to_bot.setter
    def bot_to_bot(self, value: bool) -> None:
        self.world.bot_to_bot = value

    @property
    def calls(self) -> list[tuple[str, Json]]:
        """Every call that came in, in order: method and parameters."""
        return self.endpoint.calls

    @property
    def unknown_parameters(self) -> list[tuple[str, str]]:
        """Method and name of every parameter that the real server does not know."""
        return self.endpoint.unknown_parameters
