"""Two shards: each server has its own connection, and a bot that answers on all of them."""

from __future__ import annotations

from pathlib import Path

from tests.bot.running import DISCORD_TOKEN, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.visit import offered
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Guild
from tests.fakes.discord.server import FakeDiscord

FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
PATIENCE = 15.0  # the library waits five seconds between the shards


def guild_of_shard(fake: FakeDiscord, shard: int, members: list[User]) -> Guild:
    """Make servers until one belongs to this shard."""
    for number in range(1_000):
        guild = fake.guild(f"Club {number}", members=members)
        if (guild.id >> 22) % 2 == shard:
            return guild
        fake.kick_bot(guild)
    raise AssertionError("every server belongs to the other shard")


async def on_both_shards(fake: FakeDiscord) -> None:
    await fake.world.chronicle.until(lambda: len(fake.gateway.connected()) == 2 or None, PATIENCE, "both shards")


async def test_servers_of_both_shards_and_direct_chats_are_answered(tmp_path: Path) -> None:
    """Messages, native commands and what was said while both connections were cut; each once, on its own shard."""
    async with FakeDiscord.running(token=DISCORD_TOKEN, shards=2) as fake:
        ann = fake.person("Ann")
        channels = [fake.channel(guild_of_shard(fake, shard, [ann]), f"general {shard}") for shard in (0, 1)]
        async with running(tmp_path, {**on_discord(fake), **FAST}):
            await on_both_shards(fake)
            assert fake.gateway.identifies == 2
            assert sorted(session.shard for session in fake.gateway.connected()) == [(0, 2), (1, 2)]
            await offered(fake)
            for number, channel in enumerate([*channels, fake.dm(ann)]):
                await fake.say(ann, f"the word is teal{number}", channel=channel, mention_bot=channel.guild is not None)
                await fake.wait_for(channel, f"teal{number}", timeout=PATIENCE)
            for number, channel in enumerate(channels):
                used = await fake.slash(ann, "history show", channel=channel)
                shown = (await used.answered(timeout=PATIENCE)).content
                assert f"teal{number}" in shown
                assert f"teal{1 - number}" not in shown
            fake.faults.cut_gateway()
            for channel in channels:
                await fake.say(ann, "and amber", channel=channel, mention_bot=True)
            for channel in channels:
                await fake.wait_for(channel, "and amber", timeout=PATIENCE)
            await on_both_shards(fake)
        for session in fake.gateway.sessions.values():
            heard = {
                event["guild_id"] for _, kind, event in session.log if kind == "MESSAGE_CREATE" and "guild_id" in event
            }
            assert all((int(guild) >> 22) % 2 == session.shard[0] for guild in heard)
        for channel in channels:
            assert sum("and amber" in message.content for message in fake.messages(channel)) == 1
        assert fake.pings == []
