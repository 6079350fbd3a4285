"""What happens to messages and answers when connections break and programs end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.channel import Outlet
from adapters.inbound import Inbound
from adapters.reply import Reply
from tests.adapters.discord.stage import eventually, opened, playing
from tests.fakes.discord.server import FakeDiscord


async def test_a_cut_gateway_is_resumed_and_nothing_is_missing() -> None:
    """What is said while the connection is down comes with the resumed session."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions) as stage:
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        await fake.say(ann, "one", channel=chat)
        await fake.wait_for(chat, "re: one")
        fake.faults.cut_gateway(4000)
        await fake.say(ann, "two", channel=chat)
        await fake.wait_for(chat, "re: two", timeout=20)
        assert fake.gateway.resumes == 1
        assert [inbound.text for inbound in stage.heard] == ["one", "two"]


async def test_after_an_invalid_session_what_came_meanwhile_is_found() -> None:
    """A session that can not be resumed loses events; history has them, and each is handled once.

    The new session is begun at the gateway that the REST interface names.
    """
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        async with playing(fake, sessions, through_gateway=False) as stage:
            for place in (hall, fake.dm(ann)):
                await fake.say(ann, "one", channel=place, mention_bot=True)
                await fake.wait_for(place, "re: one")
            before = fake.gateway.identifies
            fake.faults.invalidate()
            for place in (hall, fake.dm(ann)):
                await fake.say(ann, "two", channel=place, mention_bot=True)
            await fake.say(ann, "not for you", channel=hall)
            await fake.wait_for(hall, "re: two", timeout=20)
            await fake.wait_for(fake.dm(ann), "re: two", timeout=20)
            assert fake.gateway.identifies == before + 1
            assert sorted(inbound.text for inbound in stage.heard) == ["one", "one", "two", "two"]


async def test_what_was_said_while_no_program_ran_is_handled_once(tmp_path: Path) -> None:
    """After a restart channels are read on from where they were read last."""
    async with FakeDiscord.running() as fake:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        chat = fake.dm(ann)
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions) as stage:
            for place in (hall, chat):
                await fake.say(ann, "one", channel=place, mention_bot=True)
                await fake.wait_for(place, "re: one")
            await stage.stop()
        for place in (hall, chat):
            for text in ("two", "three"):
                await fake.say(ann, text, channel=place, mention_bot=True)
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions) as stage:
            for place in (hall, chat):
                await fake.wait_for(place, "re: three")
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions) as last:
            await fake.say(ann, "end", channel=chat)
            await fake.wait_for(chat, "re: end")
        assert sorted(inbound.text for inbound in stage.heard) == ["three", "three", "two", "two"]
        assert [inbound.text for inbound in last.heard] == ["end"]
        wanted = ["re: one", "re: two", "re: three"]
        assert [one.content for one in fake.messages(hall)] == wanted
        assert [one.content for one in fake.messages(chat)] == [*wanted, "re: end"]


async def test_what_was_taken_in_is_handled_after_the_program_ended_in_between(tmp_path: Path) -> None:
    """A message and a command that were being worked on are taken up by the next start, and answered once."""
    began = asyncio.Event()

    async def stuck(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("half")
        await asyncio.sleep(0.5)
        began.set()
        await asyncio.sleep(60)

    async def whole(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("half and")
        await outlet.finish(Reply(text=f"whole {inbound.text}"))

    async with FakeDiscord.running() as fake:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions, stuck):
            await eventually(lambda: bool(fake.commands[0]), "the commands")
            used = await fake.slash(ann, "new", channel=hall)
            await fake.say(ann, "one", channel=hall, mention_bot=True)
            await fake.wait_for(hall, lambda one: one.reply_to is not None)
            await asyncio.wait_for(began.wait(), 5)
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions, whole):
            await fake.wait_for(hall, "whole one")
            await eventually(lambda: used.answer.content == "whole", "the answer to the command")
        assert sorted(one.content for one in fake.messages(hall)) == ["whole", "whole one"]


async def test_an_answer_that_is_out_is_not_repeated_by_the_next_start(tmp_path: Path) -> None:
    """Where nobody knows whether an answer arrived, the next start sends it again, and Discord knows it."""
    async with FakeDiscord.running() as fake:
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        fake.faults.drop_after("POST", "/messages$")
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions):
            await fake.say(ann, "one", channel=chat)
            await fake.wait_for(chat, "re: one")
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions) as stage:
            await fake.say(ann, "two", channel=chat)
            await fake.wait_for(chat, "re: two")
            assert [inbound.text for inbound in stage.heard] == ["two"]
        assert sum(call.method == "POST" and call.path.endswith("/messages") for call in fake.calls) == 3
        assert [one.content for one in fake.messages(chat)] == ["re: one", "re: two"]


async def test_answers_that_could_not_be_sent_are_sent_by_the_next_start(tmp_path: Path) -> None:
    """What was stored while Discord took nothing goes out later, in its order and each once."""
    async with FakeDiscord.running() as fake:
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        fake.faults.fail("POST", "/messages$", status=503, times=1_000)
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions) as stage:
            for text in ("one", "two"):
                await fake.say(ann, text, channel=chat)
            await eventually(lambda: len(stage.heard) == 2, "both messages")
            await asyncio.sleep(0.1)
        fake.faults.clear()
        async with opened(tmp_path / "a.db") as sessions, playing(fake, sessions) as stage:
            await fake.wait_for(chat, "re: two")
            assert stage.heard == []
        assert [one.content for one in fake.messages(chat)] == ["re: one", "re: two"]


async def test_stopping_takes_in_nothing_more_and_ends_what_goes_on() -> None:
    """After `stop` nothing is heard; what was begun is answered before `drain` ends."""
    go = asyncio.Event()

    async def slow(inbound: Inbound, outlet: Outlet) -> None:
        await go.wait()
        await outlet.send(Reply(text=f"re: {inbound.text}"))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, slow) as stage:
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        await fake.say(ann, "one", channel=chat)
        await eventually(lambda: len(stage.heard) == 1, "the message")
        await stage.channel.stop()
        await fake.say(ann, "two", channel=chat)
        go.set()
        await stage.channel.drain(5)
        await asyncio.wait_for(stage.running, 5)
        assert [one.content for one in fake.messages(chat)] == ["re: one"]
        assert len(stage.heard) == 1
