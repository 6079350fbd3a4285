"""The stand-in for Discord: REST and gateway on 127.0.0.1, and people who use the bot."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from aiohttp import web

from tests.fakes.discord.account_api import AccountApi
from tests.fakes.discord.body import REQUEST_BYTES
from tests.fakes.discord.channel_api import ChannelApi
from tests.fakes.discord.document import Document, integer
from tests.fakes.discord.faults import Faults
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.interaction import Interaction
from tests.fakes.discord.interaction_api import InteractionApi
from tests.fakes.discord.invocation import Installed, Invocations
from tests.fakes.discord.message import File, Message
from tests.fakes.discord.option import Value
from tests.fakes.discord.person import User
from tests.fakes.discord.ping import Ping
from tests.fakes.discord.place import Channel
from tests.fakes.discord.rate import Limiter, Rates
from tests.fakes.discord.refusal import Refused
from tests.fakes.discord.rest import BASE, Call, Front
from tests.fakes.discord.scene import Scene
from tests.fakes.discord.world import World

_LONGEST = 4000  # with Nitro; 2,000 without


class Choice(NamedTuple):
    """A completion that the bot offers."""

    name: str
    value: str | int | float


class FakeDiscord(Scene):
    """The platform, as a test holds it."""

    def __init__(
        self,
        token: str,
        clock: Callable[[], float],
        *,
        message_content: bool,
        rates: Rates,
        heartbeat: float,
        shards: int,
    ) -> None:
        super().__init__(World(token, clock, message_content=message_content))
        self.gateway = Gateway(self.world, heartbeat=heartbeat, shards=shards)
        self.faults = Faults(self.gateway)
        self.front = Front(self.world, self.faults, Limiter(rates))
        self._invocations = Invocations(self.world)
        self.api_url = self.gateway_url = ""

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        *,
        token: str = "a-token",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        message_content: bool | Literal["forbidden"] = True,
        rates: Rates = Rates(),  # noqa: B008 - it cannot be changed
        heartbeat: float = 41.25,
        shards: int = 1,
    ) -> AsyncIterator[FakeDiscord]:
        """Listen until the block is left; port 0 takes a free one."""
        content = message_content is True
        fake = cls(token, clock, message_content=content, rates=rates, heartbeat=heartbeat, shards=shards)
        runner = web.AppRunner(fake._app(), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            fake._listens_on(runner.addresses[0][1])
            yield fake
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self.front.middleware()], client_max_size=2 * REQUEST_BYTES)
        AccountApi(self.world, self.gateway).add_to(app)
        ChannelApi(self.world).add_to(app)
        InteractionApi(self.world).add_to(app)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/attachments/{channel}/{file}/{name}", self._attachment)
        return app

    def _listens_on(self, port: int) -> None:
        address = f"127.0.0.1:{port}"
        self.api_url, self.gateway_url = f"http://{address}{BASE}", f"ws://{address}/gateway"
        self.gateway.url, self.world.files_url = self.gateway_url, f"http://{address}/attachments"

    async def _attachment(self, request: web.Request) -> web.Response:
        key = integer(request.match_info["file"])
        for message in self.world.messages.get(integer(request.match_info["channel"]), {}).values():
            for file in message.files:
                if file.id == key:
                    return web.Response(body=file.content)
        raise web.HTTPNotFound

    # What people do

    async def say(
        self,
        person: User,
        text: str,
        *,
        channel: Channel,
        mention_bot: bool = False,
        reply_to: Message | None = None,
        ping: bool = True,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> Message:
        """Send a message; a reply pings whom it answers unless told not to."""
        if person not in (channel.guild.members if channel.guild else channel.people):
            raise Refused(f"{person.name} is not in {channel.title}")
        if len(text) > _LONGEST:
            raise Refused(f"nobody can send more than {_LONGEST} characters")
        content = f"{self.bot.mention} {text}" if mention_bot else text
        message = Message(self.world.ids(), channel, person, content, self.world.clock(), reply_to=reply_to)
        message.files = [File(*file, id=self.world.ids()) for file in files]
        message.mentions = [one for one in self.world.people.values() if one.mention in content]
        if reply_to and ping and reply_to.author not in message.mentions:
            message.mentions.append(reply_to.author)
        return self.world.add_message(message)

    async def edit(self, message: Message, text: str) -> None:
        """Change a message."""
        before, message.content = message.content, text
        self.world.revise(message, before)

    async def delete(self, message: Message) -> None:
        """Delete a message."""
        self.world.remove(message)

    async def slash(
        self, person: User, command: str, /, *, channel: Channel, installed_for: Installed = "guild", **options: Value
    ) -> Interaction:
        """Use a native command, like `"checkpoint save"`, with typed options."""
        return self._invocations.command(person, command, channel, installed_for, options)

    async def autocomplete(
        self,
        person: User,
        command: str,
        option: str,
        typed: str,
        /,
        *,
        channel: Channel,
        installed_for: Installed = "guild",
        **others: Value,
    ) -> list[Choice]:
        """Give the completions that the bot offers for what was typed into an option so far."""
        values = {**others, option: typed}
        interaction = self._invocations.command(person, command, channel, installed_for, values, focused=option)
        answer = await interaction.answered()
        return [Choice(choice["name"], choice["value"]) for choice in answer.choices or ()]

    async def press(self, person: User, message: Message, label: str) -> Interaction:
        """Press a button of the bot, named by its label or its custom id."""
        return self._invocations.press(person, message, label)

    async def choose(self, person: User, message: Message, value: str) -> Interaction:
        """Choose from a menu of the bot."""
        return self._invocations.choose(person, message, value)

    async def submit(self, person: User, interaction: Interaction, **values: str) -> Interaction:
        """Fill in the dialogue that the bot answered with."""
        return self._invocations.submit(person, interaction, values)

    # What can be seen

    @property
    def commands(self) -> dict[int, list[Document]]:
        """The commands as the bot registered them: by server, 0 is everywhere."""
        return self.world.commands.places()

    @property
    def calls(self) -> list[Call]:
        """Every request of the bot."""
        return self.front.calls

    @property
    def pings(self) -> list[Ping]:
        """Who would have been pinged by the bot."""
        return self.world.pings

    def typing(self, channel: Channel) -> int:
        """Count how often the bot was seen typing."""
        return sum(1 for one in self.world.typed if one is channel)

    def messages(self, channel: Channel, viewer: User | None = None) -> list[Message]:
        """Give what the bot shows in a channel: to this viewer, or all that it shows to anybody."""
        return list(self.world.visible(channel, viewer))

    async def wait_for(
        self,
        channel: Channel,
        wanted: str | Callable[[Message], bool],
        *,
        viewer: User | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109 - the patience of a test
    ) -> Message:
        """Wait until the bot shows a message with this in its text, or one that the test accepts."""

        def look() -> Message | None:
            fits = (lambda one: wanted in one.content) if isinstance(wanted, str) else wanted
            return next((one for one in self.messages(channel, viewer) if fits(one)), None)

        return await self.world.chronicle.until(look, timeout, f"{wanted!r} in {channel.title}")

    async def connected(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - the patience of a test
        """Wait until the bot has a session on the gateway."""
        await self.world.chronicle.until(lambda: self.gateway.connected() or None, timeout, "the bot to connect")

    def transcript(self) -> str:
        """Write down what everybody saw and did."""
        return self.world.chronicle.transcript()
