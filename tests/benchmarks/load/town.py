"""Town: the stand-in for Telegram and the people who use it, in a process of their own.

It reads orders as lines of JSON and answers each with a line: what was seen. It ends when its input ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.benchmarks.load.habits import Saying
    from tests.benchmarks.load.ledger import Ledger
    from tests.fakes.telegram.chat import Chat
    from tests.fakes.telegram.server import FakeTelegram

GROUP_OF = 5  # people in a group
IN_GROUPS = 0.1  # the share of people who talk to the bot in a group
PATIENCE = 60.0  # seconds for which an answer is waited for
QUIET = 0.5  # seconds without a call after which nothing more comes
ANSWERS = ("sendMessage", "editMessageText")
END = "”)"  # of an answer that is complete
MARK = re.compile(r"#(\d+)\.(\d+) ")
Order = dict[str, float]
Seen = dict[str, object]


class Town:
    """People by number; each has one chat with the bot."""

    def __init__(self, telegram: FakeTelegram, ledger: Ledger) -> None:
        self._telegram, self._ledger = telegram, ledger
        self._chats: list[Chat] = []
        self._answered: dict[tuple[int, int], asyncio.Future[None]] = {}
        self._heard = time.perf_counter()
        people = len(ledger.said)
        grouped = int(people * IN_GROUPS) // GROUP_OF * GROUP_OF
        self._people = [telegram.person(1_000 + number, f"P{number}") for number in range(people)]
        for first in range(0, grouped, GROUP_OF):
            members = self._people[first : first + GROUP_OF]
            self._chats += [telegram.group(f"G{first}", members=members)] * GROUP_OF
        self._chats += [telegram.private_chat(person) for person in self._people[grouped:]]

    async def do(self, order: Order) -> Seen:
        """Carry out an order, wait for the answers to all that was said, and tell what was seen."""
        began = time.perf_counter()
        if "talkers" in order:
            until = began + order["seconds"]
            await asyncio.gather(*(self._converse(person, until) for person in range(int(order["talkers"]))))
        elif "rate" in order:
            await self._speak(began, _planned(order, len(self._people)))
        elapsed = time.perf_counter() - began
        await self._settle()
        return self._seen(began, elapsed)

    async def watch(self) -> None:
        """Take notice of what the bot says, until cancelled."""
        while True:
            calls = self._telegram.calls
            now = time.perf_counter()
            for method, said in calls:
                self._heard = now
                if method in ANSWERS and END in (text := str(said["text"])) and (mark := MARK.search(text)):
                    self._hear(int(mark[1]), int(mark[2]), now)
            calls.clear()
            await self._telegram.world.changed.wait()

    def _hear(self, person: int, number: int, now: float) -> None:
        if self._ledger.answer(person, number, now) and (waiting := self._answered.pop((person, number), None)):
            waiting.set_result(None)

    async def _converse(self, person: int, until: float) -> None:
        """Say the next thing as soon as the last one is answered."""
        while (now := time.perf_counter()) < until:
            number = await self._say(person, now)
            answered = self._answered[person, number] = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(PATIENCE):
                await answered

    async def _speak(self, began: float, planned: Iterable[Saying]) -> None:
        """Say everything when it is meant to be said; what is late counts from when it was meant."""
        for saying in planned:
            moment = began + saying.at
            if (wait := moment - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            await self._say(saying.person, moment)

    async def _say(self, person: int, moment: float) -> int:
        from tests.benchmarks.workload import user

        chat, number = self._chats[person], self._ledger.say(person, moment)
        mention = "@palaver_bot " if chat.is_group else ""
        text = f"{mention}#{person}.{number} {user(number)}"
        await self._telegram.say(self._people[person], text, chat=chat)
        return number

    async def _settle(self) -> None:
        """Wait until all is answered, and whether something comes twice."""
        until = time.perf_counter() + PATIENCE
        while self._ledger.open and time.perf_counter() < until:  # noqa: ASYNC110  # a look now and then is enough
            await asyncio.sleep(0.02)
        while time.perf_counter() - self._heard < QUIET or self._telegram.pending:
            if time.perf_counter() > until + PATIENCE:
                return
            await asyncio.sleep(0.05)

    def _doubled(self) -> int:
        """Count the answers that stand in a chat although an earlier one to the same message does."""
        marks = [
            mark[0]
            for chat in {chat.id: chat for chat in self._chats}.values()
            for message in self._telegram.messages(chat)
            if END in message.text and (mark := MARK.search(message.text))
        ]
        return len(marks) - len(set(marks))

    def _seen(self, began: float, elapsed: float) -> Seen:
        from tests.benchmarks.load.ledger import spread

        entries = list(self._ledger.since(began))
        taken = [entry.seconds for entry in entries if entry.answered is not None]
        last = max((entry.answered for entry in entries if entry.answered is not None), default=began)
        return {
            "said": len(entries),
            "answered": len(taken),
            "unanswered": self._ledger.open,
            "doubled": self._doubled(),
            "disordered": self._ledger.disordered,
            "seconds": elapsed,
            "per_second": len(taken) / max(elapsed, last - began),
            **spread(taken),
            # When each thing was said and how long its answer took, for who wants the course of it.
            "course": [[round(entry.said - began, 3), round(entry.seconds, 4)] for entry in entries if entry.answered],
        }


def _planned(order: Order, people: int) -> Iterable[Saying]:
    from tests.benchmarks.load.habits import day, even, sayings

    clock = day(order["seconds"]) if order.get("day") else even
    return sayings(people, order["rate"], order["seconds"], clock=clock, seed=int(order.get("seed", 1)))


async def main(people: int) -> None:
    """Open the town, then carry out what is ordered."""
    from tests.benchmarks.load.ledger import Ledger
    from tests.bot.running import TELEGRAM_TOKEN
    from tests.fakes.telegram.server import FakeTelegram

    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ledger = Ledger.of(people)
        town = Town(telegram, ledger)
        watching = asyncio.create_task(town.watch())
        _print({"url": telegram.url})
        while line := await asyncio.to_thread(sys.stdin.readline):
            order: Order = json.loads(line)
            if order.get("polled"):
                await telegram.until(lambda: telegram.polls_open > 0, PATIENCE)
                _print({})
            elif order.get("tell"):
                _print({"said": [len(said) for said in ledger.said]})
            else:
                _print(await town.do(order))
        watching.cancel()


def _print(seen: Seen) -> None:
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    asyncio.run(main(int(sys.argv[1])))
