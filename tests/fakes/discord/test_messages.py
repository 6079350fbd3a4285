"""Messages of the bot, as the fake takes and refuses them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import discord
import pytest

from tests.conftest import ManualClock
from tests.fakes.discord.document import Document
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel
from tests.fakes.discord.rate import Rate, Rates
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.visitor import Bot, visiting


@dataclass(frozen=True, slots=True)
class Club:
    """A server with two people, one channel, and the bot."""

    fake: FakeDiscord
    bot: Bot
    ann: User
    bob: User
    general: Channel

    async def place(self, channel: Channel | None = None) -> discord.abc.Messageable:
        """Give a channel as the bot knows it."""
        found = self.bot.get_channel((channel or self.general).id)
        assert isinstance(found, discord.abc.Messageable)
        return found

    async def post(self, path: str, document: Document) -> tuple[int, Document]:
        """Ask without discord.py, which would not send what is wrong."""
        headers = {"Authorization": f"Bot {self.fake.world.token}"}
        url = f"{self.fake.api_url}{path}"
        async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json=document) as response:
            return response.status, await response.json()


@pytest.fixture
async def club(clock: ManualClock) -> AsyncIterator[Club]:
    async with FakeDiscord.running(clock=clock) as fake:
        ann, bob = fake.person("Ann"), fake.person("Bob")
        general = fake.channel(fake.guild("Club", members=[ann, bob]), "general")
        async with visiting(fake) as bot:
            yield Club(fake, bot, ann, bob, general)


async def test_the_bot_sends_edits_and_deletes(club: Club) -> None:
    """What the bot sends is shown, with its history, until it is deleted."""
    sent = await (await club.place()).send("one")
    await sent.edit(content="two")
    shown = await club.fake.wait_for(club.general, "two")
    assert (shown.edits, shown.author) == (["one"], club.fake.bot)
    await sent.delete()
    assert club.fake.messages(club.general) == []


async def test_a_nonce_makes_a_repeated_message_the_first_one(club: Club, clock: ManualClock) -> None:
    """The same nonce gives the first message again for some minutes, and a new one later."""
    place = await club.place()
    first, again = await place.send("hello", nonce="n-1"), await place.send("hello", nonce="n-1")
    clock.advance(600)
    later = await place.send("hello", nonce="n-1")
    assert first.id == again.id != later.id
    assert [one.nonce for one in club.fake.messages(club.general)] == ["n-1", "n-1"]


@pytest.mark.parametrize("kind", ["before", "after"])
async def test_a_lost_answer_is_repeated_without_a_second_message(club: Club, kind: str) -> None:
    """A connection cut after sending leaves one message when the bot sends again with the same nonce."""
    (club.fake.faults.cut if kind == "before" else club.fake.faults.drop_after)("POST", "/messages$")
    place = await club.place()
    with pytest.raises(aiohttp.ClientError):
        await place.send("hello", nonce="n-1")
    await place.send("hello", nonce="n-1")
    assert len(club.fake.messages(club.general)) == 1


async def test_files_buttons_and_replies_are_kept(club: Club) -> None:
    """Files can be read back, buttons are listed, and a reply knows what it answers."""
    asked = await club.fake.say(club.ann, "export?", channel=club.general)
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Undo", custom_id="undo:1"))
    heard = await club.bot.hears()
    sent = await heard.reply("here", file=discord.File(io.BytesIO(b"data"), "export.json"), view=view)
    shown = club.fake.messages(club.general)[0]
    assert (shown.buttons, shown.reply_to) == ([("Undo", "undo:1")], asked)
    assert [(file.name, file.content) for file in shown.files] == [("export.json", b"data")]
    assert await sent.attachments[0].read() == b"data"


async def test_who_would_have_been_pinged_is_known(club: Club) -> None:
    """Nobody is pinged where mentions are not allowed; otherwise the fake says who."""
    place = await club.place()
    text = f"@everyone {club.ann.mention}"
    await place.send(text)
    assert club.fake.pings == []
    await place.send(text, allowed_mentions=discord.AllowedMentions(users=True))
    assert [ping.who for ping in club.fake.pings] == ["Ann"]


@pytest.mark.parametrize(
    ("document", "code", "where"),
    [
        ({"content": "x" * 2001}, 50035, "content"),
        ({"content": "  "}, 50006, None),
        ({"content": "x", "colour": 1}, 50035, "colour"),
        ({"content": "x", "nonce": "n" * 26}, 50035, "nonce"),
        ({"content": "x", "flags": 64}, 50035, "flags"),
        ({"content": "x", "components": [{"type": 1, "components": []}]}, 50035, "components"),
        ({"content": "x", "message_reference": {"message_id": "1"}}, 50035, "message_reference"),
    ],
)
async def test_what_breaks_the_rules_is_refused(club: Club, document: Document, code: int, where: str | None) -> None:
    """A message outside the platform's limits is refused, and the answer says where the fault is."""
    status, answer = await club.post(f"/channels/{club.general.id}/messages", document)
    assert (status, answer["code"]) == (400, code)
    assert list(answer.get("errors", {})) == ([where] if where else [])
    assert club.fake.messages(club.general) == []


