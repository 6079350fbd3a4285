"""One person on both platforms at once: linked, sharing one conversation, and parted again."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.bot.visit import DiscordVisitor, TelegramVisitor
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram


async def test_a_conversation_follows_its_person_to_the_other_platform(tmp_path: Path) -> None:
    """A code from Telegram, sent on Discord, confirmed on both sides; then the same words are there."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        here, there = TelegramVisitor(telegram), DiscordVisitor(fake)
        async with running(tmp_path, {**on_telegram(telegram), **on_discord(fake)}):
            await fake.connected(timeout=10)
            await here.ask("/session scope peer", "From now on")
            await here.ask("the word is teal", "Message 1")
            found = re.search(r"/link ([A-Z2-9]{8})", await here.ask("/link", "/link "))
            assert found is not None
            await there.ask(f"/link {found[1]}", "Link this account")
            await there.press("Yes, link them", "answer me in your other account")
            await here.hear("wants to be linked")
            await here.press("Yes, link them", "Linked")
            await there.hear("Linked")
            await there.ask("/session scope peer", "From now on")
            assert "the word is teal" in await there.ask("/history", "messages")
            await there.ask("and amber", "Message 3")
            assert "and amber" in await here.ask("/history", "and amber")
            await there.ask("/link off", "stands alone")
            assert "teal" not in await there.ask("/history", "said")
            assert "the word is teal" in await here.ask("/history", "the word is teal")
