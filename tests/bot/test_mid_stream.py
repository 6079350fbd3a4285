"""While a reply streams: what is said meanwhile, here and elsewhere, and what is not to come any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sessions import Address
from tests.bot.asking import Asker, OnDiscord, OnTelegram
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, Bot, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.bot.test_telegram_visit import playing
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram

LONG = Answer(words=["ancient "] * 600, word_delay=0.05)  # half a minute
FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
STILL = 1.3  # seconds in which nothing more may be shown: a preview is refreshed more often


@dataclass
class Seat:
    """Ann in her direct chat with a bot that can be started again and again; the model is played by the test."""

    ann: Asker
    model: ModelServer
    address: Address
    settings: dict[str, str]
    home: Path
    fake: FakeDiscord | None = None

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Bot]:
        async with running(self.home, self.settings, paced=False) as bot:
            if self.fake is not None:
                await self.fake.connected(timeout=10)
            yield bot

    async def streams(self) -> None:
        """Ask, and wait until the reply is seen to grow."""
        self.model.then(LONG)
        await self.ann.says("a question")
        await self.ann.hears("ancient")

    async def nothing_more(self) -> None:
        """See that of the old reply nothing is shown any more, and that nobody makes it any more."""
        await asyncio.wait_for(self.model.requests[-1].left.wait(), 5)
        seen = self.ann.glimpses()
        await asyncio.sleep(STILL)
        assert self.ann.glimpses() == seen


@asynccontextmanager
async def seated(platform: str, home: Path) -> AsyncIterator[Seat]:
    async with ModelServer.open() as model:
        if platform == "telegram":
            async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
                person = telegram.person(42, "Ann")
                ann = OnTelegram(telegram, person, telegram.private_chat(person))
                address = Address(platform="telegram", account="1234", chat_id="42", user_id="42")
                yield Seat(ann, model, address, {**on_telegram(telegram), **playing(model), **FAST}, home)
        else:
            async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
                user = fake.person("Ann")
                dm = fake.dm(user)
                account, chat, number = str(fake.bot.id), str(dm.id), str(user.id)
                address = Address(platform="discord", account=account, chat_id=chat, user_id=number)
                settings = {**on_discord(fake), **playing(model), **FAST}
                yield Seat(OnDiscord(fake, user, dm), model, address, settings, home, fake)


PLATFORMS = pytest.mark.parametrize("platform", ["telegram", "discord"])


@PLATFORMS
async def test_a_new_conversation_in_the_middle_of_a_reply_is_empty(tmp_path: Path, platform: str) -> None:
    """/new is answered at once; the part stays in the conversation before, and nothing more of it comes."""
    async with seated(platform, tmp_path) as seat, seat.bot() as bot:
        await seat.streams()
        await seat.ann.says("/new")
        await seat.ann.hears("A new conversation")
        await seat.nothing_more()
        assert "ancient" not in (await seat.ann.asks("/history")).text
        current, before = await bot.sessions.list_sessions(seat.address)
        assert await bot.sessions.get_history(current.id) == []
        kept = [message.content for message in await bot.sessions.get_history(before.id)]
        assert kept[0] == "a question"
        assert "ancient" in kept[1]


@PLATFORMS
async def test_what_is_erased_in_the_middle_of_a_reply_stays_erased(tmp_path: Path, platform: str) -> None:
    """/forgetme and its yes end the reply; neither the rest of it nor a later start brings anything back."""
    async with seated(platform, tmp_path) as seat:
        async with seat.bot() as bot:
            await seat.streams()
            await seat.ann.says("/forgetme")
            await seat.ann.hears("Erase everything of yours")
            assert not seat.model.requests[-1].left.is_set()
            await seat.ann.presses("Yes, erase everything")
            await seat.ann.hears("Receipt")
            await seat.nothing_more()
            assert await bot.sessions.own_sessions(seat.address) == []
        seen = seat.ann.glimpses()
        async with seat.bot() as bot:
            await asyncio.sleep(0.5)
            assert await bot.sessions.own_sessions(seat.address) == []
            assert seat.ann.glimpses() == seen
            assert "ancient" not in (await seat.ann.asks("/history")).text
            assert len(seat.model.requests) == 1


@PLATFORMS
async def test_what_only_looks_lets_a_reply_go_on(tmp_path: Path, platform: str) -> None:
    """The twin: /whoami in the middle of a reply is answered, and the reply comes whole."""
    async with seated(platform, tmp_path) as seat, seat.bot():
        seat.model.then(Answer(words=["ancient "] * 20 + ["end."], word_delay=0.1))
        await seat.ann.says("a question")
        await seat.ann.hears("ancient")
        await seat.ann.says("/whoami")
        await seat.ann.hears("Your conversation here")
        await seat.ann.hears("ancient end.")
        assert not seat.model.requests[-1].left.is_set()


async def test_an_answer_arrives_where_it_was_asked_for(tmp_path: Path) -> None:
    """While a slow answer is made others write in the same topic, the next one and in private: none is mixed up."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as model:
        ann, ben = telegram.person(42, "Ann"), telegram.person(43, "Ben")
        forum = telegram.group("Forum", members=[ann, ben], forum=True)
        news, talk = telegram.topic(forum, "news"), telegram.topic(forum, "talk")
        anns, bens = telegram.private_chat(ann), telegram.private_chat(ben)
        model.then(Answer(words=["slow "] * 20 + ["answer"], word_delay=0.1))
        model.default = Answer(words=["quick"])
        async with running(tmp_path, {**on_telegram(telegram), **playing(model), **FAST}, paced=False):
            asked = await telegram.say(ann, "@palaver_bot one", chat=forum, topic=news)
            await asyncio.wait_for(model.arrived.wait(), 10)
            for person, chat, topic in ((ben, forum, news), (ann, forum, talk), (ben, forum, None)):
                await telegram.say(person, "@palaver_bot two", chat=chat, topic=topic)
            await telegram.say(ann, "two", chat=anns)
            await telegram.say(ben, "two", chat=bens)
            late = await telegram.wait_for(forum, "slow answer", timeout=10)
            await telegram.until(lambda: len(telegram.messages(forum)) == 4)
        assert (late.thread_id, late.reply_to) == (news, asked["message_id"])
        for chat, number in ((forum, 3), (anns, 1), (bens, 1)):
            others = [message for message in telegram.messages(chat) if message.order != late.order]
            assert [message.text for message in others] == ["quick"] * number
            assert "slow" not in " ".join(text for one in others for text in one.edits)
        assert sorted(str(one.thread_id) for one in telegram.messages(forum)) == sorted(
            map(str, [news, news, talk, None])
        )
        assert [one for chat in (anns, bens) for one in telegram.drafts(chat) if "slow" in one] == []


