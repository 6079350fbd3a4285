"""People who are not let in yet, and the operator who lets them in, on a whole bot."""

from __future__ import annotations

from pathlib import Path

from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.bot.visit import offered
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

PATIENCE = 10.0


async def test_nobody_else_sees_what_a_stranger_is_told(tmp_path: Path) -> None:
    """A native command in a server is answered before the stranger's eyes alone, each time, and without a trace."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        bob, ann = fake.person("Bob"), fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann, bob]), "hall")
        settings = {"PALAVER_ACCESS__MODE": "pairing", "PALAVER_ACCESS__OPERATORS": f"discord:{ann.id}"}
        async with running(tmp_path, on_discord(fake, **settings)):
            await fake.connected(timeout=PATIENCE)
            await offered(fake)
            for words in ("Give this code", "I only talk to people I know"):
                answer = await (await fake.slash(bob, "new", channel=hall)).answered(timeout=PATIENCE)
                assert answer.ephemeral
                assert words in answer.content
            seen = [one.text for one in fake.world.chronicle.entries if one.who is fake.bot and one.only is not bob]
            assert seen == []
            known = await (await fake.slash(ann, "new", channel=hall)).answered(timeout=PATIENCE)
            assert not known.ephemeral, "the twin: who is let in is answered before all"


async def test_one_press_lets_in_one_person(tmp_path: Path) -> None:
    """In the list of those who wait the buttons for the others stay; an older notice says that it was done already."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann, strangers = fake.person("Ann"), [fake.person(name) for name in ("Bob", "Cid", "Dan")]
        settings = {"PALAVER_ACCESS__MODE": "pairing", "PALAVER_ACCESS__OPERATORS": f"discord:{ann.id}"}
        async with running(tmp_path, on_discord(fake, **settings)):
            await fake.connected(timeout=PATIENCE)
            desk = fake.dm(ann)
            await fake.say(ann, "hello", channel=desk)
            await fake.wait_for(desk, "hello", timeout=PATIENCE)
            for stranger in strangers:
                await fake.say(stranger, "hello", channel=fake.dm(stranger))
                await fake.wait_for(desk, f"called `{stranger.name}`", timeout=PATIENCE)
            await fake.say(ann, "/pair list", channel=desk)
            listed = await fake.wait_for(desk, "Waiting to be let in", timeout=PATIENCE)
            for index, stranger in enumerate(strangers[:2]):
                await fake.press(ann, listed, listed.buttons[index].label)
                await fake.wait_for(fake.dm(stranger), "You are let in", timeout=PATIENCE)
            notice = await fake.wait_for(desk, "called `Bob`", timeout=PATIENCE)
            await fake.press(ann, notice, "Let in")
            await fake.wait_for(desk, f"is let in already: discord:{strangers[0].id}", timeout=PATIENCE)
            dark = [bool(part.get("disabled")) for row in listed.components for part in row["components"]]
            assert dark == [True, True, False]


async def test_a_question_that_goes_to_the_private_chat_is_answered_there(tmp_path: Path) -> None:
    """Asked for in a group, the question has its buttons in the private chat, and a press there counts."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        chat, group = telegram.private_chat(ann), telegram.group("Friends", members=[ann])
        async with running(tmp_path, on_telegram(telegram)):
            await telegram.say(ann, "/forgetme", chat=group)
            asked = await telegram.wait_for(chat, "Erase everything of yours", PATIENCE)
            assert [label for label, _ in asked.buttons] == ["Yes, erase everything", "No"]
            await telegram.press(ann, asked, "Yes, erase everything")
            await telegram.wait_for(chat, "Receipt", PATIENCE)
