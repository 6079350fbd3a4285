"""Buttons: they count for the person they were made for, and for a day."""

from __future__ import annotations

from pathlib import Path

from adapters.discord.interactions import NOT_YOURS
from adapters.telegram.presses import REFUSED
from sessions import Address, SessionManager
from tests.bot.asking import OnDiscord, OnTelegram, here, own_words
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, clocked, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.conftest import ManualClock
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
DAY = 24 * 3600


async def test_nobody_else_answers_a_question_on_telegram(tmp_path: Path) -> None:
    """Another person types what Ann's button stands for, or presses with its data: nothing; Ann's own press counts."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann, eve = telegram.person(42, "Ann"), telegram.person(66, "Eve")
        direct, lair = telegram.private_chat(ann), telegram.private_chat(eve)
        group = telegram.group("Friends", members=[ann, eve])
        async with running(tmp_path, {**on_telegram(telegram), **FAST}, paced=False) as bot:
            anns, eves = OnTelegram(telegram, ann, direct), OnTelegram(telegram, eve, lair)
            await anns.asks("the word is teal")
            await anns.asks("/forgetme")
            question = telegram.messages(direct)[-1]
            label, data = question.buttons[0]
            for somebody in (eves, OnTelegram(telegram, eve, group, lair)):
                for text in (data[24:], data, f"/{data[24:]}", label, "yes"):
                    assert "Receipt" not in (await somebody.asks(text)).text
            for seen in (telegram.messages(lair)[-1], telegram.messages(group)[-1]):
                assert (await telegram.press(eve, seen, label, data=data)).text == REFUSED
            assert await own_words(bot.sessions, direct.id) == ["the word is teal"]
            assert (await telegram.press(ann, question, label)).text == ""
            await anns.hears("Receipt")
            assert await own_words(bot.sessions, direct.id) == []


async def test_nobody_else_answers_a_question_on_discord(tmp_path: Path) -> None:
    """The same there: whoever presses with another's data is told that the button is not theirs, and nobody else is."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann, eve = fake.person("Ann"), fake.person("Eve")
        async with running(tmp_path, {**on_discord(fake), **FAST}):
            await fake.connected(timeout=10)
            anns, eves = OnDiscord(fake, ann, fake.dm(ann)), OnDiscord(fake, eve, fake.dm(eve))
            await anns.asks("the word is teal")
            for somebody in (anns, eves):
                await somebody.asks("/forgetme")
            question, own = (next(one for one in fake.messages(fake.dm(it)) if one.buttons) for it in (ann, eve))
            data = question.buttons[0].custom_id
            own.components[0]["components"][0]["custom_id"] = data
            told = await (await fake.press(eve, own, data)).answered(timeout=10)
            assert (told.content, told.ephemeral) == (NOT_YOURS, True)
            for text in (data[24:], data, "yes, erase everything"):
                assert "Receipt" not in (await eves.asks(text)).text
            await fake.press(ann, question, data)
            await anns.hears("Receipt")
            assert not any("Receipt" in shown for shown in eves.glimpses())


async def test_a_button_that_is_a_day_old_is_refused_on_telegram(tmp_path: Path, clock: ManualClock) -> None:
    """It changes nothing and the press is answered; one that is nearly a day old counts."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN, clock=clock) as telegram:
        person = telegram.person(42, "Ann")
        chat = telegram.private_chat(person)
        ann = OnTelegram(telegram, person, chat)
        async with running(tmp_path, {**on_telegram(telegram), **FAST}, clock=clock, make=clocked(clock)) as bot:
            await three_conversations(ann)
            for age, counts in ((DAY + 61, False), (DAY - 61, True)):
                await ann.asks("/resume")
                offer = telegram.messages(chat)[-1]
                before = await current(bot.sessions, here(chat.id))
                clock.advance(age)
                told = await telegram.press(person, offer, "3")
                assert told.text == ("" if counts else REFUSED)
                if counts:
                    await ann.hears("Back in")
                assert (await current(bot.sessions, here(chat.id)) != before) is counts


async def test_a_button_that_is_a_day_old_is_refused_on_discord(tmp_path: Path, clock: ManualClock) -> None:
    """It changes nothing and the presser alone is told; one that is nearly a day old counts."""
    async with FakeDiscord.running(token=DISCORD_TOKEN, clock=clock) as fake:
        user = fake.person("Ann")
        dm = fake.dm(user)
        ann = OnDiscord(fake, user, dm)
        address = Address(platform="discord", account=str(fake.bot.id), chat_id=str(dm.id), user_id=str(user.id))
        async with running(tmp_path, {**on_discord(fake), **FAST}, clock=clock, make=clocked(clock)) as bot:
            await fake.connected(timeout=10)
            await three_conversations(ann)
            for age, counts in ((DAY + 61, False), (DAY - 61, True)):
                await ann.asks("/resume")
                offer = [one for one in fake.messages(dm) if one.buttons][-1]
                before = await current(bot.sessions, address)
                clock.advance(age)
                pressed = await fake.press(user, offer, "3")
                if counts:
                    await ann.hears("Back in")
                else:
                    told = await pressed.answered(timeout=10)
                    assert (told.content, told.ephemeral) == (NOT_YOURS, True)
                assert (await current(bot.sessions, address) != before) is counts


async def three_conversations(ann: OnTelegram | OnDiscord) -> None:
    for word in ("teal", "amber", "ochre"):
        await ann.asks(f"/new {word}")
        await ann.asks(f"the word is {word}")


async def current(sessions: SessionManager, address: Address) -> str:
    session = await sessions.current_session(address)
    assert session is not None
    return session.id
