"""Many people on both platforms say and command at random, in direct chats and groups: nobody sees another's words.

Every word that is typed is a new one. In a group only words may be shown that were typed in that group, where everybody
has seen them; in a direct chat only those that its person has typed somewhere. The reply of the echo model quotes the
oldest message it was sent, so a conversation that holds what it should not tells it.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.bot.archives import words_of
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

WORD = re.compile(r"\bw[0-9]{6}\b")
COMMANDS = (
    "/history", "/history 50", "/session", "/session list", "/session why", "/new {new}", "/reset", "/undo", "/redo",
    "/session title {new}", "/session tag {new}", '/checkpoint save "{new}" {new}', "/checkpoint list",
    "/checkpoint restore 1", "/checkpoint restore {other}", "/fork {new}", "/resume", "/resume {other}",
    "/session switch 2", "/session switch {id}", "/session delete {id}", "/history search {other}",
    "/history search w", "/history export", "/history export json", "/history clear", "/context", "/usage", "/mydata",
    "/whoami", "/retry", "/help", "/link {other}", "/incognito on", "/incognito off", "/pair approve {other}",
    "yes", "no",
)  # fmt: skip


@dataclass
class Place:
    """A chat as people see it: who typed what there, and all that the bot has shown there."""

    name: str
    private_to: str | None
    typed: set[str] = field(default_factory=set)


class Crowd:
    """All the people, and all their chats."""

    def __init__(self, telegram: FakeTelegram, fake: FakeDiscord, seed: int) -> None:
        self._telegram, self._fake, self._random = telegram, fake, random.Random(seed)
        self._count = 0
        self._words: list[str] = []
        self._typed: dict[str, set[str]] = {}
        self.places: dict[str, Place] = {}
        self._chats: list[tuple[str, str, Any, Any]] = []
        self._settle(telegram, fake)

    def _settle(self, telegram: FakeTelegram, fake: FakeDiscord) -> None:
        # The same numbers on both platforms, where that can be: they are other people.
        here = [telegram.person(100 + number, f"T{number}") for number in range(4)]
        there = [fake.person(f"D{number}") for number in range(4)]
        groups = [telegram.group(f"G{number}", members=here[number : number + 3]) for number in range(2)]
        forum = telegram.group("F", members=here, forum=True)
        topics = [telegram.topic(forum, name) for name in ("news", "talk")]
        guild = fake.guild("Club", members=there)
        channels = [fake.channel(guild, name) for name in ("general", "random")]
        for person in here:
            self._add(f"t{person.id}", f"tdm{person.id}", person, (telegram.private_chat(person), None), private=True)
        for number, group in enumerate(groups):
            for person in here[number : number + 3]:
                self._add(f"t{person.id}", f"tg{group.id}", person, (group, None))
        for topic in topics:
            for person in here:
                self._add(f"t{person.id}", f"tf{topic}", person, (forum, topic))
        for user in there:
            self._add(f"d{user.id}", f"ddm{user.id}", user, fake.dm(user), private=True)
            for channel in channels:
                self._add(f"d{user.id}", f"dc{channel.id}", user, channel)

    def _add(self, person: str, place: str, who: Any, where: Any, *, private: bool = False) -> None:  # noqa: ANN401
        self._chats.append((person, place, who, where))
        self.places.setdefault(place, Place(place, person if private else None))

    def _new(self) -> str:
        self._count += 1
        word = f"w{self._count:06}"
        self._words.append(word)
        return word

    def _line(self, ids: list[str]) -> str:
        if self._random.random() < 0.45:
            return f"say {self._new()}"
        other = self._random.choice(self._words) if self._words else "w"
        line = self._random.choice(COMMANDS)
        while "{new}" in line:
            line = line.replace("{new}", self._new(), 1)
        return line.replace("{other}", other).replace("{id}", self._random.choice(ids) if ids else "abcdefghijkl")

    async def step(self, ids: list[str]) -> None:
        """Let somebody type something somewhere."""
        person, place, who, where = self._random.choice(self._chats)
        line = self._line(ids)
        self.places[place].typed |= set(WORD.findall(line))
        self._typed.setdefault(person, set()).update(WORD.findall(line))
        if person.startswith("t"):
            chat, topic = where
            text = line if self.places[place].private_to else _addressed(line)
            await self._telegram.say(who, text, chat=chat, topic=topic)
        else:
            mention = self.places[place].private_to is None
            await self._fake.say(who, line, channel=where, mention_bot=mention)

    def leaks(self) -> list[str]:
        """Give what was shown where it should not be."""
        found = []
        for place, shown in self._shown():
            allowed = place.typed if place.private_to is None else self._typed.get(place.private_to, set())
            found += [f"{word} in {place.name}" for word in set(WORD.findall(shown)) - allowed]
        return found

    def _shown(self) -> Iterable[tuple[Place, str]]:
        for _, name, _, where in self._chats:
            place = self.places[name]
            if name.startswith("t"):
                chat, topic = where
                for message in self._telegram.messages(chat):
                    if topic is None or message.thread_id == topic:
                        document = words_of(message.document[1]) if message.document else ""
                        yield place, " ".join((message.text, *message.edits, document))
                if topic is None:
                    yield place, " ".join(self._telegram.drafts(chat))
            else:
                for posted in self._fake.messages(where):
                    if posted.ephemeral_for is None:
                        files = " ".join(words_of(file.content) for file in posted.files)
                        yield place, f"{posted.content} {files}"


def _addressed(line: str) -> str:
    """Write a line so that a bot in a group takes it for meant."""
    if not line.startswith("/"):
        return f"@palaver_bot {line}"
    word, _, rest = line.partition(" ")
    return f"{word}@palaver_bot {rest}".strip()


async def _live(tmp_path: Path, *, seed: int, steps: int) -> None:
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        crowd = Crowd(telegram, fake, seed)
        environ = {**on_telegram(telegram), **on_discord(fake), "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
        async with running(tmp_path / "home", environ, paced=False) as bot:
            await fake.connected(timeout=10)
            ids: list[str] = []
            for number in range(steps):
                await crowd.step(ids)
                if number % 10 == 0:
                    await asyncio.sleep(0.05)
                    rows = await bot.sessions._store.sessions_after(0, 1000)
                    ids = [row.id for row in rows]
            await telegram.until(lambda: telegram.pending == 0, timeout=30)
            await asyncio.sleep(1)
            assert crowd.leaks() == []
            assert len(ids) > 20
            assert await bot.sessions.verify() == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_nobody_is_shown_anothers_words(tmp_path: Path, seed: int) -> None:
    """400 random lines of eight people in direct chats, groups, topics and servers."""
    await _live(tmp_path, seed=seed, steps=400)


@pytest.mark.soak
async def test_nobody_is_shown_anothers_words_in_a_long_time(tmp_path: Path) -> None:
    """20,000 random lines."""
    for seed in range(10):
        await _live(tmp_path / str(seed), seed=100 + seed, steps=2_000)
