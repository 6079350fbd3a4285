"""The channel before the stand-in for Discord: the real discord.py, real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from adapters.channel import Outlet, Suggestion
from adapters.discord.channel import COMMANDS
from adapters.discord.errors import IntentMissing, TokenRefused
from adapters.inbound import Inbound
from adapters.reply import Document, Reply
from sessions.address import Address, ChatKind
from tests.adapters.discord.stage import eventually, opened, playing
from tests.fakes.discord.server import FakeDiscord


async def test_a_person_talks_with_the_bot_by_themselves() -> None:
    """What is said in a direct chat is answered there, and addressed by bot, channel and person."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions) as stage:
        ann = fake.person("Ann")
        said = await fake.say(ann, "hello", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "re: hello")
        (inbound,) = stage.heard
        assert (inbound.address.account, inbound.address.chat_id) == (str(fake.bot.id), str(fake.dm(ann).id))
        assert (inbound.address.user_id, inbound.author, inbound.source) == (str(ann.id), "Ann", str(said.id))
        assert inbound.address.chat_kind is ChatKind.PRIVATE


async def test_in_a_server_the_bot_answers_its_name_and_replies_to_it_alone() -> None:
    """A mention is for the bot, and taken out; so is a reply to the bot; other people's talk is not, nor are bots."""
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann, robot = fake.person("Ann"), fake.person("Robot", bot=True)
        guild = fake.guild("Home", [ann, robot])
        hall = fake.channel(guild, "hall")
        async with playing(fake, sessions) as stage:
            await fake.say(ann, "not for you", channel=hall)
            await fake.say(robot, "beep", channel=hall, mention_bot=True)
            await fake.say(ann, "one", channel=hall, mention_bot=True)
            first = await fake.wait_for(hall, "re: one")
            assert first.reply_to is not None
            await fake.say(ann, "two", channel=hall, reply_to=first, ping=False)
            await fake.wait_for(hall, "re: two")
        assert [inbound.text for inbound in stage.heard] == ["one", "two"]
        assert stage.heard[0].address.chat_kind is ChatKind.GROUP
        assert fake.pings == []


async def test_channels_set_to_always_and_own_threads_need_no_name() -> None:
    """Everything in a channel of `always` and in a thread that the bot opened is for the bot."""
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann = fake.person("Ann")
        guild = fake.guild("Home", [ann])
        hall, den = fake.channel(guild, "hall"), fake.channel(guild, "den")
        own, other = fake.thread(hall, "own", owner=fake.bot), fake.thread(hall, "other", owner=ann)
        async with playing(fake, sessions, always=[str(den.id)]) as stage:
            await fake.say(ann, "no", channel=other)
            await fake.say(ann, "thread", channel=own)
            await fake.say(ann, "den", channel=den)
            await fake.wait_for(own, "re: thread")
            await fake.wait_for(den, "re: den")
        assert [inbound.text for inbound in stage.heard] == ["thread", "den"]
        address = stage.heard[0].address
        assert (address.chat_id, address.thread_id) == (str(hall.id), str(own.id))
        assert address.chat_kind is ChatKind.THREAD


async def test_a_thread_is_a_conversation_of_its_own() -> None:
    """A thread has another session than its channel, and starts empty."""
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        thread = fake.thread(hall, "aside", owner=ann)

        async def remember(inbound: Inbound, outlet: Outlet) -> None:
            session = await sessions.get_or_create_session(inbound.address)
            before = await sessions.get_history(session.id, limit=None)
            await sessions.add_message(session.id, role="user", content=inbound.text)
            await outlet.send(Reply(text=f"{inbound.text} after {len(before)}"))

        async with playing(fake, sessions, remember):
            await fake.say(ann, "one", channel=hall, mention_bot=True)
            await fake.wait_for(hall, "one after 0")
            await fake.say(ann, "two", channel=thread, mention_bot=True)
            await fake.wait_for(thread, "two after 0")
            await fake.say(ann, "three", channel=hall, mention_bot=True)
            await fake.wait_for(hall, "three after 1")


