"""A visit on Telegram, from the first contact to the erasure, against the stand-in for the Bot API."""

from __future__ import annotations

from pathlib import Path

from tests.bot.running import TELEGRAM_TOKEN, running
from tests.fakes.telegram.server import FakeTelegram


def environ(telegram: FakeTelegram, **more: str) -> dict[str, str]:
    """Give the settings of a bot that answers everybody on this stand-in."""
    return {
        "PALAVER_TELEGRAM__TOKEN": TELEGRAM_TOKEN,
        "PALAVER_TELEGRAM__API_URL": telegram.url,
        "PALAVER_ACCESS__MODE": "open",
        **more,
    }


async def test_a_visit(tmp_path: Path) -> None:
    """First contact, talk, checkpoint, restore, undo, switch, export, clear, delete."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, running(tmp_path, environ(telegram)):
        ann = telegram.person(42, "Ann", username="ann")
        chat = telegram.private_chat(ann)

        async def ask(text: str, expected: str) -> str:
            last = telegram.messages(chat)[-1] if telegram.messages(chat) else None
            await telegram.say(ann, text, chat=chat)
            return (await telegram.wait_for(chat, expected, timeout=10, after=last)).text

        await ask("/start", "/forgetme")
        await ask("the word is teal", "the word is teal")
        await ask('/checkpoint save "before"', "Saved checkpoint")
        await ask("the word is amber", "Message 3 of this conversation")
        await ask("/checkpoint restore before", "Back at checkpoint")
        await ask("/history", "the word is teal")
        await ask("/undo", "Took back")
        await ask("/new Trip to Rome", "A new conversation")
        await ask("when in Rome", "when in Rome")
        await ask("/session list", "Trip to Rome")
        await ask("/session switch 2", "Back in")
        await ask("/history export", "as markdown")
        document = (await telegram.wait_for(chat, lambda message: message.document is not None)).document
        assert document is not None
        assert b"the word is teal" in document[1]
        await ask("/history clear", "Cleared")
        asked = await ask("/forgetme", "Erase everything")
        assert "for good" in asked
        question = telegram.messages(chat)[-1]
        await telegram.press(ann, question, "Yes, erase everything")
        await telegram.wait_for(chat, "Receipt", timeout=10)
        assert telegram.unknown_parameters == []
        assert telegram.pending == 0
