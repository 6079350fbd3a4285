"""Terminal: chat with the bot by hand, line by line, in the place of several people."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections.abc import Callable

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.journal import Line
from tests.fakes.telegram.message import BotMessage
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.server import FakeTelegram

PORT = 8081
HELP = """\
Type a line to say it. Commands of this terminal:
  :as NAME       speak as somebody else (ann, bob)
  :in PLACE      speak somewhere else (private, group, forum, news)
  :press NUMBER  press a button of the last message that has some
  :say           show everything that was said so far
  :quit          leave (end of input does the same)
"""


class Terminal:
    """Two people, a group and a forum, played by one person at a keyboard."""

    def __init__(self, telegram: FakeTelegram, write: Callable[[str], object]) -> None:
        self._telegram, self._write = telegram, write
        self._people = {
            name.lower(): telegram.person(n, name, username=name.lower()) for n, name in enumerate(("Ann", "Bob"), 42)
        }
        people = [*self._people.values()]
        self._private = {person.id: telegram.private_chat(person) for person in people}
        self._group = telegram.group("Group", members=people)
        self._forum = telegram.group("Forum", members=people, forum=True)
        self._news = telegram.topic(self._forum, "News")
        telegram.world.updates.clear()  # the bot was not there yet
        self._who, self._place = people[0], "private"
        self._shown = len(telegram.world.journal.lines)
        self._presses: set[asyncio.Task[None]] = set()

    def welcome(self) -> None:
        """Say how to point the bot here, and what can be typed."""
        self._write(f"A stand-in for Telegram listens on {self._telegram.url}. Start the bot with:\n\n")
        self._write(f"  PALAVER_TELEGRAM__TOKEN={self._telegram.token}\n")
        self._write(f"  PALAVER_TELEGRAM__API_URL={self._telegram.url}\n\n{HELP}\n")
        self._prompt()

    async def watch(self) -> None:
        """Show what the bot does, for ever."""
        while True:
            lines = self._telegram.world.journal.lines
            for line in lines[self._shown :]:
                if line.who == self._telegram.bot.first_name:
                    self._show(line)
            self._shown = len(lines)
            await self._telegram.world.changed.wait()

    async def take(self, line: str) -> bool:
        """Do what one line asks for, and tell whether to go on."""
        verb, _, rest = line.strip().partition(" ")
        if verb == ":quit":
            return False
        if verb == ":as":
            self._become(rest.strip().lower())
        elif verb == ":in":
            self._go(rest.strip().lower())
        elif verb == ":press":
            self._press(rest.strip())
        elif verb == ":say":
            self._write(f"{self._telegram.transcript()}\n")
        elif verb.startswith(":"):
            self._write(HELP)
        elif line.strip():
            await self._say(line.rstrip("\n"))
        return True

    async def end(self) -> None:
        """Give up whatever waits for an answer."""
        for task in self._presses:
            task.cancel()
        await asyncio.gather(*self._presses, return_exceptions=True)

    @property
    def _chat(self) -> Chat:
        places = {"private": self._private[self._who.id], "group": self._group}
        return places.get(self._place, self._forum)

    async def _say(self, text: str) -> None:
        await self._telegram.say(self._who, text, chat=self._chat, topic=self._news if self._place == "news" else None)

    def _become(self, name: str) -> None:
        if name in self._people:
            self._who = self._people[name]
        self._prompt()

    def _go(self, place: str) -> None:
        if place in ("private", "group", "forum", "news"):
            self._place = place
        self._prompt()

    def _prompt(self) -> None:
        self._write(f"You are {self._who.first_name}, in: {self._place}\n")

    def _press(self, number: str) -> None:
        with_buttons = [message for message in self._telegram.messages(self._chat) if message.buttons]
        if not with_buttons or not number.isdecimal() or not 1 <= int(number) <= len(with_buttons[-1].buttons):
            self._write("There is no such button here.\n")
            return
        label = with_buttons[-1].buttons[int(number) - 1][0]
        task = asyncio.create_task(self._pressed(self._who, with_buttons[-1], label))
        self._presses.add(task)
        task.add_done_callback(self._presses.discard)

    async def _pressed(self, who: Person, message: BotMessage, label: str) -> None:
        try:
            await self._telegram.press(who, message, label, timeout=60)
        except AssertionError:
            self._write(f"Nobody answered the press of {label}.\n")

    def _show(self, line: Line) -> None:
        self._write(f"[{line.chat.title}] {line.who}: {line.what}\n")
        for number, (label, _) in enumerate(line.message.buttons if line.message else (), 1):
            self._write(f"    :press {number}  {label}\n")


def _read(lines: asyncio.Queue[str], loop: asyncio.AbstractEventLoop) -> None:
    """Hand on what is typed; a thread, as a wait for the keyboard can not be cancelled."""
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, ":quit")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


async def _main(port: int) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    async with FakeTelegram.running(port=port) as telegram:
        terminal = Terminal(telegram, _write)
        terminal.welcome()
        watching = asyncio.create_task(terminal.watch())
        threading.Thread(target=_read, args=(lines, asyncio.get_running_loop()), daemon=True).start()
        try:
            while await terminal.take(await lines.get()):
                pass
        finally:
            watching.cancel()
            await terminal.end()


def main() -> None:
    """Run until the person leaves."""
    parser = argparse.ArgumentParser(description="Chat with the bot by hand, without Telegram.")
    parser.add_argument("--port", type=int, default=PORT)
    try:
        asyncio.run(_main(parser.parse_args().port))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
