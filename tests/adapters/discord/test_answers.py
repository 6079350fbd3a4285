"""How answers reach people: private ones, buttons, streams, and whatever Discord puts in their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.channel import Outlet
from adapters.discord.channel import DiscordChannel
from adapters.discord.interactions import NOT_YOURS, USED
from adapters.discord.sender import NOT_IN_PRIVATE, SENT_IN_PRIVATE
from adapters.inbound import Inbound
from adapters.reply import Choice, Reply
from sessions.address import Address, ChatKind
from tests.adapters.discord.stage import Answer, eventually, everybody, nothing_to_complete, opened, playing
from tests.conftest import ManualClock
from tests.fakes.discord.message import Message
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel
from tests.fakes.discord.server import FakeDiscord

SECRET = "what was said in private"


async def secretive(inbound: Inbound, outlet: Outlet) -> None:
    await outlet.send(Reply(text=SECRET, private=True))


async def asking(inbound: Inbound, outlet: Outlet) -> None:
    choices = (Choice(label="Yes", text="yes"), Choice(label="No", text="no"))
    if inbound.text in ("yes", "no"):
        await outlet.send(Reply(text=f"you said {inbound.text}"))
    else:
        await outlet.send(Reply(text="Sure?", choices=choices))


# -- private answers ---------------------------------------------------------------------------------


async def test_a_private_answer_to_a_command_is_for_the_caller_alone() -> None:
    """Nobody else in the channel sees it, whether or not the command was said to be private."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, secretive):
        ann, bob = fake.person("Ann"), fake.person("Bob")
        hall = fake.channel(fake.guild("Home", [ann, bob]), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        await fake.slash(ann, "session switch", channel=hall, which="x")
        await fake.wait_for(hall, SECRET, viewer=ann)
        await fake.slash(bob, "history export", channel=hall)
        await fake.wait_for(hall, SECRET, viewer=bob)
        assert [one.ephemeral_for for one in fake.messages(hall) if SECRET in one.content] == [ann, bob]


def seen_by_others(fake: FakeDiscord, person: User) -> list[str]:
    """Give what the bot ever showed in servers to more people than this one."""
    entries = fake.world.chronicle.entries
    return [one.text for one in entries if one.who is fake.bot and one.channel.guild and one.only is not person]


async def test_a_command_whose_answer_turns_out_to_be_private_leaves_nothing_behind() -> None:
    """That all were told an answer would come is taken back before the caller alone has it, whole and in order."""
    long = Reply(text="secret " * 600 + "end", private=True)

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.send(long)
        await outlet.send(Reply(text="a second one", private=True))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, answer):
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        used = await fake.slash(ann, "history export", channel=hall)
        await fake.wait_for(hall, "a second one", viewer=ann)
        assert [one.ephemeral_for for one in fake.messages(hall)] == [ann] * 4
        assert fake.messages(hall)[2].content.endswith("end")
        assert used.answer.message is not None
        assert used.answer.message.deleted
        assert seen_by_others(fake, ann) == ["is thinking...", "(deletes) ..."]
        assert fake.messages(fake.dm(ann)) == []


async def test_a_private_answer_waits_until_the_public_one_before_it_is_out() -> None:
    """Else Discord would take it for the answer that all are waiting for."""

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.send(Reply(text="for all"))
        await outlet.send(Reply(text=SECRET, private=True))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, answer):
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        fake.faults.cut("PATCH", "@original$", times=2)
        used = await fake.slash(ann, "history export", channel=hall)
        await fake.wait_for(hall, SECRET, viewer=ann, timeout=15)
        assert used.answer.content == "for all"
        assert all(SECRET not in text for text in seen_by_others(fake, ann))


