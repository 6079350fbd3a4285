"""Who one is: the same number on another platform, or before another bot account, is somebody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sessions import Address
from tests.bot.asking import Asker, OnDiscord, OnTelegram
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, Bot, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.fakes.discord.person import User
from tests.fakes.discord.place import DIRECT, Channel
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

OTHER_TOKEN = "5678:AAF-zyxwvutsrqponmlkjihgfedcba98765"
FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
ASKED = (
    "/history", "/session", "/session list", "/history search word", "/mydata", "/session why", "/history export",
    "/resume Rome", "/resume {id}", "/session switch {id}", "/session delete {id}", "/session title Own",
    "/checkpoint list", "/checkpoint restore early", "/checkpoint restore {checkpoint}", "/undo", "/redo", "/fork",
    "/context", "/usage",
)  # fmt: skip

NOTHING = re.compile(r"There is no (conversation|checkpoint) \S+\.")  # says again what was asked for


async def furnish(ann: Asker, bot: Bot) -> list[str]:
    """Let Ann have a conversation with a title and a checkpoint; give the commands that ask for it."""
    await ann.asks("the word is teal")
    await ann.asks("/session title Rome")
    await ann.asks('/checkpoint save "early"')
    session = re.findall(r"\b[a-z2-7]{12}\b", (await ann.asks("/session list")).text)[-1]
    (checkpoint,) = await bot.sessions.list_checkpoints(session)
    return [line.format(id=session, checkpoint=checkpoint.id) for line in ASKED]


async def finds_nothing(somebody: Asker, lines: Sequence[str]) -> None:
    """Ask for everything there is, and see nothing of the other conversation."""
    for line in lines:
        await somebody.asks(line)
    await somebody.asks("/session title Enough")
    await somebody.hears("Enough")
    told = NOTHING.sub("", somebody.everything().replace("`", ""))
    assert [word for word in ("teal", "Rome", "early") if word in told] == [], told


@asynccontextmanager
async def before(telegram: FakeTelegram, tmp_path: Path, **more: str) -> AsyncIterator[tuple[Asker, Bot]]:
    """Run the bot of this server on the one store, with Ann in her direct chat."""
    settings = {**on_telegram(telegram), "PALAVER_TELEGRAM__TOKEN": telegram.token, **FAST, **more}
    person = telegram.person(42, "Ann")
    chat = telegram.world.chats.get(42) or telegram.private_chat(person)
    async with running(tmp_path, settings, paced=False) as bot:
        yield OnTelegram(telegram, person, chat), bot


@pytest.mark.parametrize("scope", ["per-channel-peer", "per-peer", "per-channel"])
async def test_two_bots_on_one_store_know_nothing_of_each_other(tmp_path: Path, scope: str) -> None:
    """The same person in the same chat with another token begins anew; back at the first, everything is there."""
    shared = {"PALAVER_SESSIONS__SCOPE": scope}
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as first,
        FakeTelegram.running(token=OTHER_TOKEN, username="other_bot") as second,
    ):
        async with before(first, tmp_path, **shared) as (ann, bot):
            lines = await furnish(ann, bot)
        async with before(second, tmp_path, **shared) as (ann, bot):
            await finds_nothing(ann, lines)
            assert "Message 1 of this conversation" in (await ann.asks("and amber")).text
        async with before(first, tmp_path, **shared) as (ann, bot):
            assert "teal" in (await ann.asks("/history")).text
            assert "Back at checkpoint" in (await ann.asks("/checkpoint restore early")).text
            assert "amber" not in ann.everything()
            assert await bot.sessions.verify() == []


async def test_an_answer_in_the_post_waits_for_its_own_bot(tmp_path: Path) -> None:
    """What one account could not send is not sent by another; it is by its own, at its next start."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as first,
        FakeTelegram.running(token=OTHER_TOKEN, username="other_bot") as second,
    ):
        async with before(first, tmp_path):
            chat = first.world.chats[42]
            first.faults.fail("sendMessage", 500, times=100)
            await first.say(first.world.people[42], "the word is teal", chat=chat)
            await first.until(lambda: "sendMessage" in [name for name, _ in first.calls])
        first.faults.clear()
        async with before(second, tmp_path) as (ann, _):
            assert "teal" not in (await ann.asks("hello")).text
            assert "teal" not in second.transcript()
        async with before(first, tmp_path):
            await first.wait_for(chat, "teal", timeout=10)
        assert len(first.messages(chat)) == 1


async def test_two_accounts_on_discord_know_nothing_of_each_other(tmp_path: Path) -> None:
    """The same person and the same channel before another application begin anew."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as first:
        ann = first.person("Ann")
        dm = first.dm(ann)
        async with running(tmp_path, {**on_discord(first), **FAST}) as bot:
            await first.connected(timeout=10)
            lines = await furnish(OnDiscord(first, ann, dm), bot)
    async with FakeDiscord.running(token=DISCORD_TOKEN) as second:
        assert second.bot.id != first.bot.id
        same, there = same_person(second, ann, dm.id)
        async with running(tmp_path, {**on_discord(second), **FAST}):
            await second.connected(timeout=10)
            await finds_nothing(OnDiscord(second, same, there), lines)


async def test_the_same_number_on_the_other_platform_is_somebody_else(tmp_path: Path) -> None:
    """Person and chat have the same ids on both platforms, and nothing of one is seen by the other."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        person = telegram.person(424_242, "Ann")
        here = OnTelegram(telegram, person, telegram.private_chat(person))
        there = OnDiscord(fake, *same_person(fake, User(person.id, "Ann"), person.id))
        environ = {**on_telegram(telegram), **on_discord(fake), **FAST, "PALAVER_SESSIONS__SCOPE": "per-peer"}
        async with running(tmp_path, environ, paced=False) as bot:
            await fake.connected(timeout=10)
            lines = await furnish(here, bot)
            await finds_nothing(there, lines)
            number = str(person.id)
            for account, expected in (("1234", 1), (str(fake.bot.id), 0)):
                address = Address(platform="telegram", account=account, chat_id=number, user_id=number)
                assert len(await bot.sessions.own_sessions(address)) == expected
            await there.asks("/forgetme")
            assert "Receipt" in (await there.asks("yes")).text
            assert "teal" in (await here.asks("/history")).text


def same_person(fake: FakeDiscord, person: User, channel: int) -> tuple[User, Channel]:
    """Let somebody with this number have a direct chat with this number."""
    same = User(person.id, person.name)
    fake.world.people[same.id] = same
    return same, fake.world.add_channel(Channel(channel, DIRECT, "dm Ann", people=(same,)))
