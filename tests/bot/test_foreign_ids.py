"""Ids of other people: whatever one asks for, what belongs to somebody else can not be told from what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.commands.command import Kind
from bot.commands.table import COMMANDS
from sessions import Address
from tests.bot.asking import Asker, OnDiscord, OnTelegram
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, Bot, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.bot.visit import offered
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

NEEDS = {
    kind: sorted(command.name for command in COMMANDS if kind in [one.kind for one in command.parameters])
    for kind in (Kind.SESSION, Kind.CHECKPOINT)
}
TWINS = {
    "/session switch": "Back in",
    "/resume": "Back in",
    "/session delete": "Erase this conversation",
    "/checkpoint restore": "Back at checkpoint",
    "/checkpoint delete": "Deleted checkpoint",
}
TITLE, NAME, WORDS = "Wedding in Riga", "before-the-vows", "the ring is hidden"
FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}


@dataclass(frozen=True)
class Belongings:
    """What of hers Ann's ids name: a set-aside conversation, and a checkpoint of the current one."""

    session: str
    checkpoint: str

    def references(self, kind: Kind) -> list[str]:
        """Give all ways in which somebody could name one."""
        if kind is Kind.SESSION:
            return [self.session, self.session[:6], TITLE, self.session.upper()]
        return [self.checkpoint, NAME, self.checkpoint.upper()]


def missing(reference: str) -> str:
    """Make a reference of the same form that names nothing."""
    if reference in (TITLE, NAME):
        return reference[::-1]
    session, dash, number = reference.partition("-")
    return f"{session[::-1]}{dash}{number}"


async def settle(ann: Asker, bot: Bot, address: Address) -> Belongings:
    """Let Ann have two conversations, and a checkpoint in the current one."""
    await ann.asks(f"say {WORDS}")
    await ann.asks(f"/session title {TITLE}")
    await ann.asks("/new Honeymoon")
    await ann.asks(f"say {WORDS} well")
    await ann.asks(f'/checkpoint save "{NAME}" {WORDS}')
    aside, current = sorted(await bot.sessions.own_sessions(address), key=lambda one: one.status.is_current)
    (checkpoint,) = await bot.sessions.list_checkpoints(current.id)
    return Belongings(aside.id, checkpoint.id)


@dataclass
class Scene:
    """Ann and Ben on one platform."""

    bot: Bot
    ann: Asker
    ben: Asker
    address: Address


@asynccontextmanager
async def telegram_scene(tmp_path: Path, where: str) -> AsyncIterator[Scene]:
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann, ben = telegram.person(42, "Ann"), telegram.person(43, "Ben")
        chats = telegram.private_chat(ann), telegram.private_chat(ben)
        group = telegram.group("Friends", members=[ann, ben])
        account = TELEGRAM_TOKEN.partition(":")[0]
        async with running(tmp_path, {**on_telegram(telegram), **FAST}, paced=False) as bot:
            address = Address(platform="telegram", account=account, chat_id="42", user_id="42")
            places = (group, group) if where == "group" else chats
            anns, bens = OnTelegram(telegram, ann, places[0], chats[0]), OnTelegram(telegram, ben, places[1], chats[1])
            yield Scene(bot, anns, bens, address)


@asynccontextmanager
async def discord_scene(tmp_path: Path, where: str) -> AsyncIterator[Scene]:
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann, ben = fake.person("Ann"), fake.person("Ben")
        general = fake.channel(fake.guild("Club", members=[ann, ben]), "general")
        dms = (general, general) if where == "group" else (fake.dm(ann), fake.dm(ben))
        async with running(tmp_path, {**on_discord(fake), **FAST}) as bot:
            await fake.connected(timeout=10)
            await offered(fake)
            account = str(fake.bot.id)
            address = Address(platform="discord", account=account, chat_id=str(dms[0].id), user_id=str(ann.id))
            yield Scene(bot, OnDiscord(fake, ann, dms[0]), OnDiscord(fake, ben, dms[1]), address)


def test_every_command_that_takes_an_id_is_tried_here() -> None:
    """A command of the table that is new has to be thought of."""
    assert sorted(NEEDS[Kind.SESSION] + NEEDS[Kind.CHECKPOINT]) == sorted(TWINS)


