"""Commands, buttons and dialogues, from a person's client to the bot and back."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest
from discord import app_commands

from tests.conftest import ManualClock
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel
from tests.fakes.discord.refusal import Refused
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.visitor import Bot, visiting

if TYPE_CHECKING:
    Use = discord.Interaction[Bot]
else:
    Use = discord.Interaction


@dataclass(slots=True)
class Stage:
    """A bot with commands; `uses` are the interactions as it got them, for a test to answer."""

    fake: FakeDiscord
    bot: Bot
    ann: User
    bob: User
    general: Channel
    uses: asyncio.Queue[Use] = field(default_factory=asyncio.Queue)

    async def used(self) -> Use:
        """Give the next interaction that the bot got."""
        async with asyncio.timeout(5):
            return await self.uses.get()


def commands(stage: Stage) -> list[app_commands.Command[app_commands.Group, ..., None] | app_commands.Group]:
    """Make the commands of the tests: a group with a typed option, one with completions, one for all places."""
    checkpoint = app_commands.Group(name="checkpoint", description="Points to return to")
    session = app_commands.Group(name="session", description="Conversations")

    @checkpoint.command(name="save", description="Keep this point")
    async def save(use: Use, name: str, copies: app_commands.Range[int, 1, 3] = 1) -> None:
        use.extras["options"] = (name, copies)
        stage.uses.put_nowait(use)

    @session.command(name="switch", description="Go to another one")
    async def switch(use: Use, which: str) -> None:
        stage.uses.put_nowait(use)

    @switch.autocomplete("which")
    async def complete(use: Use, typed: str) -> list[app_commands.Choice[str]]:
        names = ("trip", "triage", "work")
        return [app_commands.Choice(name=name, value=name) for name in names if name.startswith(typed)]

    @app_commands.command(name="hello", description="Say hello")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def hello(use: Use) -> None:
        stage.uses.put_nowait(use)

    return [checkpoint, session, hello]


@pytest.fixture
async def stage(clock: ManualClock) -> AsyncIterator[Stage]:
    async with FakeDiscord.running(clock=clock) as fake:
        ann, bob = fake.person("Ann"), fake.person("Bob")
        general = fake.channel(fake.guild("Club", members=[ann, bob]), "general")
        async with visiting(fake) as bot:
            stage = Stage(fake, bot, ann, bob, general)
            for command in commands(stage):
                bot.tree.add_command(command)
            await bot.tree.sync()
            yield stage


async def test_commands_are_registered_and_used_with_typed_options(stage: Stage) -> None:
    """A native command reaches the bot with its options, and the answer reaches the person."""
    assert [command["name"] for command in stage.fake.commands[0]] == ["checkpoint", "session", "hello"]
    use = await stage.fake.slash(stage.ann, "checkpoint save", channel=stage.general, name="before", copies=2)
    got = await stage.used()
    await got.response.send_message("kept")
    answer = await use.answered()
    assert got.extras["options"] == ("before", 2)
    assert (got.user.id, got.guild_id) == (stage.ann.id, stage.general.guild and stage.general.guild.id)
    assert (answer.content, answer.ephemeral, answer.deferred) == ("kept", False, False)
    assert "[#general] Ann: /checkpoint save name=before copies=2" in stage.fake.transcript()


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("unknown", {}),
        ("checkpoint", {}),
        ("checkpoint lose", {}),
        ("checkpoint save", {}),
        ("checkpoint save", {"name": 5}),
        ("checkpoint save", {"name": "a", "copies": 9}),
        ("checkpoint save", {"name": "a", "colour": "red"}),
    ],
)
async def test_a_client_does_not_send_what_is_not_registered(
    stage: Stage, command: str, options: dict[str, Any]
) -> None:
    """Unknown commands, missing options and options of a wrong type never leave the person's client."""
    with pytest.raises(Refused):
        await stage.fake.slash(stage.ann, command, channel=stage.general, **options)


async def test_completions_are_offered(stage: Stage) -> None:
    """While somebody types, the bot's completions are shown."""
    choices = await stage.fake.autocomplete(stage.ann, "session switch", "which", "tri", channel=stage.general)
    assert choices == [("trip", "trip"), ("triage", "triage")]


async def test_a_deferred_private_answer_is_seen_by_one_person(stage: Stage) -> None:
    """A deferral with the ephemeral flag makes the answer private, whatever the followup says."""
    use = await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    got = await stage.used()
    await got.response.defer(ephemeral=True)
    assert stage.fake.messages(stage.general) == []
    assert (await use.acknowledged()).deferred
    await got.followup.send("for you", ephemeral=False, file=discord.File(io.BytesIO(b"x"), "x.txt"))
    await got.edit_original_response(content="for you alone")
    answer = await use.answered()
    assert (answer.content, answer.ephemeral, answer.edits) == ("for you alone", True, ["for you"])
    assert [file.name for file in answer.files] == ["x.txt"]
    assert stage.fake.messages(stage.general, stage.bob) == []
    assert stage.fake.messages(stage.general, stage.ann) == [answer.message]


async def test_the_first_answer_has_three_seconds(stage: Stage, clock: ManualClock) -> None:
    """After three seconds without an answer the interaction is unknown."""
    await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    got = await stage.used()
    clock.advance(3.5)
    with pytest.raises(discord.NotFound) as caught:
        await got.response.send_message("too late")
    assert caught.value.code == 10062


