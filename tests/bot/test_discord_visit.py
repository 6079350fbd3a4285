"""A visit on Discord, from the first contact to the erasure, against the stand-in for its REST API and gateway."""

from __future__ import annotations

from pathlib import Path

from tests.bot.running import DISCORD_TOKEN, running
from tests.bot.visit import DiscordVisitor, offered, visit
from tests.conftest import ManualClock
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


async def test_a_visit(tmp_path: Path, clock: ManualClock) -> None:
    """Everything a person does in a direct chat, from the first contact to the erasure."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann = DiscordVisitor(fake)
        async with running(tmp_path, environ(fake), clock=clock):
            await fake.connected(timeout=10)
            await visit(ann, clock)
        assert fake.pings == []


async def test_native_commands(tmp_path: Path) -> None:
    """Options, completion and private answers, in a server and in a direct chat."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann = fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[ann]), "general")
        async with running(tmp_path, environ(fake)):
            await fake.connected(timeout=10)
            await offered(fake)
            dm = fake.dm(ann)

            async def use(command: str, expected: str, **options: str) -> None:
                used = await fake.slash(ann, command, channel=dm, installed_for="guild", **options)
                assert expected in (await used.answered(timeout=10)).content

            await fake.say(ann, "the word is teal", channel=dm)
            await fake.wait_for(dm, "I was sent 1 message", timeout=10)
            await use("checkpoint save", "Saved checkpoint", name="before", description="all is well")
            await use("checkpoint restore", "Back at checkpoint", which="before")
            await use("history show", "the word is teal")
            await use("new", "A new conversation", title="Trip to Rome")
            choices = await fake.autocomplete(ann, "session switch", "which", "tri", channel=dm)
            assert [choice for choice in choices if "Trip to Rome" in choice.name]
            await fake.say(ann, "hello from the club", channel=general, mention_bot=True)
            await fake.wait_for(general, "hello from the club", timeout=10)
            used = await fake.slash(ann, "history export", channel=general)
            answer = await used.answered(timeout=10)
            assert (answer.ephemeral, len(answer.files)) == (True, 1)
        assert fake.pings == []