SCENES = {"telegram": telegram_scene, "discord": discord_scene}


@pytest.mark.parametrize("where", ["private", "group"])
@pytest.mark.parametrize("platform", ["telegram", "discord"])
async def test_a_foreign_id_is_answered_like_one_that_is_not_there(tmp_path: Path, platform: str, where: str) -> None:
    """Every command that takes an id, typed, with every way to name something: the same bytes; its owner gets it."""
    async with SCENES[platform](tmp_path, where) as scene:
        bot, ann, ben = scene.bot, scene.ann, scene.ben
        hers = await settle(ann, bot, scene.address)
        before = await kept(bot, scene.address)
        await ben.asks("say hello")
        for kind, commands in NEEDS.items():
            for command in commands:
                for reference in hers.references(kind):
                    made_up = missing(reference)
                    foreign = (await ben.asks(f"{command} {reference}")).without(reference)
                    nowhere = (await ben.asks(f"{command} {made_up}")).without(made_up)
                    assert foreign == nowhere
                    assert "There is no" in foreign.text
                    assert not foreign.labels
        assert await kept(bot, scene.address) == before
        await the_owner_gets_it(ann, hers)


async def the_owner_gets_it(ann: Asker, hers: Belongings) -> None:
    """See that the same lines work for their owner; what is deleted is asked for last."""
    for command in ("/session switch", "/resume", "/session delete"):
        for reference in hers.references(Kind.SESSION):
            await ann.asks("/session switch Honeymoon")
            assert TWINS[command] in (await ann.asks(f"{command} {reference}")).text
            await ann.asks("no")
    await ann.asks("/session switch Honeymoon")
    for command in ("/checkpoint restore", "/checkpoint delete"):
        assert TWINS[command] in (await ann.asks(f"{command} {hers.checkpoint}")).text


async def kept(bot: Bot, address: Address) -> object:
    """Give all that is stored of somebody."""
    sessions = await bot.sessions.own_sessions(address)
    return [
        (one, await bot.sessions.get_history(one.id, limit=None), await bot.sessions.list_checkpoints(one.id))
        for one in sessions
    ]


@pytest.mark.parametrize("platform", ["telegram", "discord"])
async def test_numbers_name_ones_own_alone(tmp_path: Path, platform: str) -> None:
    """Guessing 1 to 50 finds one's own conversations and checkpoints, and beyond them nothing."""
    async with SCENES[platform](tmp_path, "private") as scene:
        await settle(scene.ann, scene.bot, scene.address)
        await scene.ben.asks("say hello")
        await scene.ben.asks("/session title Mine")
        await scene.ben.asks("/checkpoint save Mine")
        for command, own in (("/session switch", "already"), ("/checkpoint restore", "Back at checkpoint")):
            assert own in (await scene.ben.asks(f"{command} 1")).text
            # Going back to a checkpoint sets one of its own, numbered 2.
            answers = [(await scene.ben.asks(f"{command} {number}")).text for number in range(3, 51)]
            # An id may begin with the digit; then it is one's own all the same.
            assert [answer for answer in answers if "There is no" not in answer and "Mine" not in answer] == []


async def test_a_native_command_tells_no_more(tmp_path: Path) -> None:
    """The options of native commands and their completion know nothing of others either."""
    async with discord_scene(tmp_path, "group") as scene:
        ann, ben = scene.ann, scene.ben
        assert isinstance(ann, OnDiscord)
        assert isinstance(ben, OnDiscord)
        hers = await settle(ann, scene.bot, scene.address)
        await ben.asks("say hello")
        for kind, commands in NEEDS.items():
            for name in commands:
                command, reference = name.removeprefix("/"), hers.references(kind)[0]
                made_up = missing(reference)
                foreign = (await ben.uses(command, which=reference)).without(reference)
                assert foreign == (await ben.uses(command, which=made_up)).without(made_up)
                assert (foreign.private, "There is no" in foreign.text) == (True, True)
                assert await ben.is_offered(command, "which", reference[:4]) == []
                assert reference in str(await ann.is_offered(command, "which", "")) or kind is Kind.CHECKPOINT
        assert "Back in" in (await ann.uses("session switch", which=hers.session)).text