async def test_an_edit_is_told_once_and_only_if_the_words_changed() -> None:
    """A changed message comes with the id of the one it replaces; the same words again are no edit."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions) as stage:
        ann = fake.person("Ann")
        said = await fake.say(ann, "helo", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "re: helo")
        await fake.edit(said, "hello")
        await fake.wait_for(fake.dm(ann), f"edit of {said.id}: hello")
        await fake.edit(said, "hello")
        await fake.say(ann, "end", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "re: end")
        assert [(inbound.text, inbound.edits) for inbound in stage.heard] == [
            ("helo", None),
            ("hello", str(said.id)),
            ("end", None),
        ]


async def test_an_event_that_comes_twice_is_handled_once() -> None:
    """The same message told two times by the gateway has one effect."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions) as stage:
        ann = fake.person("Ann")
        fake.faults.duplicate_events()
        await fake.say(ann, "one", channel=fake.dm(ann))
        await fake.say(ann, "two", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "re: two")
        assert [inbound.text for inbound in stage.heard] == ["one", "two"]


async def test_nobody_is_ever_pinged() -> None:
    """What the bot says makes nobody's device ring: not by names, roles, everyone or a reply."""
    everybody = "@everyone @here"
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann, bob = fake.person("Ann"), fake.person("Bob")
        hall = fake.channel(fake.guild("Home", [ann, bob]), "hall")
        async with playing(fake, sessions, long_and_streamed):
            await fake.say(ann, f"{everybody} <@{bob.id}> <@&{hall.guild.id}>", channel=hall, mention_bot=True)  # type: ignore[union-attr]
            await fake.wait_for(hall, "the end")
        async with playing(fake, sessions):
            used = await fake.slash(ann, "session switch", channel=hall, which=f"{everybody} {bob.mention}")
            assert everybody in (await used.answered()).content
        assert fake.pings == []


async def long_and_streamed(inbound: Inbound, outlet: Outlet) -> None:
    await outlet.feed(f"{inbound.text} ")
    await asyncio.sleep(0.6)
    await outlet.finish(Reply(text=f"{inbound.text} the end"))


# -- native commands -------------------------------------------------------------------------------


async def test_a_native_command_comes_with_its_options() -> None:
    """Path and typed options reach the handler; what is private is acknowledged for the caller alone, and fast."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions) as stage:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        used = await fake.slash(ann, "session switch", channel=hall, which="trip", count=3)
        answer = await used.answered()
        assert answer.deferred
        assert answer.ephemeral
        assert answer.acknowledged_at is not None
        assert answer.acknowledged_at - used.at < 0.5
        assert answer.content == "re: session switch {'which': 'trip', 'count': 3}"
        open_one = await (await fake.slash(ann, "history export", channel=hall, format="json")).answered()
        assert (open_one.ephemeral, open_one.content) == (False, "re: history export {'format': 'json'}")
        call = stage.heard[0].call
        assert call is not None
        assert (call.path, dict(call.options), stage.heard[0].text) == (
            ("session", "switch"),
            {"which": "trip", "count": 3},
            "",
        )


async def test_commands_are_registered_once() -> None:
    """Discord is told of the commands only when they are others than last time."""
    async with FakeDiscord.running() as fake, opened() as sessions:

        def told() -> int:
            return sum(call.method == "PUT" and call.path.endswith("/commands") for call in fake.calls)

        async with playing(fake, sessions):
            await eventually(lambda: told() == 1, "the commands")
            async with asyncio.timeout(5):
                while not await sessions.note(COMMANDS):  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0.02)
        async with playing(fake, sessions) as stage:
            await stage.stop()
        assert told() == 1
        async with playing(fake, sessions, menu=()):
            await eventually(lambda: told() == 2, "the commands again")


async def test_completion_is_for_the_person_who_types() -> None:
    """The suggester is asked with the typed line and the person's own address; what it gives is fitted and shown."""
    asked: list[tuple[str, str]] = []

    async def own(address: Address, line: str) -> Sequence[Suggestion]:
        asked.append((address.user_id, line))
        return [
            Suggestion(f"trip of {address.user_id}", "yesterday"),
            Suggestion("x" * 200),
            Suggestion("y", "z" * 200),
        ]

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, suggester=own):
        ann, bob = fake.person("Ann"), fake.person("Bob")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        offered = await fake.autocomplete(ann, "session switch", "which", "tri", channel=fake.dm(ann))
        assert asked == [(str(ann.id), "/session switch tri")]
        assert [choice.value for choice in offered] == [f"trip of {ann.id}", "y"]
        assert offered[0].name == f"trip of {ann.id} · yesterday"
        other = await fake.autocomplete(bob, "session switch", "which", "tri", channel=fake.dm(bob))
        assert other[0].value == f"trip of {bob.id}"