async def test_somebody_who_is_not_known_is_answered_before_their_eyes_alone() -> None:
    """Not even that an answer would come is seen by anybody else; who is known is answered before all."""
    known: list[str] = []

    async def knows(address: Address) -> bool:
        return address.user_id in known

    async with (
        FakeDiscord.running() as fake,
        opened() as sessions,
        playing(fake, sessions, secretive, knows=knows),
    ):
        ann, bob = fake.person("Ann"), fake.person("Bob")
        known.append(str(ann.id))
        hall = fake.channel(fake.guild("Home", [ann, bob]), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        used = await fake.slash(bob, "history export", channel=hall)
        assert (await used.answered()).content == SECRET
        assert seen_by_others(fake, bob) == []
        await (await fake.slash(ann, "history export", channel=hall)).answered()
        assert seen_by_others(fake, ann)[0] == "is thinking..."


async def test_whoever_can_not_be_looked_up_in_time_is_answered_alone() -> None:
    """Discord waits three seconds for the first answer; in doubt nobody else sees it."""

    async def slow(address: Address) -> bool:
        await asyncio.sleep(2)
        return True

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, knows=slow):
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        used = await fake.slash(ann, "new", channel=hall)
        await used.acknowledged(timeout=1)
        assert (await used.answered()).ephemeral


async def test_a_private_answer_to_a_message_comes_as_a_direct_message() -> None:
    """The channel is told where the answer went, and nothing else."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, secretive):
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await fake.say(ann, "history", channel=hall, mention_bot=True)
        await fake.wait_for(fake.dm(ann), SECRET)
        await fake.wait_for(hall, SENT_IN_PRIVATE)
        assert [one.content for one in fake.messages(hall)] == [SENT_IN_PRIVATE]
        assert len(fake.messages(fake.dm(ann))) == 1


async def test_buttons_that_act_on_a_place_stay_out_of_the_direct_chat() -> None:
    """What means the same everywhere comes along with an answer that was asked for in a channel."""
    choices = (Choice(label="Yes", text="yes #abc123", anywhere=True), Choice(label="1", text="/resume 1"))

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.send(Reply(text=f"re: {inbound.text}", private=True, choices=choices))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, answer) as stage:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await fake.say(ann, "erase", channel=hall, mention_bot=True)
        message = await fake.wait_for(fake.dm(ann), "re: erase")
        assert [button.label for button in message.buttons] == ["Yes"]
        await fake.press(ann, message, "Yes")
        both = await fake.wait_for(fake.dm(ann), "re: yes #abc123")
        assert [button.label for button in both.buttons] == ["Yes", "1"]
        assert stage.heard[1].address.chat_kind is ChatKind.PRIVATE


async def test_who_takes_no_direct_messages_is_told_so_and_nothing_is_shown() -> None:
    """A private answer that can not be delivered in private is not delivered."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, secretive):
        ann = fake.person("Ann")
        ann.blocks_bot = True
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        await fake.say(ann, "history", channel=hall, mention_bot=True)
        await fake.wait_for(hall, NOT_IN_PRIVATE)
        assert SECRET not in fake.transcript()


async def test_what_answers_nothing_reaches_its_chat() -> None:
    """A notice is posted to the address, also one that was made before the bot was connected."""
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        place = Address(
            platform="discord",
            account=str(fake.bot.id),
            chat_id=str(hall.id),
            user_id=str(ann.id),
            chat_kind=ChatKind.GROUP,
        )
        channel = DiscordChannel(
            token=fake.world.token,
            sessions=sessions,
            menu=(),
            suggester=nothing_to_complete,
            knows=everybody,
            api_url=fake.api_url,
            gateway_url=fake.gateway_url,
        )
        await channel.notify(place, Reply(text="before"))
        async with playing(fake, sessions, channel=channel):
            await fake.wait_for(hall, "before")
            await channel.notify(place, Reply(text="after"))
            await fake.wait_for(hall, "after")
            await channel.notify(place, Reply(text=SECRET, private=True))
            await fake.wait_for(fake.dm(ann), SECRET)
            await fake.wait_for(hall, SENT_IN_PRIVATE)


