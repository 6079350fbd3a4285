"""Chatting by hand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import discord
from discord import app_commands

from tests.fakes.discord.command_line import parsed, usages
from tests.fakes.discord.document import Document
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.terminal import Terminal
from tests.fakes.discord.visitor import visiting

ROOT = Path(__file__).parents[3]


def test_a_command_is_read_with_options_by_name_and_by_order() -> None:
    """Options can be named or follow in order; the last takes the rest of the line."""
    options: list[Document] = [{"name": "count", "type": 4, "required": True}, {"name": "title", "type": 3}]
    commands: list[Document] = [{"name": "a", "options": [{"name": "b", "type": 1, "options": options}]}]
    assert parsed("/a b 3 two words", commands) == ("a b", {"count": 3, "title": "two words"})
    assert parsed("/a b title='x y' count=1", commands) == ("a b", {"count": 1, "title": "x y"})
    assert usages(commands) == ["/a b count [title]"]


class Screen:
    """What was written."""

    def __init__(self) -> None:
        self.text = ""
        self._more: asyncio.Queue[str] = asyncio.Queue()

    def write(self, text: str) -> None:
        self._more.put_nowait(text)
        self.text += f"{text}\n"

    async def until(self, wanted: str) -> None:
        """Wait until something was written."""
        async with asyncio.timeout(5):
            while wanted not in self.text:
                await self._more.get()


async def test_a_person_talks_uses_a_command_and_presses_a_button() -> None:
    """What is typed reaches the bot, and what the bot shows is written, private answers marked and buttons numbered."""
    screen = Screen()
    async with FakeDiscord.running() as fake:
        terminal = Terminal(fake, screen.write)
        terminal.greet()
        showing = asyncio.create_task(terminal.show())
        async with visiting(fake) as bot:

            @app_commands.command(name="hello", description="Say hello")
            async def hello(use: discord.Interaction, name: str) -> None:
                view = discord.ui.View(timeout=None)
                view.add_item(discord.ui.Button(label="Wave", custom_id="wave"))
                await use.response.send_message(f"hello {name}", ephemeral=True, view=view)

            bot.tree.add_command(hello)
            await bot.tree.sync()
            await terminal.take("hi @bot")
            assert (await bot.hears()).content == f"hi {fake.bot.mention}"
            await terminal.take("/hello world")
            shown = await fake.wait_for(terminal.channel, "hello world", viewer=terminal.person)
            await screen.until("1: [Wave]")
            await terminal.take(":press 1")
            await screen.until("(presses [Wave])")
            await terminal.take(":press 7")
            await terminal.take("/unknown")
            for order in (":as bob", ":in dm", ":in general/topic", ":in general", ":commands", ":reply ok", ":help"):
                assert await terminal.take(order)
            assert not await terminal.take(":quit")
        showing.cancel()
    text = screen.text
    assert "[#general] Palaver (only you see this): hello world [Wave]\n    1: [Wave]" in text
    assert "[#general] ann (only you see this): (presses [Wave])" in text
    assert "! there is no button '7'" in text
    assert "You are bob in #general/topic." in text
    assert "/hello name" in text
    assert shown.ephemeral_for is not None


def test_it_can_be_started() -> None:
    """The program tells the settings for the bot, and ends with the input."""
    command = [
        sys.executable,
        "-c",
        "import asyncio; from tests.fakes.discord.terminal import main; asyncio.run(main(0))",
    ]
    done = subprocess.run(command, cwd=ROOT, input=":quit\n", capture_output=True, text=True, timeout=30, check=True)
    assert "PALAVER_DISCORD__API_URL=http://127.0.0.1:" in done.stdout
    assert done.stderr == ""