async def test_after_a_deferral_is_deleted_a_followup_is_a_message_of_its_own(stage: Stage) -> None:
    """Nothing is waited for any more, so it is as private as it says."""
    use = await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    got = await stage.used()
    await got.response.defer()
    await got.delete_original_response()
    await got.followup.send("for you", ephemeral=True)
    answer = await use.answered()
    assert [one.ephemeral_for for one in answer.followups] == [stage.ann]
    with pytest.raises(discord.NotFound):
        await got.edit_original_response(content="gone")


async def test_a_token_lives_for_fifteen_minutes(stage: Stage, clock: ManualClock) -> None:
    """Edits and followups work for 15 minutes, and not a second longer."""
    await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    got = await stage.used()
    await got.response.send_message("hello")
    clock.advance(14 * 60)
    await got.edit_original_response(content="still")
    clock.advance(61)
    with pytest.raises(discord.HTTPException) as edit:
        await got.edit_original_response(content="gone")
    with pytest.raises(discord.HTTPException) as followup:
        await got.followup.send("gone")
    assert (edit.value.code, followup.value.code) == (50027, 50027)


async def test_there_is_one_first_answer(stage: Stage) -> None:
    """Whoever answers second learns that it was answered already."""
    await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    got = await stage.used()
    twin = discord.InteractionResponse(got)
    await got.response.send_message("one")
    with pytest.raises(discord.HTTPException) as caught:
        await twin.send_message("two")
    assert caught.value.code == 40060


async def test_a_button_is_pressed_and_its_message_changes(stage: Stage) -> None:
    """A press reaches the bot, whose answer can change the message."""
    view = discord.ui.View(timeout=None)
    button: discord.ui.Button[discord.ui.View] = discord.ui.Button(label="Undo", custom_id="undo:1")

    async def undo(got: Use) -> None:
        await got.response.edit_message(content="undone", view=None)

    button.callback = undo  # type: ignore[method-assign, assignment]
    view.add_item(button)
    place = stage.bot.get_channel(stage.general.id)
    assert isinstance(place, discord.TextChannel)
    await place.send("reset", view=view)
    shown = stage.fake.messages(stage.general)[0]
    with pytest.raises(Refused):
        await stage.fake.press(stage.ann, shown, "Redo")
    answer = await (await stage.fake.press(stage.ann, shown, "Undo")).answered()
    assert (answer.updates, shown.content, shown.buttons, shown.edits) == (True, "undone", [], ["reset"])


async def test_a_dialogue_is_filled_in(stage: Stage) -> None:
    """A modal that the bot opens comes back with what the person wrote."""

    class Note(discord.ui.Modal, title="Note"):
        text: discord.ui.TextInput[Note] = discord.ui.TextInput(label="Text", custom_id="text")

        async def on_submit(self, got: discord.Interaction) -> None:
            await got.response.send_message(f"noted: {self.text.value}", ephemeral=True)

    use = await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    await (await stage.used()).response.send_modal(Note())
    await use.answered()
    sent = await stage.fake.submit(stage.ann, use, text="milk")
    assert (await sent.answered()).content == "noted: milk"


async def test_in_a_foreign_server_a_person_uses_the_bot_that_they_installed(stage: Stage) -> None:
    """Where the bot is no member, its own users can use it, with five followups."""
    foreign = stage.fake.channel(stage.fake.guild("Foreign", members=[stage.ann], has_bot=False), "lobby")
    with pytest.raises(Refused):
        await stage.fake.slash(stage.ann, "hello", channel=foreign)
    await stage.fake.say(stage.ann, "not heard", channel=foreign)
    use = await stage.fake.slash(stage.ann, "hello", channel=foreign, installed_for="user")
    got = await stage.used()
    assert got.is_user_integration()
    assert not got.is_guild_integration()
    await got.response.send_message("hello", ephemeral=True)
    for number in range(5):
        await got.followup.send(str(number), ephemeral=True)
    with pytest.raises(discord.HTTPException) as caught:
        await got.followup.send("five", ephemeral=True)
    assert caught.value.code == 40094
    assert len(use.answer.followups) == 5
    assert stage.bot.heard.empty()


async def test_commands_work_in_direct_messages_and_private_channels(stage: Stage) -> None:
    """A command is offered where it says that it is, and the bot knows which place it is."""
    await stage.fake.slash(stage.ann, "hello", channel=stage.fake.dm(stage.ann))
    with_bot = await stage.used()
    among = stage.fake.dm(stage.ann, stage.bob)
    await stage.fake.slash(stage.ann, "hello", channel=among, installed_for="user")
    among_people = await stage.used()
    assert isinstance(with_bot.channel, discord.DMChannel)
    assert with_bot.context.dm_channel
    assert among_people.context.private_channel


async def test_a_lost_acknowledgement_reaches_the_person_all_the_same(stage: Stage) -> None:
    """When the connection breaks after the first answer, the answer has been given."""
    use = await stage.fake.slash(stage.ann, "hello", channel=stage.general)
    got = await stage.used()
    stage.fake.faults.drop_after("POST", "/callback$")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await got.response.send_message("hello")
    assert (await use.answered()).content == "hello"
