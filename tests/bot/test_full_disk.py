"""A disk that gets full while the bot runs: people are told, and with room again everything goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions import Address
from tests.bot.running import TELEGRAM_TOKEN, running
from tests.bot.test_telegram_visit import environ, playing
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram
from tests.sessions.power import SQLITE_FULL, SQLITE_OK, Disk, Event, put_in

PATIENCE = 15.0


class FullDisk(Disk):
    """A disk with room for so many more commits; None for any number."""

    def __init__(self) -> None:
        super().__init__()
        self.room: int | None = None
        self.refuse = self._refuse

    def _refuse(self, event: Event) -> int:
        if self.room is None:
            return SQLITE_OK
        if event.kind == "sync" and self.room:
            self.room -= 1
        return SQLITE_FULL if self.room == 0 and event.kind == "write" else SQLITE_OK


@pytest.fixture
def disk() -> Iterator[FullDisk]:
    disk = FullDisk()
    with put_in(disk):
        yield disk


async def test_a_reply_that_can_not_be_stored_is_held_until_it_can(tmp_path: Path, disk: FullDisk) -> None:
    """It is said once, the model is asked once, and in the end message and reply are stored once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with running(tmp_path, environ(telegram, **playing(server))):
            server.answers.append(Answer(words=["a ", "slow ", *["word "] * 8], word_delay=0.1))
            await telegram.say(ann, "a question", chat=chat)
            await telegram.until(lambda: len(telegram.drafts(chat)) > 0, timeout=PATIENCE)
            disk.room = 0
            said = await telegram.wait_for(chat, "I can not store this reply", PATIENCE)
            await asyncio.sleep(2.5)  # it is tried at least once more in vain
            assert telegram.messages(chat)[-1] == said

            disk.room = None
            await telegram.wait_for(chat, "a slow word", PATIENCE, after=said)
            asked = await telegram.say(ann, "/history", chat=chat)
            history = (await telegram.wait_for(chat, "a question", PATIENCE, after=asked)).text
            assert history.count("a question") == 1
            assert history.count("a slow word") == 1
            assert len(server.requests) == 1
            await telegram.until(lambda: telegram.pending == 0)
        shown = [message.text for message in telegram.messages(chat)]
        assert sum("can not store" in text for text in shown) == 1
        async with running(tmp_path, environ(telegram, **playing(server))):
            await telegram.wait_for(
                chat, "2 messages", PATIENCE, after=await telegram.say(ann, "/session list", chat=chat)
            )
        assert len(server.requests) == 1


async def test_a_message_whose_handling_can_not_be_stored_is_answered_with_room_again(
    tmp_path: Path, disk: FullDisk
) -> None:
    """It was taken in before the disk was full; the person is told, and is answered without a restart."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with running(tmp_path, environ(telegram)) as bot:
            await telegram.wait_for(chat, "1 message", PATIENCE, after=await telegram.say(ann, "first", chat=chat))
            while await bot.sessions.mailbox.unsent("telegram:1234"):  # noqa: ASYNC110 - nothing else tells when
                await asyncio.sleep(0.01)
            disk.room = 1  # enough for the letter
            asked = await telegram.say(ann, "second", chat=chat)
            told = await telegram.wait_for(chat, "The disk is full", PATIENCE, after=asked)
            await asyncio.sleep(2.5)
            assert telegram.messages(chat)[-1] == told

            disk.room = None
            await telegram.wait_for(chat, "Message 3", PATIENCE, after=told)
            address = Address(platform="telegram", account="1234", chat_id="42", user_id="42")
            (session,) = await bot.sessions.own_sessions(address)
            history = await bot.sessions.get_history(session.id)
            assert [message.content for message in history if message.role == "user"] == ["first", "second"]
