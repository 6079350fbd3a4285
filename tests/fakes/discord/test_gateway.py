"""The gateway of the fake, driven by the real discord.py."""

from __future__ import annotations

import asyncio

import discord
import pytest

from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.visitor import Bot, point_at, visiting


async def test_a_bot_logs_in_and_hears_a_server_and_a_direct_message() -> None:
    """After login the bot knows the server and gets what people say in it and to it."""
    async with FakeDiscord.running() as fake:
        ann = fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[ann]), "general")
        async with visiting(fake) as bot:
            assert [guild.name for guild in bot.guilds] == ["Club"]
            assert bot.get_channel(general.id) is not None
            await fake.say(ann, "hello", channel=general)
            await fake.say(ann, "psst", channel=fake.dm(ann))
            first, second = await bot.hears(), await bot.hears()
    assert (first.content, first.author.display_name, str(first.channel)) == ("hello", "Ann", "general")
    assert second.content == "psst"
    assert isinstance(second.channel, discord.DMChannel)


async def test_edits_deletions_threads_and_new_servers_reach_the_bot() -> None:
    """What changes after login reaches the bot as well."""
    async with FakeDiscord.running() as fake, visiting(fake) as bot:
        ann = fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[ann]), "general")
        thread = fake.thread(general, "topic", owner=ann)
        said = await fake.say(ann, "helo", channel=thread)
        await fake.edit(said, "hello")
        await fake.delete(said)
        heard = await bot.hears()
        assert isinstance(heard.channel, discord.Thread)
        assert heard.channel.parent_id == general.id
        assert (await bot.edits.get()).data["content"] == "hello"
        assert (await bot.deletions.get()).message_id == said.id


async def test_without_the_intent_content_is_hidden_but_for_what_is_meant_for_the_bot() -> None:
    """Without the message content intent only mentions, replies to the bot and direct messages can be read."""
    async with FakeDiscord.running(message_content="forbidden") as fake:
        ann = fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[ann]), "general")
        async with visiting(fake, Bot(content=False)) as bot:
            await fake.say(ann, "secret", channel=general)
            hidden = await bot.hears()
            answer = await hidden.channel.send("I can not read that")
            await fake.say(ann, "for you", channel=general, mention_bot=True)
            await fake.say(ann, "a reply", channel=general, reply_to=fake.messages(general)[0])
            await fake.say(ann, "private", channel=fake.dm(ann))
            told = [(await bot.hears()).content for _ in range(3)]
            read = [one.content async for one in hidden.channel.history(oldest_first=True)]
    assert hidden.content == ""
    assert answer.content == "I can not read that"
    assert told == [f"{fake.bot.mention} for you", "a reply", "private"]
    assert read == ["", "I can not read that", *told[:2]]


async def test_asking_for_content_that_is_not_granted_ends_the_connection() -> None:
    """A bot that asks for the message content intent without having it learns so (4014)."""
    async with FakeDiscord.running(message_content="forbidden") as fake:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with visiting(fake):
                pass


async def test_a_wrong_token_is_refused() -> None:
    """With a token that is not the bot's there is no login."""
    async with FakeDiscord.running(token="right") as fake:
        bot = Bot()
        point_at(fake)
        async with bot:
            with pytest.raises(discord.LoginFailure):
                await bot.login("wrong")
        assert fake.front.invalid == 1


async def test_a_cut_connection_resumes_and_misses_nothing() -> None:
    """What is said while the connection is away arrives after RESUME, in order and once."""
    async with FakeDiscord.running() as fake:
        ann = fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[ann]), "general")
        async with visiting(fake) as bot:
            fake.faults.cut_gateway()
            for number in range(3):
                await fake.say(ann, str(number), channel=general)
            told = [(await bot.hears()).content for _ in range(3)]
            async with asyncio.timeout(5):
                await bot.resumed.wait()
            assert bot.heard.empty()
    assert told == ["0", "1", "2"]
    assert (fake.gateway.identifies, fake.gateway.resumes) == (1, 1)


async def test_the_server_can_ask_for_a_new_connection() -> None:
    """After op 7 and after a close with a code the session goes on."""
    async with FakeDiscord.running() as fake, visiting(fake) as bot:
        ann = fake.person("Ann")
        fake.faults.reconnect()
        async with asyncio.timeout(5):
            await bot.resumed.wait()
        bot.resumed.clear()
        fake.faults.cut_gateway(4000)
        async with asyncio.timeout(5):
            await bot.resumed.wait()
        await fake.say(ann, "still there?", channel=fake.dm(ann))
        assert (await bot.hears()).content == "still there?"
        assert fake.gateway.identifies == 1


