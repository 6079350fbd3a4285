"""A visit on Telegram, from the first contact to the erasure, against the stand-in for the Bot API."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.bot.archives import Archive
from tests.bot.running import TELEGRAM_TOKEN, running
from tests.bot.visit import TelegramVisitor, visit
from tests.conftest import ManualClock
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram


def environ(telegram: FakeTelegram, **more: str) -> dict[str, str]:
    """Give the settings of a bot that answers everybody on this stand-in."""
    return {
        "PALAVER_TELEGRAM__TOKEN": TELEGRAM_TOKEN,
        "PALAVER_TELEGRAM__API_URL": telegram.url,
        "PALAVER_ACCESS__MODE": "open",
        **more,
    }


def playing(server: ModelServer) -> dict[str, str]:
    """Give the settings for a model that the test plays."""
    return {
        "PALAVER_MODEL__BACKEND": "openai",
        "PALAVER_MODEL__NAME": "m",
        "PALAVER_MODEL__BASE_URL": server.openai_url,
        "PALAVER_MODEL__API_KEY": "k",
    }


async def test_a_reset_while_a_reply_streams_is_answered_at_once(tmp_path: Path) -> None:
    """/reset does not wait for the model, and nothing of the old reply is sent after its answer."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        server.default = Answer(words=["old "] * 400, word_delay=0.05)
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)

        async def ask_and_reset() -> None:
            seen = len(telegram.drafts(chat))
            await telegram.say(ann, "a question", chat=chat)
            await telegram.until(lambda: len(telegram.drafts(chat)) > seen, timeout=10)
            began = time.monotonic()
            asked = await telegram.say(ann, "/reset", chat=chat)
            fresh = await telegram.wait_for(chat, "A fresh start", timeout=10, after=asked)
            assert time.monotonic() - began < 5  # the reply would take twenty seconds; how fast is for the benchmark
            seen = len(telegram.drafts(chat))
            await asyncio.sleep(0.5)
            assert telegram.messages(chat)[-1] == fresh
            assert len(telegram.drafts(chat)) == seen

        async with running(tmp_path, environ(telegram, **playing(server))):
            for _ in range(3):
                await ask_and_reset()


async def test_a_visit(tmp_path: Path, clock: ManualClock) -> None:
    """Everything a person does, from the first contact to the erasure."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = TelegramVisitor(telegram)
        async with running(tmp_path, environ(telegram), clock=clock):
            await visit(ann, clock)
            await telegram.until(lambda: telegram.pending == 0)
        assert telegram.unknown_parameters == []
        assert telegram.limits_violations == []


async def test_nothing_to_redo_leaves_the_reply_that_streams(tmp_path: Path) -> None:
    """The answer to /redo comes at once, and the reply goes on to its end."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        server.default = Answer(words=["on "] * 30 + ["and done"], word_delay=0.05)
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with running(tmp_path, environ(telegram, **playing(server))):
            await telegram.say(ann, "a question", chat=chat)
            await telegram.until(lambda: len(telegram.drafts(chat)) > 0, timeout=10)
            asked = await telegram.say(ann, "/redo", chat=chat)
            await telegram.wait_for(chat, "There is nothing to redo", timeout=10, after=asked)
            await telegram.wait_for(chat, "and done", timeout=10)


async def test_what_is_read_in_private_names_the_group_it_is_about(tmp_path: Path) -> None:
    """An answer to a command typed in a group comes to the person, and says where its commands are to be sent."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        chat, group = telegram.private_chat(ann), telegram.group("Marquetry", members=[ann])
        async with running(tmp_path, environ(telegram)):
            await telegram.say(ann, "@palaver_bot hello", chat=group)
            await telegram.wait_for(group, "hello", timeout=10)
            await telegram.say(ann, "@palaver_bot /fork", chat=group)
            told = await telegram.wait_for(chat, "You are now in a copy", timeout=10)
            assert "Send these commands in the group" in told.text
            await telegram.say(ann, "@palaver_bot /mydata", chat=group)
            await telegram.until(lambda: any(one.document for one in telegram.messages(chat)), timeout=10)
            (file,) = [one.document for one in telegram.messages(chat) if one.document]
            assert len(Archive(file[1]).ids) == 2
