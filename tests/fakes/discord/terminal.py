"""Chat with the bot by hand: `python -m tests.fakes.discord.terminal`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from tests.fakes.discord.chronicle import Entry
from tests.fakes.discord.command_line import parsed, usages
from tests.fakes.discord.message import Button, Message
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel
from tests.fakes.discord.refusal import Refused
from tests.fakes.discord.server import FakeDiscord

PORT, TOKEN = 8082, "a-token-for-the-fake"
HELP = """\
text                   say something; @bot mentions the bot
/command options       use a native command; :commands lists them
:as NAME               be somebody else (a new name makes a new person)
:in PLACE              go to general, another channel, channel/thread, or dm
:press NUMBER          press a button        :choose VALUE    choose from the last menu
:reply TEXT            answer the bot's last message
:edit TEXT, :delete    change or take back what you said last
:complete COMMAND OPTION TYPED    see the bot's completions
:cut, :reconnect, :invalidate     disturb the gateway
:quit                  leave"""


class Terminal:
    """One person's client at a time, in text."""

    def __init__(self, fake: FakeDiscord, write: Callable[[str], None]) -> None:
        self._fake, self._write = fake, write
        self._guild = fake.guild("Club")
        self._people: dict[str, User] = {}
        self._buttons: list[tuple[Message, Button]] = []
        self._said: Message | None = None
        self.person = self._somebody("ann")
        self.channel = fake.channel(self._guild, "general")

    def greet(self) -> None:
        """Say how the bot gets here, and what can be typed."""
        fake, prefix = self._fake, "PALAVER_DISCORD__"
        settings = {"TOKEN": fake.world.token, "API_URL": fake.api_url, "GATEWAY_URL": fake.gateway_url}
        self._write("Start the bot with these settings:")
        self._write("  " + " ".join(f"{prefix}{name}={value}" for name, value in settings.items()))
        self._write(f"{HELP}\n{self.place}")

    @property
    def place(self) -> str:
        """Who and where one is."""
        return f"You are {self.person.name} in {self.channel.title}."

    async def show(self) -> None:
        """Write what happens, as it happens."""
        count = 0
        while True:
            for entry in await self._fake.world.chronicle.next_after(count):
                count += 1
                if entry.only in (None, self.person):
                    self._write(self._line(entry))

    def _line(self, entry: Entry) -> str:
        private = " (only you see this)" if entry.only else ""
        numbers = ""
        if entry.message and entry.message.author is self._fake.bot and not entry.message.deleted:
            for button in entry.message.buttons:
                self._buttons.append((entry.message, button))
                numbers += f"\n    {len(self._buttons)}: [{button.label}]"
        return f"[{entry.channel.title}] {entry.who.name}{private}: {entry.text}{numbers}"

    async def take(self, line: str) -> bool:
        """Do what a line says, and tell whether there may be another."""
        try:
            if line.startswith("/"):
                command = parsed(line, self._commands())
                await self._fake.slash(self.person, command.words, channel=self.channel, **command.options)  # type: ignore[arg-type]
            elif line.startswith(":"):
                return await self._order(*line[1:].partition(" ")[::2])
            elif line.strip():
                self._said = await self._fake.say(self.person, self._spelled(line), channel=self.channel)
        except (Refused, AssertionError) as refused:
            self._write(f"! {refused}")
        return True

    async def _order(self, name: str, rest: str) -> bool:
        faults = self._fake.faults
        orders: dict[str, Callable[[], None]] = {
            "as": lambda: self._become(rest),
            "in": lambda: self._go(rest),
            "commands": lambda: self._write("\n".join(usages(self._commands())) or "none yet"),
            "cut": faults.cut_gateway,
            "reconnect": faults.reconnect,
            "invalidate": faults.invalidate,
            "help": lambda: self._write(HELP),
        }
        if name in orders:
            orders[name]()
        elif name != "quit":
            await self._act(name, rest)
        return name != "quit"

    async def _act(self, name: str, rest: str) -> None:
        fake, last = self._fake, self._last_shown()
        if name == "press":
            message, button = self._numbered(rest)
            await fake.press(self.person, message, button.custom_id)
        elif name == "choose" and last:
            await fake.choose(self.person, last, rest)
        elif name == "reply" and last:
            self._said = await fake.say(self.person, self._spelled(rest), channel=self.channel, reply_to=last)
        elif name == "edit" and self._said:
            await fake.edit(self._said, rest)
        elif name == "delete" and self._said:
            await fake.delete(self._said)
        elif name == "complete":
            await self._complete(rest)
        else:
            self._write("! That is not possible now; :help lists what is.")

    async def _complete(self, rest: str) -> None:
        *words, option, typed = rest.split(" ")
        choices = await self._fake.autocomplete(self.person, " ".join(words), option, typed, channel=self.channel)
        self._write(", ".join(choice.name for choice in choices) or "no completions")

    def _commands(self) -> list[dict[str, object]]:
        return [*self._fake.commands.get(self._guild.id, []), *self._fake.commands[0]]

    def _numbered(self, text: str) -> tuple[Message, Button]:
        if not text.isdigit() or not 0 < int(text) <= len(self._buttons):
            raise Refused(f"there is no button {text!r}")
        return self._buttons[int(text) - 1]

    def _last_shown(self) -> Message | None:
        return next(iter(reversed(self._fake.messages(self.channel, self.person))), None)

    def _spelled(self, text: str) -> str:
        return text.replace("@bot", self._fake.bot.mention)

    def _somebody(self, name: str) -> User:
        if name not in self._people:
            self._people[name] = self._fake.person(name)
            self._guild.members.append(self._people[name])
        return self._people[name]

    def _become(self, name: str) -> None:
        self.person = self._somebody(name or "ann")
        if self.channel.guild is None:
            self.channel = self._fake.dm(self.person)
        self._write(self.place)

    def _go(self, place: str) -> None:
        name, _, topic = place.removeprefix("#").partition("/")
        if name == "dm":
            self.channel = self._fake.dm(self.person)
        else:
            channel = self._find(name) or self._fake.channel(self._guild, name or "general")
            thread = topic and (self._find(topic, channel) or self._fake.thread(channel, topic, owner=self.person))
            self.channel = thread or channel
        self._write(self.place)

    def _find(self, name: str, parent: Channel | None = None) -> Channel | None:
        return next((one for one in self._guild.channels if (one.name, one.parent) == (name, parent)), None)


async def lines(terminal: Terminal) -> AsyncIterator[str]:
    """Read lines from a person, or from whatever is piped in."""
    if not sys.stdin.isatty():
        while line := await asyncio.to_thread(sys.stdin.readline):
            yield line.rstrip("\n")
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    session: PromptSession[str] = PromptSession()
    with patch_stdout(), suppress(EOFError, KeyboardInterrupt):
        while True:
            yield await session.prompt_async(lambda: f"{terminal.person.name} {terminal.channel.title}> ")


def write(text: str) -> None:
    """Write a line to the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(port: int = PORT) -> None:
    """Run the fake, and be its people, until told to leave."""
    async with FakeDiscord.running(token=TOKEN, port=port) as fake:
        terminal = Terminal(fake, write)
        terminal.greet()
        showing = asyncio.create_task(terminal.show())
        try:
            async for line in lines(terminal):
                if not await terminal.take(line):
                    break
        finally:
            showing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
