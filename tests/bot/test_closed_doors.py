"""Private answers when the direct chat is closed: every private command, in a group, shows nothing there."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from adapters.discord.sender import SENT_IN_PRIVATE
from adapters.telegram.private import CLOSED, SENT
from bot.commands.command import Access
from bot.commands.table import COMMANDS
from tests.bot.asking import OnDiscord, OnTelegram
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, clocked, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.conftest import ManualClock
from tests.fakes.discord.message import Message
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.server import FakeTelegram

FAST = {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
FILLED = {
    "/session switch": "1", "/resume": "1", "/session tag": "blue", "/session untag": "blue", "/session delete": "1",
    "/checkpoint restore": "1", "/checkpoint delete": "1", "/history search": "teal",
}  # fmt: skip
PRIVATE = [
    f"{command.name} {FILLED.get(command.name, '')}".strip()
    for command in COMMANDS
    if command.private and command.name != "/compact" and command.access is Access.EVERYONE
]
SECRETS = ("teal", "Rome", "early", "blue")


async def prepared(telegram: FakeTelegram, ann: Person, direct: Chat, group: Chat) -> None:
    """Let Ann have a conversation in the group, with a title and a checkpoint."""
    for line in ("/session title Rome", '/checkpoint save "early"'):
        word, _, rest = line.partition(" ")
        await telegram.say(ann, f"{word}@palaver_bot {rest}", chat=group)
    await telegram.wait_for(group, "Saved checkpoint", timeout=10)
    await telegram.until(lambda: telegram.pending == 0)


def _is_new(known: set[int], message: Message) -> bool:
    return message.id not in known


def told(texts: list[str]) -> set[str]:
    return {secret for secret in SECRETS for text in texts if secret in text}


async def private_commands(telegram: FakeTelegram, ann: Person, group: Chat, expected: str) -> list[str]:
    """Use every private command in the group; give what was shown there to all."""
    for line in PRIVATE:
        before = telegram.messages(group)[-1]
        word, _, rest = line.partition(" ")
        await telegram.say(ann, f"{word}@palaver_bot {rest}".strip(), chat=group)
        answer = await telegram.wait_for(group, lambda _: True, timeout=10, after=before)
        assert answer.text == expected, line
    await asyncio.sleep(0.1)
    return [text for one in telegram.messages(group) if one.seen_by is None for text in (one.text, *one.edits)]


@pytest.mark.parametrize("closed", ["never opened", "blocked", "open"])
async def test_a_private_command_in_a_group_on_telegram(tmp_path: Path, closed: str) -> None:
    """With the direct chat closed the group is told how to open it, and nothing else; else the answers are there."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        group = telegram.group("Friends", members=[ann])
        direct = None if closed == "never opened" else telegram.private_chat(ann)
        async with running(tmp_path, {**on_telegram(telegram), **FAST}, paced=False):
            await prepared(telegram, ann, direct or group, group)
            if closed == "blocked":
                telegram.block(ann)
            public = len(telegram.messages(group))
            shown = await private_commands(telegram, ann, group, SENT if closed == "open" else CLOSED)
            assert told(shown[public:]) == set()
            if direct is not None and closed == "open":
                await telegram.until(lambda: told([one.text for one in telegram.messages(direct)]) >= {"Rome", "early"})
            else:
                assert [
                    one for one in telegram.calls if "document" in one[1] and one[1]["chat_id"] == str(group.id)
                ] == []


@pytest.mark.parametrize("closed", [True, False])
async def test_a_private_command_in_a_server_on_discord(tmp_path: Path, closed: bool) -> None:
    """Typed to the bot, with direct messages switched off: the channel is told so, and shown nothing."""
    async with FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        ann = fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[ann]), "general")
        async with running(tmp_path, {**on_discord(fake), **FAST}):
            await fake.connected(timeout=10)
            for line in ("/session title Rome", '/checkpoint save "early"'):
                await fake.say(ann, line, channel=general, mention_bot=True)
            await fake.wait_for(general, "Saved checkpoint", timeout=10)
            ann.blocks_bot = closed
            public = {message.id for message in fake.messages(general)}
            for line in PRIVATE:
                known = {message.id for message in fake.messages(general)}
                await fake.say(ann, line, channel=general, mention_bot=True)
                answer = await fake.wait_for(general, partial(_is_new, known), timeout=10)
                assert (answer.content == SENT_IN_PRIVATE) is not closed, line
            later = [one for one in fake.messages(general) if one.id not in public]
            assert told([text for one in later for text in (one.content, *one.edits)]) == set()
            assert [one for one in later if one.files or one.buttons] == []
            direct = [one.content for one in fake.messages(fake.dm(ann))]
            assert (direct == []) if closed else told(direct) >= {"Rome", "early"}
        assert fake.pings == []


@pytest.mark.parametrize("platform", ["telegram", "discord"])
async def test_a_reset_in_a_group_is_announced_whatever_is_closed(
    tmp_path: Path, clock: ManualClock, platform: str
) -> None:
    """No conversation begins anew without a word: where the private notice can not go, the group is told the reason."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN, clock=clock) as telegram,
        FakeDiscord.running(token=DISCORD_TOKEN, clock=clock) as fake,
    ):
        ann, user = telegram.person(42, "Ann"), fake.person("Ann")
        general = fake.channel(fake.guild("Club", members=[user]), "general")
        user.blocks_bot = True
        settings = on_telegram(telegram) if platform == "telegram" else on_discord(fake)
        async with running(tmp_path, {**settings, **FAST}, clock=clock, make=clocked(clock)):
            if platform == "discord":
                await fake.connected(timeout=10)
            group = telegram.group("Friends", members=[ann])
            somebody = OnTelegram(telegram, ann, group) if platform == "telegram" else OnDiscord(fake, user, general)
            await somebody.asks("the word is teal")
            await somebody.asks("/session idle-reset 30")
            clock.advance(31 * 60)
            await somebody.says("anybody there?")
            await somebody.hears("You said: “anybody there?”")
            await asyncio.sleep(0.3)
            assert any("nothing was said for a while" in shown for shown in somebody.glimpses())
