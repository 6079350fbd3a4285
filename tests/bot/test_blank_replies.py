"""Replies in which there is nothing to see, on both platforms."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, running
from tests.bot.test_discord_visit import environ as discord_environ
from tests.bot.test_telegram_visit import environ as telegram_environ
from tests.bot.test_telegram_visit import playing
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram

BLANK = {
    "nothing": (),
    "white space": (" ", "\n\n"),
    "invisible": ("\u200b", "\u2060"),
    "slowly": ("\u200b",) * 12,
}


@pytest.mark.parametrize("words", BLANK.values(), ids=BLANK)
async def test_a_blank_reply_is_one_answer_on_telegram(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever the model leaves out, a person is told so, and once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        server.default = Answer(words=words, word_delay=0.1 if len(words) > 9 else 0.0)
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with running(tmp_path, telegram_environ(telegram, **playing(server))):
            await telegram.say(ann, "hello", chat=chat)
            await telegram.until(lambda: bool(telegram.messages(chat)), timeout=20)
            await asyncio.sleep(1.0)  # for a second one to come
            assert len(telegram.messages(chat)) == 1, telegram.transcript()


@pytest.mark.parametrize("words", BLANK.values(), ids=BLANK)
async def test_a_blank_reply_is_one_answer_on_discord(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever the model leaves out, a person is told so, and once."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake, ModelServer.open() as server:
        server.default = Answer(words=words, word_delay=0.1 if len(words) > 9 else 0.0)
        ann = fake.person("Ann")
        async with running(tmp_path, discord_environ(fake, **playing(server))):
            await fake.connected(timeout=10)
            await fake.say(ann, "hello", channel=fake.dm(ann))
            await fake.wait_for(fake.dm(ann), lambda _: True, timeout=20)
            await asyncio.sleep(1.0)  # for a second one to come
            assert len(fake.messages(fake.dm(ann))) == 1, fake.transcript()