# -- buttons -----------------------------------------------------------------------------------------


async def asked(fake: FakeDiscord, channel: Channel) -> Message:
    return await fake.wait_for(channel, lambda one: bool(one.buttons))


async def test_a_button_works_once_and_for_its_person() -> None:
    """Another person's press and a second one change nothing, and say so to the presser alone."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, asking) as stage:
        ann, bob = fake.person("Ann"), fake.person("Bob")
        hall = fake.channel(fake.guild("Home", [ann, bob]), "hall")
        await fake.say(ann, "erase", channel=hall, mention_bot=True)
        message = await asked(fake, hall)
        foreign = await (await fake.press(bob, message, "Yes")).answered()
        assert (foreign.content, foreign.ephemeral) == (NOT_YOURS, True)
        assert len(stage.heard) == 1
        parts = [dict(part) for row in message.components for part in row["components"]]
        await fake.press(ann, message, "Yes")
        await fake.wait_for(hall, "you said yes")
        await eventually(lambda: all(one["disabled"] for one in message.components[0]["components"]), "the end of them")
        message.components = [{"type": 1, "components": parts}]  # as a client shows them that did not hear of it yet
        again = await fake.press(ann, message, "Yes")
        await fake.wait_for(hall, USED, viewer=ann)
        assert again.answer.followups[0].ephemeral_for is ann
        assert [inbound.text for inbound in stage.heard] == ["erase", "yes"]


async def test_the_buttons_for_others_stay() -> None:
    """Of several people who can be let in, the one for whom a button was pressed loses theirs."""
    people = tuple(
        Choice(label=f"Let in {code}", text=f"/pair approve {code}") for code in ("AAAA", "BBBB", "CCCC", "DDDD")
    )

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        pressed = inbound.text.startswith("/pair approve")
        await outlet.send(Reply(text=inbound.text) if pressed else Reply(text="Waiting", choices=people))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, answer):
        ann = fake.person("Ann")
        await fake.say(ann, "list", channel=fake.dm(ann))
        message = await asked(fake, fake.dm(ann))

        def dark() -> list[bool]:
            return [bool(part.get("disabled")) for row in message.components for part in row["components"]]

        await fake.press(ann, message, "Let in AAAA")
        await fake.wait_for(fake.dm(ann), "/pair approve AAAA")
        await eventually(lambda: dark() == [True, False, False, False], "the end of one button")
        for code in ("BBBB", "CCCC"):  # so soon that the second press tells of the message as it was before the first
            await fake.press(ann, message, f"Let in {code}")
        for code in ("BBBB", "CCCC"):
            await fake.wait_for(fake.dm(ann), f"/pair approve {code}")
        await eventually(lambda: dark() == [True, True, True, False], "the end of two others")


async def test_a_forged_button_counts_for_nothing() -> None:
    """One changed letter of what a button carries makes it nobody's."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, asking) as stage:
        ann = fake.person("Ann")
        await fake.say(ann, "erase", channel=fake.dm(ann))
        message = await asked(fake, fake.dm(ann))
        message.components[0]["components"][0]["custom_id"] += "!"
        answer = await (await fake.press(ann, message, "Yes")).answered()
        assert (answer.content, answer.ephemeral) == (NOT_YOURS, True)
        assert len(stage.heard) == 1


async def test_a_button_survives_a_restart_and_stays_used_through_one(clock: ManualClock) -> None:
    """A press counts for another process on the same store, once, and for a day."""
    async with FakeDiscord.running(clock=clock) as fake, opened(clock=clock) as sessions:
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        async with playing(fake, sessions, asking):
            await fake.say(ann, "erase", channel=chat)
            message = await asked(fake, chat)
        parts = [dict(part) for part in message.components[0]["components"]]
        async with playing(fake, sessions, asking):
            await fake.press(ann, message, "No")
            await fake.wait_for(chat, "you said no")
        message.components = [{"type": 1, "components": parts}]
        async with playing(fake, sessions, asking) as stage:
            await fake.press(ann, message, "No")
            await fake.wait_for(chat, USED, viewer=ann)
            clock.advance(24 * 60 * 60 + 60)
            late = await (await fake.press(ann, message, "Yes")).answered()
            assert late.content == NOT_YOURS
            assert stage.heard == []


