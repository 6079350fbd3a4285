"""A visit on Discord, from the first contact to the erasure, against the stand-in for its REST API and gateway."""

from __future__ import annotations

from pathlib import Path

from tests.bot.running import DISCORD_TOKEN, running
from tests.fakes.discord.server import FakeDiscord


def environ(fake: FakeDiscord, **more: str) -> dict[str, str]:
    """Give the settings of a bot that answers everybody on this stand-in."""
    return {
        "PALAVER_DISCORD__TOKEN": DISCORD_TOKEN,
        "PALAVER_DISCORD__API_URL": fake.api_url,
        "PALAVER_DISCORD__GATEWAY_URL": fake.gateway_url,
        "PALAVER_ACCESS__MODE": "open",
        **more,
    }


async def test_a_visit(tmp_path: Path) -> None:
    """First contact, talk, checkpoint, restore, undo, switch, export, clear, delete; typed and native alike."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann = fake.person("Ann")
        guild = fake.guild("Club", members=[ann])
        general = fake.channel(guild, "general")
        async with running(tmp_path, environ(fake)):
            await fake.connected(timeout=10)
            dm = fake.dm(ann)

            async def ask(text: str, expected: str) -> str:
                await fake.say(ann, text, channel=dm)
                return (await fake.wait_for(dm, expected, timeout=10)).content

            await ask("/start", "/forgetme")
            await ask("the word is teal", "I was sent 1 message")
            await ask('/checkpoint save "before"', "Saved checkpoint")
            await ask("the word is amber", "Message 3 of this conversation")
            use = await fake.slash(ann, "checkpoint restore", channel=dm, which="before")
            assert "Back at checkpoint" in (await use.answered(timeout=10)).content
            use = await fake.slash(ann, "history show", channel=dm)
            assert "the word is teal" in (await use.answered(timeout=10)).content
            use = await fake.slash(ann, "new", channel=dm, title="Trip to Rome")
            assert "A new conversation" in (await use.answered(timeout=10)).content
            await ask("when in Rome", "when in Rome")
            choices = await fake.autocomplete(ann, "session switch", "which", "tri", channel=dm)
            assert [choice for choice in choices if "Trip to Rome" in choice.name]
            await fake.say(ann, "hello from the club", channel=general, mention_bot=True)
            await fake.wait_for(general, "hello from the club", timeout=10)
            use = await fake.slash(ann, "history export", channel=general)
            answer = await use.answered(timeout=10)
            assert answer.ephemeral
            assert answer.files
            use = await fake.slash(ann, "forgetme", channel=dm)
            await use.answered(timeout=10)
            pressed = await fake.press(ann, await fake.wait_for(dm, "Erase everything of yours", timeout=10), "Yes, erase everything")
            await fake.wait_for(dm, "Receipt", timeout=10)
            assert pressed is not None
        assert fake.pings == []