@pytest.mark.parametrize(
    "change", [{"custom_id": "y" * 101}, {"label": "y" * 81}, {"custom_id": None}, {"custom_id": "a"}, {"style": 9}]
)
async def test_buttons_have_limits(club: Club, change: Document) -> None:
    """A button needs an id of its own and a short label."""
    first = {"type": 2, "style": 1, "label": "A", "custom_id": "a"}
    rows = [{"type": 1, "components": [first, {**first, "custom_id": "b", **change}]}]
    status, answer = await club.post(f"/channels/{club.general.id}/messages", {"content": "x", "components": rows})
    assert (status, answer["code"]) == (400, 50035)


async def test_a_file_that_is_too_large_is_refused(club: Club) -> None:
    """More than 10 MiB in one file is answered with 413 and 40005."""
    large = discord.File(io.BytesIO(b"x" * (10 * 1024 * 1024 + 1)), "large.bin")
    with pytest.raises(discord.HTTPException) as caught:
        await (await club.place()).send(file=large)
    assert (caught.value.status, caught.value.code) == (413, 40005)


async def test_the_history_gives_what_was_missed(club: Club) -> None:
    """A bot that was away reads what came after the last message it knew, oldest first."""
    first = await club.fake.say(club.ann, "0", channel=club.general)
    for number in range(1, 4):
        await club.fake.say(club.ann, str(number), channel=club.general)
    place = await club.place()
    read = [one.content async for one in place.history(after=discord.Object(first.id), limit=100)]
    assert read == ["1", "2", "3"]


async def test_threads_open_archive_and_open_again(club: Club) -> None:
    """Sending into an archived thread opens it again, unless it is locked."""
    place = await club.place()
    assert isinstance(place, discord.TextChannel)
    thread = await place.create_thread(name="topic", type=discord.ChannelType.public_thread)
    await thread.edit(archived=True)
    kept = club.fake.world.channels[thread.id]
    assert kept.archived
    await thread.send("hello")
    assert not kept.archived
    await thread.edit(archived=True, locked=True)
    with pytest.raises(discord.Forbidden):
        await thread.send("hello")


async def test_a_direct_message_can_be_opened_and_may_be_blocked(club: Club) -> None:
    """The bot can write to a person first, but not to one who blocked it."""
    user = await club.bot.fetch_user(club.ann.id)
    await user.send("hello")
    assert club.fake.messages(club.fake.dm(club.ann))[0].content == "hello"
    club.ann.blocks_bot = True
    with pytest.raises(discord.Forbidden) as caught:
        await user.send("hello?")
    assert caught.value.code == 50007


async def test_rights_can_be_taken_away(club: Club) -> None:
    """Without the right to write or to read, the bot is told so."""
    place = await club.place()
    club.general.writable = False
    with pytest.raises(discord.Forbidden) as unwritable:
        await place.send("hello")
    club.general.readable = False
    with pytest.raises(discord.Forbidden) as unreadable:
        await place.send("hello")
    assert (unwritable.value.code, unreadable.value.code) == (50013, 50001)


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_too_many_requests_are_waited_for(club: Club, scope: str) -> None:
    """A 429 of any scope makes discord.py wait and send again, once."""
    club.fake.faults.too_many("/messages$", retry_after=0.05, scope=scope)  # type: ignore[arg-type]
    await (await club.place()).send("hello")
    assert len(club.fake.messages(club.general)) == 1
    assert [call.method for call in club.fake.calls if call.path.endswith("/messages")] == ["POST", "POST"]
    assert club.fake.front.invalid == (0 if scope == "shared" else 1)


async def test_discord_py_keeps_to_the_limits_that_it_is_told(club: Club) -> None:
    """With the platform's headers discord.py waits by itself, and is never refused."""
    club.fake.front.limiter.rates = Rates(Rate(2, 0.3))
    place = await club.place()
    for number in range(5):
        await place.send(str(number))
    assert [one.content for one in club.fake.messages(club.general)] == list("01234")
    assert club.fake.front.invalid == 0


async def test_a_failing_server_is_asked_again(club: Club) -> None:
    """After a 500 discord.py tries again; a 503 it passes on."""
    club.fake.faults.fail("POST", "/messages$", status=500)
    place = await club.place()
    await place.send("hello")
    club.fake.faults.fail("POST", "/messages$", status=503)
    with pytest.raises(discord.DiscordServerError):
        await place.send("hello")
    assert len(club.fake.messages(club.general)) == 1


async def test_typing_is_seen(club: Club) -> None:
    """The fake counts how often the bot was seen typing."""
    async with (await club.place()).typing():
        pass
    assert club.fake.typing(club.general) == 1