# -- answers that are still being made -----------------------------------------------------------------


def streaming(*ends: str, between: float = 1.5) -> Answer:
    async def stream(inbound: Inbound, outlet: Outlet) -> None:
        for word in ("one ", "two ", "three "):
            await outlet.feed(word)
            await asyncio.sleep(between)
        for end in ends:
            reply = Reply(text=end)
            outlet.promise(reply)
            await outlet.finish(reply)

    return stream


async def test_a_message_grows_while_the_answer_is_made() -> None:
    """One message shows it from its first words to its last; what does not fit follows."""
    whole = "one two three " + "\n".join(f"line {number} {'x' * 80}" for number in range(40))
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, streaming(whole)):
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        await fake.say(ann, "go", channel=chat)
        await fake.wait_for(chat, "line 39")
        first, second = fake.messages(chat)
        assert first.edits[:2] == ["one", "one two"]
        assert first.content.startswith("one two three line 0")
        assert second.content.endswith(f"line 39 {'x' * 80}")


async def test_typing_shows_while_nothing_is_there_yet() -> None:
    """Who thinks for longer than an instant is seen typing."""

    async def slow(inbound: Inbound, outlet: Outlet) -> None:
        await asyncio.sleep(0.5)
        await outlet.send(Reply(text="done"))

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, slow):
        ann = fake.person("Ann")
        await fake.say(ann, "go", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "done")
        assert fake.typing(fake.dm(ann)) == 1


async def test_the_answer_to_a_command_grows_as_well() -> None:
    """The deferred answer itself is edited, and ends as the whole reply."""
    stream = streaming("one two three.", between=0.6)
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, stream):
        ann = fake.person("Ann")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        used = await fake.slash(ann, "new", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "one two three.")
        assert used.answer.followups == []
        assert "one" in used.answer.edits


async def test_a_reply_that_is_dropped_is_taken_away() -> None:
    """An empty end removes what was shown of an answer."""
    dropped = streaming("", between=0.3)
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, dropped):
        ann = fake.person("Ann")
        await fake.say(ann, "go", channel=fake.dm(ann))
        await fake.wait_for(fake.dm(ann), "one")
        await eventually(lambda: fake.messages(fake.dm(ann)) == [], "an empty chat")
        assert await sessions.verify() == []


async def test_a_command_without_an_answer_does_not_go_on_thinking() -> None:
    """The sign that an answer will come is taken away when none does."""

    async def silent(inbound: Inbound, outlet: Outlet) -> None:
        await asyncio.sleep(0)

    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions, silent):
        ann = fake.person("Ann")
        await eventually(lambda: bool(fake.commands[0]), "the commands")
        used = await fake.slash(ann, "new", channel=fake.dm(ann))
        await used.acknowledged()
        await eventually(lambda: used.answer.message is not None and used.answer.message.deleted, "an end of thinking")


async def test_an_answer_whose_place_was_deleted_is_a_message() -> None:
    """A moderator who removes the sign that an answer will come does not take the answer away."""
    go = asyncio.Event()
    async with FakeDiscord.running() as fake, opened() as sessions:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        async with playing(fake, sessions, held_until(go, Reply(text="here"))):
            await eventually(lambda: bool(fake.commands[0]), "the commands")
            used = await fake.slash(ann, "new", channel=hall)
            sign = (await used.acknowledged()).message
            assert sign is not None
            await fake.delete(sign)
            go.set()
            await fake.wait_for(hall, "here")


# -- the quarter of an hour ------------------------------------------------------------------------------