@pytest.mark.parametrize("how", ["op 9", "forgotten"])
async def test_a_session_that_is_gone_starts_anew_without_what_was_missed(how: str) -> None:
    """After op 9, and after a resume that fails, the bot identifies again; nothing is replayed."""
    async with FakeDiscord.running() as fake, visiting(fake) as bot:
        ann = fake.person("Ann")
        if how == "op 9":
            fake.faults.invalidate()
        else:
            fake.faults.forget_session()
            fake.faults.cut_gateway()
        await fake.say(ann, "missed", channel=fake.dm(ann))
        await fake.connected()
        await fake.say(ann, "heard", channel=fake.dm(ann))
        assert (await bot.hears()).content == "heard"
        assert fake.gateway.identifies == 2


async def test_heartbeats_without_an_answer_make_the_bot_connect_again() -> None:
    """A connection on which nothing comes back is given up by the bot, and resumed."""
    async with FakeDiscord.running(heartbeat=0.1) as fake, visiting(fake, Bot(heartbeat_timeout=0.4)) as bot:
        fake.faults.stop_acking_heartbeats()
        async with asyncio.timeout(10):
            await bot.resumed.wait()
        fake.faults.clear()


async def test_events_can_come_twice() -> None:
    """A duplicated event arrives as often as the test wants, with the same id."""
    async with FakeDiscord.running() as fake, visiting(fake) as bot:
        ann = fake.person("Ann")
        fake.faults.duplicate_events(1)
        await fake.say(ann, "one", channel=fake.dm(ann))
        await fake.say(ann, "two", channel=fake.dm(ann))
        heard = [await bot.hears() for _ in range(3)]
    assert [one.content for one in heard] == ["one", "one", "two"]
    assert heard[0].id == heard[1].id


async def test_events_can_be_late_lost_and_out_of_order() -> None:
    """Events held back arrive in the order that the test wants, and dropped ones never."""
    async with FakeDiscord.running() as fake, visiting(fake) as bot:
        ann = fake.person("Ann")
        fake.faults.drop_events(1)
        await fake.say(ann, "lost", channel=fake.dm(ann))
        fake.faults.hold_events()
        await fake.say(ann, "one", channel=fake.dm(ann))
        await fake.say(ann, "two", channel=fake.dm(ann))
        fake.faults.release_events(reverse=True)
        assert [(await bot.hears()).content for _ in range(2)] == ["two", "one"]
        assert bot.heard.empty()


async def test_the_bot_is_invited_and_thrown_out_and_places_go_away() -> None:
    """The bot learns that it came into a server, that a channel is gone, and that it was thrown out."""
    async with FakeDiscord.running() as fake, visiting(fake) as bot:
        ann = fake.person("Ann")
        guild = fake.guild("Club", members=[ann], has_bot=False)
        general, other = fake.channel(guild, "general"), fake.channel(guild, "other")
        fake.invite_bot(guild)
        await fake.say(ann, "welcome", channel=general)
        await bot.hears()
        fake.remove(other)
        await fake.say(ann, "still here", channel=general)
        await bot.hears()
        assert [channel.name for channel in bot.guilds[0].channels] == ["general"]
        fake.kick_bot(guild)
        await fake.say(ann, "gone", channel=general)
        await fake.say(ann, "psst", channel=fake.dm(ann))
        assert (await bot.hears()).content == "psst"
        assert list(bot.guilds) == []


async def test_shards_share_the_servers_and_the_first_has_the_direct_messages() -> None:
    """With two shards every server and every direct message arrives once."""
    async with FakeDiscord.running(shards=2) as fake:
        ann = fake.person("Ann")
        channels = [fake.channel(fake.guild(f"Club {number}", members=[ann]), "general") for number in range(4)]
        async with visiting(fake) as bot:
            assert bot.shard_count == 2
            for channel in [*channels, fake.dm(ann)]:
                await fake.say(ann, channel.title, channel=channel)
            heard = [(await bot.hears()).content for _ in range(5)]
            assert bot.heard.empty()
    assert sorted(heard) == ["#general"] * 4 + ["dm Ann"]