async def test_an_answer_in_a_server_arrives_where_it_was_asked_for(tmp_path: Path) -> None:
    """The same on Discord: a channel, another one, a thread and two direct chats."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake, ModelServer.open() as model:
        ann, ben = fake.person("Ann"), fake.person("Ben")
        guild = fake.guild("Club", members=[ann, ben])
        general, random = fake.channel(guild, "general"), fake.channel(guild, "random")
        thread = fake.thread(general, "aside", owner=ann)
        model.then(Answer(words=["slow "] * 20 + ["answer"], word_delay=0.1))
        model.default = Answer(words=["quick"])
        async with running(tmp_path, {**on_discord(fake), **playing(model), **FAST}):
            await fake.connected(timeout=10)
            asked = await fake.say(ann, "one", channel=general, mention_bot=True)
            await asyncio.wait_for(model.arrived.wait(), 10)
            for person, channel in ((ben, general), (ann, random), (ben, thread)):
                await fake.say(person, "two", channel=channel, mention_bot=True)
            for person in (ann, ben):
                await fake.say(person, "two", channel=fake.dm(person))
            late = await fake.wait_for(general, "slow answer", timeout=10)
            for channel in (random, thread, fake.dm(ann), fake.dm(ben)):
                await fake.wait_for(channel, "quick")
        assert late.reply_to is not None
        assert late.reply_to.id == asked.id
        for channel in (general, random, thread, fake.dm(ann), fake.dm(ben)):
            others = [message for message in fake.messages(channel) if message is not late]
            assert [message.content for message in others] == ["quick"]
            assert "slow" not in " ".join(text for one in others for text in one.edits)
        assert fake.pings == []