async def test_a_completion_that_fails_is_empty() -> None:
    """An error of the suggester shows as nothing to choose from."""

    async def broken(address: Address, line: str) -> Sequence[Suggestion]:
        raise LookupError

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, suggester=broken):
        ann = fake.person("Ann")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        assert await fake.autocomplete(ann, "session switch", "which", "", channel=fake.dm(ann)) == []


async def test_where_the_bot_is_not_a_command_is_between_it_and_the_person() -> None:
    """In a foreign server everything is for the presser alone, who is the only one in that chat."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions) as stage:
        ann, bob = fake.person("Ann"), fake.person("Bob")
        hall = fake.channel(fake.guild("Abroad", [ann, bob], has_bot=False), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        for person in (ann, bob):
            used = await fake.slash(person, "new", channel=hall, installed_for="user")
            assert (await used.answered()).ephemeral
        first, second = (inbound.address for inbound in stage.heard)
        assert first.chat_id != second.chat_id
        assert first.chat_kind is ChatKind.PRIVATE


# -- ways in which the bot can not be there -----------------------------------------------------------


async def test_without_the_intent_the_channel_ends_and_says_what_to_do() -> None:
    """The error names the switch in the Developer Portal."""
    async with FakeDiscord.running(message_content="forbidden") as fake, opened() as sessions:
        with pytest.raises(IntentMissing, match="Message Content Intent"):
            async with playing(fake, sessions) as stage:
                await asyncio.wait_for(stage.running, 5)


async def test_a_wrong_token_ends_the_channel_and_says_what_to_do() -> None:
    """The error names the place where a new token is made."""
    async with FakeDiscord.running() as fake, opened() as sessions:
        with pytest.raises(TokenRefused, match="Reset Token"):
            async with playing(fake, sessions, token="a-wrong-one"):
                pass


# -- long answers and files ---------------------------------------------------------------------------


async def test_a_long_answer_comes_in_pieces_and_a_very_long_one_as_a_file() -> None:
    """Up to five messages of 2,000 characters are sent; what is longer is a file."""

    async def lines(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.send(Reply(text="\n".join(f"line {number} {'x' * 80}" for number in range(int(inbound.text)))))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, lines):
        ann = fake.person("Ann")
        await fake.say(ann, "60", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "line 59")
        assert [len(message.content) <= 2000 for message in fake.messages(fake.dm(ann))] == [True] * 3
        await fake.say(ann, "600", channel=fake.dm(ann))
        message = await fake.wait_for(fake.dm(ann), lambda one: bool(one.files))
        assert message.files[0].name == "reply.md"
        assert message.files[0].content.decode().endswith(f"line 599 {'x' * 80}")


async def test_a_document_that_is_too_large_is_named_instead() -> None:
    """A file within the limit arrives; of a larger one the person learns why it does not."""

    async def export(inbound: Inbound, outlet: Outlet) -> None:
        content = b"x" * int(inbound.text)
        await outlet.send(Reply(text="here", document=Document(name="a.md", content=content, media_type="text/plain")))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, export):
        ann = fake.person("Ann")
        await fake.say(ann, "5", channel=fake.dm(ann))
        message = await fake.wait_for(fake.dm(ann), "here")
        assert [(file.name, file.content) for file in message.files] == [("a.md", b"xxxxx")]
        await fake.say(ann, "11000000", channel=fake.dm(ann))
        message = await fake.wait_for(fake.dm(ann), "The file a.md has 10.5 MiB")
        assert message.files == []