def held_until(go: asyncio.Event, reply: Reply) -> Answer:
    async def hold(inbound: Inbound, outlet: Outlet) -> None:
        await go.wait()
        await outlet.send(reply)

    return hold


async def test_after_a_quarter_of_an_hour_an_answer_is_a_message(clock: ManualClock) -> None:
    """When the token of a command has ended the answer comes as a message to the channel."""
    go = asyncio.Event()
    async with FakeDiscord.running(clock=clock) as fake, opened(clock=clock) as sessions:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        async with playing(fake, sessions, held_until(go, Reply(text="late"))):
            await eventually(lambda: bool(fake.commands[0]), "the commands")
            used = await fake.slash(ann, "new", channel=hall)
            await used.acknowledged()
            clock.advance(15 * 60 + 1)
            go.set()
            message = await fake.wait_for(hall, "late")
            assert message.interaction_id is None


async def test_after_a_quarter_of_an_hour_a_private_answer_is_a_direct_message(clock: ManualClock) -> None:
    """Also when only the platform knows that the token has ended, nothing private is shown to all."""
    go = asyncio.Event()
    async with FakeDiscord.running(clock=clock) as fake, opened(clock=clock) as sessions:
        ann = fake.person("Ann")
        hall = fake.channel(fake.guild("Home", [ann]), "hall")
        answer = held_until(go, Reply(text=SECRET, private=True))
        async with playing(fake, sessions, answer, clock=lambda: 0.0):
            await eventually(lambda: bool(fake.commands[0]), "the commands")
            used = await fake.slash(ann, "session switch", channel=hall, which="x")
            await used.acknowledged()
            clock.advance(15 * 60 + 1)
            go.set()
            await fake.wait_for(fake.dm(ann), SECRET)
            await asyncio.sleep(0.2)
            assert fake.messages(hall) == []


# -- what goes wrong on the way ------------------------------------------------------------------------

Fault = Callable[[FakeDiscord], None]
FAULTS: dict[str, Fault] = {
    "answered 503": lambda fake: fake.faults.fail("POST", "/messages$", status=503, times=2),
    "too many": lambda fake: fake.faults.too_many("/messages$", retry_after=0.3, method="POST"),
    "too many in all": lambda fake: fake.faults.too_many("/messages$", retry_after=0.3, scope="global", method="POST"),
    "done, then cut": lambda fake: fake.faults.drop_after("POST", "/messages$"),
    "cut": lambda fake: fake.faults.cut("POST", "/messages$"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_answer_arrives_once_whatever_happens_on_the_way(fault: str) -> None:
    """After errors, limits and broken connections there is one message, not none and not two."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions):
        ann = fake.person("Ann")
        chat = fake.dm(ann)
        FAULTS[fault](fake)
        await fake.say(ann, "one", channel=chat)
        await fake.wait_for(chat, "re: one", timeout=10)
        await fake.say(ann, "two", channel=chat)
        await fake.wait_for(chat, "re: two", timeout=10)
        assert [one.content for one in fake.messages(chat)] == ["re: one", "re: two"]


async def test_a_channel_that_takes_nothing_does_not_hold_up_the_others() -> None:
    """What a channel refuses for good is given up."""
    async with FakeDiscord.running() as fake, opened() as sessions, playing(fake, sessions):
        ann = fake.person("Ann")
        guild = fake.guild("Home", [ann])
        hall, den = fake.channel(guild, "hall"), fake.channel(guild, "den")
        hall.writable = False
        await fake.say(ann, "one", channel=hall, mention_bot=True)
        await fake.say(ann, "two", channel=den, mention_bot=True)
        await fake.wait_for(den, "re: two")
        hall.writable = True
        await fake.say(ann, "three", channel=hall, mention_bot=True)
        await fake.wait_for(hall, "re: three")
        assert [one.content for one in fake.messages(hall)] == ["re: three"]
