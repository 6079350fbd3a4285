"""The channel against a Bot API server: what people get to see, whatever goes wrong between."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import aiohttp
import pytest
from aiohttp import web

from adapters.channel import Handler, Outlet
from adapters.inbound import Inbound
from adapters.menu import MenuCommand
from adapters.reply import Choice, Document, Reply
from adapters.telegram.channel import TelegramChannel
from adapters.telegram.presses import REFUSED, USED
from adapters.telegram.private import ANONYMOUS, CLOSED, SENT
from adapters.telegram.webhook import Webhook
from adapters.telegram.wire import TokenRefused
from sessions.address import Address, ChatKind
from sessions.manager import SessionManager
from tests.conftest import ManualClock
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.message import BotMessage
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.server import FakeTelegram

KEY = bytes(range(32))
HELD_UP = 0.5  # seconds for which a busy machine may hold up a message that went out in time
MENU = (
    MenuCommand(path=("new",), summary="Start a new session"),
    MenuCommand(path=("history",), summary="Show what was said", private=True),
    MenuCommand(path=("history", "export"), summary="Get it as a file", private=True),
    MenuCommand(path=("admin", "keys"), summary="Look after keys", operators_only=True),
)


@pytest.fixture
async def server(clock: ManualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram.running(clock=clock) as server:
        yield server
        assert server.unknown_parameters == []
        assert [one for one in server.limits_violations if too_fast(one) > HELD_UP] == []


def too_fast(violation: str) -> float:
    """Give the seconds of what a stand-in notes, such as `too fast by 0.16 s: all chats together`."""
    return float(violation.split()[3])


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        yield sessions


@pytest.fixture
def ann(server: FakeTelegram) -> Person:
    return server.person(7, "Ann", username="ann")


@pytest.fixture
def chat(server: FakeTelegram, ann: Person) -> Chat:
    return server.private_chat(ann)


class Heard:
    """A handler that keeps what it is given, and answers as told."""

    def __init__(self, answer: Callable[[Inbound, Outlet], Awaitable[None]] | None = None) -> None:
        self.inbound: list[Inbound] = []
        self._answer = answer

    async def __call__(self, inbound: Inbound, outlet: Outlet) -> None:
        self.inbound.append(inbound)
        if self._answer is None:
            await outlet.send(Reply(text=f"re: {inbound.text}"))
        else:
            await self._answer(inbound, outlet)

    @property
    def texts(self) -> list[str]:
        return [inbound.text for inbound in self.inbound]


def replying(*replies: Reply) -> Heard:
    """Answer every message with these."""

    async def answer(_inbound: Inbound, outlet: Outlet) -> None:
        for reply in replies:
            await outlet.send(reply)

    return Heard(answer)


def channel_of(
    server: FakeTelegram, sessions: SessionManager, clock: ManualClock, webhook: Webhook | None = None
) -> TelegramChannel:
    return TelegramChannel(
        token=server.token, api_url=server.url, sessions=sessions, menu=MENU, webhook=webhook, clock=clock
    )


@asynccontextmanager
async def running(channel: TelegramChannel, handler: Handler) -> AsyncIterator[TelegramChannel]:
    """Run a channel until the block is left, and end it as the program does."""
    task = asyncio.create_task(channel.run(handler))
    try:
        yield channel
    finally:
        await channel.stop()
        await asyncio.wait_for(task, 5)
        await channel.drain(5)


async def killed(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def quiet(server: FakeTelegram) -> None:
    """Wait until all that people did was taken in."""
    await server.until(lambda: server.pending == 0, what="all updates to be taken")


def polls(server: FakeTelegram) -> int:
    return sum(name == "getUpdates" for name, _ in server.calls)


async def polling(server: FakeTelegram, before: int = 0) -> None:
    """Wait until updates are asked for once more."""
    await server.until(lambda: polls(server) > before, what="a poll")


@pytest.fixture
def channel(server: FakeTelegram, sessions: SessionManager, clock: ManualClock) -> TelegramChannel:
    return channel_of(server, sessions, clock)


# -- talk ----------------------------------------------------------------------------------------------


async def test_a_person_is_answered(server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel) -> None:
    """Messages are handled in their order and answered in their chat."""
    heard = Heard()
    async with running(channel, heard):
        for text in ("one", "two", "*three*"):
            await server.say(ann, text, chat=chat)
        await server.wait_for(chat, "three")
    assert heard.texts == ["one", "two", "*three*"]
    assert [message.text for message in server.messages(chat)] == ["re: one", "re: two", "re: three"]
    assert server.messages(chat)[2].entities[0]["type"] == "italic"


async def test_the_menu_is_offered_once(
    server: FakeTelegram, sessions: SessionManager, chat: Chat, clock: ManualClock
) -> None:
    """Private chats and groups get the commands that are for everybody; the next start changes nothing."""
    for _ in range(2):
        before = polls(server)
        async with running(channel_of(server, sessions, clock), Heard()):
            await polling(server, before)
        offered = [command["command"] for command in server.commands["all_private_chats"]]
        assert offered == ["new", "history"]
        assert server.commands["all_group_chats"] == server.commands["all_private_chats"]
    assert [name for name, _ in server.calls].count("setMyCommands") == 2


async def test_a_bot_can_say_something_unasked(server: FakeTelegram, chat: Chat, channel: TelegramChannel) -> None:
    """What is to be said before Telegram is reached is said then."""
    address = Address(platform="telegram", account=str(server.bot.id), chat_id="7", user_id="7")
    await channel.notify(address, Reply(text="good morning"))
    async with running(channel, Heard()):
        await server.wait_for(chat, "good morning")


async def test_a_wrong_token_ends_the_channel(
    server: FakeTelegram, sessions: SessionManager, clock: ManualClock
) -> None:
    """With an error that says what to do, and does not hold the token."""
    channel = TelegramChannel(token="12:wrong", api_url=server.url, sessions=sessions, menu=(), clock=clock)
    with pytest.raises(TokenRefused) as caught:
        await asyncio.wait_for(channel.run(Heard()), 5)
    assert "BotFather" in str(caught.value)
    assert "wrong" not in str(caught.value)
    with pytest.raises(TokenRefused):
        TelegramChannel(token="nonsense", api_url=server.url, sessions=sessions, menu=(), clock=clock)


async def test_an_edit_says_which_message_it_replaces(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """The second letter carries the id of the first."""
    heard = Heard()
    async with running(channel, heard):
        message = await server.say(ann, "helo", chat=chat)
        await server.wait_for(chat, "re: helo")
        await server.edit(message, "/delete")
        await server.wait_for(chat, "re: /delete")
    assert [inbound.edits for inbound in heard.inbound] == [None, heard.inbound[0].source]


# -- nothing is lost, nothing is done twice ------------------------------------------------------------


async def test_what_was_taken_in_survives_a_kill(
    server: FakeTelegram, ann: Person, chat: Chat, sessions: SessionManager, clock: ManualClock
) -> None:
    """Telegram is told only of what is stored; what was not answered is handled by the next start, once."""
    reached = asyncio.Event()

    async def stuck(_inbound: Inbound, _outlet: Outlet) -> None:
        reached.set()
        await asyncio.Event().wait()

    for number in range(5):
        await server.say(ann, f"message {number}", chat=chat)
    task = asyncio.create_task(channel_of(server, sessions, clock).run(stuck))
    await reached.wait()
    await quiet(server)
    await killed(task)
    heard = Heard()
    async with running(channel_of(server, sessions, clock), heard):
        await server.wait_for(chat, "message 4")
    assert heard.texts == [f"message {number}" for number in range(5)]
    before = polls(server)
    async with running(channel_of(server, sessions, clock), heard):
        await polling(server, before)
    assert len(server.messages(chat)) == 5


async def test_an_update_that_can_not_be_stored_is_asked_for_again(
    server: FakeTelegram, ann: Person, chat: Chat, clock: ManualClock
) -> None:
    """The offset is not raised, so Telegram keeps what the store did not take."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as closed:
        channel = channel_of(server, closed, clock)
        task = asyncio.create_task(channel.run(Heard()))
        await polling(server)
    before = polls(server)
    await server.say(ann, "hello", chat=chat)
    await polling(server, before)
    assert server.pending == 1
    await killed(task)
    async with (
        SessionManager.open(encryption_key=KEY, clock=clock) as sessions,
        running(channel_of(server, sessions, clock), Heard()),
    ):
        await server.wait_for(chat, "re: hello")


async def test_repeated_and_reordered_updates_are_handled_once(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Whatever Telegram repeats."""
    server.faults.duplicate_updates(3)
    server.faults.reorder_updates(1)
    heard = Heard()
    for number in range(4):
        await server.say(ann, str(number), chat=chat)
    async with running(channel, heard):
        await server.until(lambda: len(server.messages(chat)) == 4)
        await server.say(ann, "last", chat=chat)
        await server.wait_for(chat, "last")
    assert sorted(heard.texts) == ["0", "1", "2", "3", "last"]


async def test_broken_connections_are_mended(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """A long poll that is cut, a server that fails, an answer whose connection breaks: all are tried again."""
    async with running(channel, Heard()):
        await polling(server)
        server.faults.hang_up()
        server.faults.fail("sendMessage", 502)
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "re: hello", 20)


async def test_a_webhook_that_was_left_does_not_keep_polling_from_working(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """It is deleted first."""
    async with aiohttp.ClientSession() as client:
        url = f"{server.url}/bot{server.token}/setWebhook"
        async with client.post(url, json={"url": "http://127.0.0.1:9/"}) as answer:
            assert answer.status == 200
    async with running(channel, Heard()):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "re: hello")


async def test_stopping_ends_receiving_and_draining_delivers(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """What is being answered when the program is told to stop is answered; what comes then waits at Telegram."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(inbound: Inbound, outlet: Outlet) -> None:
        begun.set()
        await go_on.wait()
        await outlet.send(Reply(text=f"re: {inbound.text}"))

    task = asyncio.create_task(channel.run(slow))
    await server.say(ann, "early", chat=chat)
    await begun.wait()
    await channel.stop()
    await asyncio.wait_for(task, 5)
    await server.say(ann, "late", chat=chat)
    go_on.set()
    await channel.drain(5)
    assert [message.text for message in server.messages(chat)] == ["re: early"]
    assert server.pending >= 1


# -- groups --------------------------------------------------------------------------------------------


async def test_a_group_is_left_alone_until_it_speaks_to_the_bot(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """Even where the bot sees everything: it answers mentions, its commands, and replies."""
    group = server.group("Friends", members=[ann], privacy_mode=False)
    heard = Heard()
    async with running(channel, heard):
        await server.say(ann, "hello all", chat=group)
        await server.say(ann, "/new@other_bot", chat=group)
        asked = await server.say(ann, "@palaver_bot hello", chat=group)
        answer = await server.wait_for(group, "re: hello")
        await server.say(ann, "and this", chat=group, reply_to=answer)
        await server.wait_for(group, "re: and this")
        await server.say(ann, "/new@palaver_bot", chat=group)
        await server.wait_for(group, "re: /new")
    assert heard.texts == ["hello", "and this", "/new"]
    assert answer.reply_to == asked["message_id"]
    assert heard.inbound[0].address.chat_kind is ChatKind.GROUP


async def test_nobody_but_people_is_answered(server: FakeTelegram, ann: Person, channel: TelegramChannel) -> None:
    """Not bots, not channels, not what is forwarded by itself."""
    other = server.person(8, "Robot", username="robot_bot", is_bot=True)
    group = server.group("Friends", members=[ann, other], privacy_mode=False)
    news = server.channel("News")
    server.bot_to_bot = True
    heard = Heard()
    async with running(channel, heard):
        await server.say(other, "@palaver_bot hello", chat=group)
        await server.say_as_channel(group, news, "/new")
        await server.auto_forward(group, news, "/new")
        await server.post(news, "/new")
        await server.say(ann, "/end", chat=group)
        await server.wait_for(group, "re: /end")
    assert heard.texts == ["/end"]


async def test_anonymous_administrators_are_known_by_their_group(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """Each group's is somebody else; none gets anything private, nor buttons, whose presses would tell who it is."""
    first, second = (server.group(title, members=[ann]) for title in ("One", "Two"))
    choices = (Choice(label="Yes", text="/yes"),)
    heard = replying(Reply(text="hello", choices=choices), Reply(text="secret", private=True))
    async with running(channel, heard):
        for group in (first, second):
            await server.say_anonymously(group, "/history")
            await server.wait_for(group, ANONYMOUS)
    assert {inbound.address.user_id for inbound in heard.inbound} == {f"chat:{first.id}", f"chat:{second.id}"}
    assert "secret" not in server.transcript()
    assert all(message.buttons == () for message in server.messages(first))


async def test_topics_are_answered_where_they_are(server: FakeTelegram, ann: Person, channel: TelegramChannel) -> None:
    """A topic in that topic, the General topic and a plain chain of replies in the group itself."""
    forum = server.group("Forum", members=[ann], forum=True)
    topic = server.topic(forum, "Cooking")
    heard = Heard()
    async with running(channel, heard):
        await server.say(ann, "/a", chat=forum, topic=topic)
        in_topic = await server.wait_for(forum, "re: /a")
        await server.say(ann, "/b", chat=forum)
        general = await server.wait_for(forum, "re: /b")
        await server.say(ann, "/c", chat=forum, reply_to=general)
        chain = await server.wait_for(forum, "re: /c")
    assert [message.thread_id for message in (in_topic, general, chain)] == [topic, None, None]
    assert [inbound.address.thread_id for inbound in heard.inbound] == [str(topic), None, None]


async def test_a_topic_that_is_gone_does_not_lose_the_answer(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """It goes to the group."""
    forum = server.group("Forum", members=[ann], forum=True)
    topic = server.topic(forum, "Cooking")

    async def answer(_inbound: Inbound, outlet: Outlet) -> None:
        del forum.topics[topic]
        await outlet.send(Reply(text="late"))

    async with running(channel, Heard(answer)):
        await server.say(ann, "/a", chat=forum, topic=topic)
        assert (await server.wait_for(forum, "late")).thread_id is None


async def test_a_group_that_moves_keeps_its_conversation(
    server: FakeTelegram, ann: Person, channel: TelegramChannel, sessions: SessionManager
) -> None:
    """What is said in the supergroup goes on in the session of the group; an answer on its way finds it."""
    group = server.group("Friends", members=[ann], supergroup=False)
    go_on = asyncio.Event()
    found: list[str] = []

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        found.append((await sessions.get_or_create_session(inbound.address)).id)
        if inbound.text == "/slow":
            await go_on.wait()
        await outlet.send(Reply(text=f"re: {inbound.text}"))

    async with running(channel, Heard(answer)):
        await server.say(ann, "/one", chat=group)
        await server.wait_for(group, "re: /one")
        await server.say(ann, "/slow", chat=group)
        await server.until(lambda: len(found) == 2)
        moved = server.migrate(group)
        await server.say(ann, "/two", chat=moved)
        await server.wait_for(moved, "re: /two")
        go_on.set()
        await server.wait_for(moved, "re: /slow")
    assert len(set(found)) == 1


class SlowlyMoving(SessionManager):
    """Takes its time to move a chat."""

    async def move_chat(self, platform: str, account: str, old: str, new: str) -> None:
        await asyncio.sleep(0.2)
        await super().move_chat(platform, account, old, new)


async def test_what_is_said_after_a_move_waits_for_it(server: FakeTelegram, ann: Person, clock: ManualClock) -> None:
    """So that it does not begin a session of its own in the supergroup."""
    group = server.group("Friends", members=[ann], supergroup=False)
    found: list[str] = []
    async with SlowlyMoving.open(encryption_key=KEY, clock=clock) as sessions:

        async def answer(inbound: Inbound, outlet: Outlet) -> None:
            found.append((await sessions.get_or_create_session(inbound.address)).id)
            await outlet.send(Reply(text=f"re: {inbound.text}"))

        async with running(channel_of(server, sessions, clock), Heard(answer)):
            await server.say(ann, "/one", chat=group)
            await server.wait_for(group, "re: /one")
            moved = server.migrate(group)
            await server.say(ann, "/two", chat=moved)
            await server.wait_for(moved, "re: /two")
    assert len(set(found)) == 1


# -- buttons -------------------------------------------------------------------------------------------

ASK = Reply(text="Sure?", choices=(Choice(label="Yes", text="/yes"), Choice(label="No", text="/no")))


def asking() -> Heard:
    """Ask, and answer what is chosen."""

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        chosen = inbound.text in ("/yes", "/no")
        await outlet.send(Reply(text=f"you chose {inbound.text}") if chosen else ASK)

    return Heard(answer)


async def test_a_button_counts_once(
    server: FakeTelegram, ann: Person, chat: Chat, sessions: SessionManager, clock: ManualClock
) -> None:
    """Pressing says what it stands for and takes the buttons away; again, also after a restart, it does nothing."""
    heard = asking()
    async with running(channel_of(server, sessions, clock), heard):
        await server.say(ann, "delete", chat=chat)
        question = await server.wait_for(chat, "Sure?")
        assert [label for label, _ in question.buttons] == ["Yes", "No"]
        assert (await server.press(ann, question, "Yes")).text == ""
        await server.wait_for(chat, "you chose /yes")
        await server.until(lambda: server.messages(chat)[0].buttons == ())
        assert (await server.press(ann, question, "Yes")).text == USED
    async with running(channel_of(server, sessions, clock), heard):
        assert (await server.press(ann, question, "Yes")).text == USED
    assert heard.texts == ["delete", "/yes"]


async def test_a_press_that_is_told_twice_is_answered_once(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """The same update again is no second press."""
    heard = asking()
    async with running(channel, heard):
        await server.say(ann, "ask", chat=chat)
        question = await server.wait_for(chat, "Sure?")
        await quiet(server)
        server.faults.duplicate_updates(1)
        assert (await server.press(ann, question, "Yes")).text == ""
        await server.wait_for(chat, "you chose")
        await server.say(ann, "more", chat=chat)
        await server.until(lambda: len(server.messages(chat)) == 3)
    assert heard.texts == ["ask", "/yes", "more"]
    assert [name for name, _ in server.calls].count("answerCallbackQuery") == 1


async def test_a_button_counts_for_its_person_alone(
    server: FakeTelegram, ann: Person, clock: ManualClock, channel: TelegramChannel
) -> None:
    """Not for another member, not in another chat, not when made up or changed, not after a day; all are told so."""
    ben = server.person(8, "Ben")
    group = server.group("Friends", members=[ann, ben])
    bens = server.private_chat(ben)
    heard = asking()
    async with running(channel, heard):
        await server.say(ann, "/ask", chat=group)
        question = await server.wait_for(group, "Sure?")
        data = dict(question.buttons)["Yes"]
        await server.say(ben, "ask", chat=bens)
        own = await server.wait_for(bens, "Sure?")
        changed = data[:-1] + "t"
        assert (await server.press(ben, question, "Yes")).text == REFUSED
        assert (await server.press(ben, own, "Yes", data=data)).text == REFUSED
        assert (await server.press(ann, question, "Yes", data=changed)).text == REFUSED
        assert (await server.press(ann, question, "Yes", data="made up")).text == REFUSED
        assert (await server.press(ann, question, "No")).text == ""
        await server.wait_for(group, "you chose /no")
        clock.advance(25 * 3600)
        assert (await server.press(ann, question, "Yes")).text == REFUSED
    assert heard.texts == ["/ask", "ask", "/no"]


async def test_the_buttons_for_others_stay(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Of several people who can be let in, the one for whom a button was pressed loses theirs."""
    group = server.group("Friends", members=[ann])
    people = tuple(Choice(label=f"Let in {code}", text=f"/pair approve {code}") for code in ("AAAA", "BBBB", "CCCC"))
    waiting = Reply(text="Waiting", private=True, choices=people)

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        chosen = inbound.text.startswith("/pair")
        await outlet.send(Reply(text=inbound.text) if chosen else ASK if inbound.text == "/ask" else waiting)

    def labels(place: Chat) -> list[str]:
        shown = next(message for message in server.messages(place) if message.text == "Waiting")
        return [label for label, _ in shown.buttons]

    async with running(channel, Heard(answer)):
        await server.say(ann, "/list", chat=chat)
        await server.press(ann, await server.wait_for(chat, "Waiting"), "Let in BBBB")
        await server.until(lambda: labels(chat) == ["Let in AAAA", "Let in CCCC"])
        for code in ("AAAA", "CCCC"):  # so soon that the second press tells of the message as it was before the first
            await server.press(ann, await server.wait_for(chat, "Waiting"), f"Let in {code}")
            await server.wait_for(chat, f"/pair approve {code}")
        await server.until(lambda: labels(chat) == [])
        await server.say(ann, "/ask", chat=group)
        await server.press(ann, await server.wait_for(group, "Sure?"), "Yes")
        await server.press(ann, await server.wait_for(group, "Waiting"), "Let in AAAA")
        await server.until(lambda: labels(group) == ["Let in BBBB", "Let in CCCC"])


async def test_labels_that_are_long_stand_one_above_the_other(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """And a button that carries too much is left out."""
    choices = [Choice(label=f"A label that is long {number}", text=f"/{number}") for number in range(2)]
    reply = Reply(text="Which?", choices=(*choices, Choice(label="Much", text="/" + "x" * 64)))
    async with running(channel, replying(reply)):
        await server.say(ann, "hello", chat=chat)
        assert len((await server.wait_for(chat, "Which?")).buttons) == 2
    keyboard = next(call["reply_markup"] for name, call in server.calls if name == "sendMessage")
    assert isinstance(keyboard, dict)
    assert [len(row) for row in keyboard["inline_keyboard"]] == [1, 1]


# -- long answers and files ----------------------------------------------------------------------------


async def test_a_long_answer_comes_in_pieces(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """In their order, the buttons under the last."""
    text = "\n\n".join(f"{number} " + "\U0001f600" * 1_900 for number in range(3))
    async with running(channel, replying(Reply(text=text, choices=(Choice(label="More", text="/more"),)))):
        await server.say(ann, "hello", chat=chat)
        await server.until(lambda: len(server.messages(chat)) == 3)
    messages = server.messages(chat)
    assert [message.text[0] for message in messages] == ["0", "1", "2"]
    assert [bool(message.buttons) for message in messages] == [False, False, True]


async def test_an_answer_that_is_far_too_long_comes_as_a_file(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Whose name holds nothing of it."""
    text = "word " * 10_000
    async with running(channel, replying(Reply(text=text))):
        await server.say(ann, "hello", chat=chat)
        file = await server.wait_for(chat, lambda message: message.document is not None)
    assert file.document == ("reply.md", text.encode())
    assert len(server.messages(chat)) == 2


async def test_a_document_follows_its_words(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """And a document without words comes alone."""
    export = Document(name="session-1.md", content=b"# hello", media_type="text/markdown")
    async with running(channel, replying(Reply(text="Here:", document=export), Reply(text="", document=export))):
        await server.say(ann, "/export", chat=chat)
        await server.until(lambda: len(server.messages(chat)) == 3)
    assert [message.text for message in server.messages(chat)] == ["Here:", "", ""]
    assert [message.document for message in server.messages(chat)][1:] == [("session-1.md", b"# hello")] * 2


async def test_an_answer_without_words_says_so(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Telegram takes no empty message."""
    async with running(channel, replying(Reply(text=" \n\u200b"))):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "no words")


# -- when Telegram refuses -----------------------------------------------------------------------------


async def test_a_chat_that_is_too_fast_waits_and_others_do_not(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """`retry_after` holds for the chat that was refused alone."""
    ben = server.person(8, "Ben")
    bens = server.private_chat(ben)
    server.faults.too_many("sendMessage", chat, retry_after=2)
    async with running(channel, Heard()):
        begun = asyncio.get_running_loop().time()
        await server.say(ann, "hello", chat=chat)
        await server.until(lambda: any(name == "sendMessage" for name, _ in server.calls))
        await server.say(ben, "hello", chat=bens)
        await server.wait_for(bens, "re: hello", timeout=1.0)
        assert server.messages(chat) == []
        await server.wait_for(chat, "re: hello")
        assert asyncio.get_running_loop().time() - begun >= 2


async def test_a_person_who_blocked_the_bot_keeps_nobody_waiting(
    server: FakeTelegram,
    ann: Person,
    chat: Chat,
    sessions: SessionManager,
    clock: ManualClock,
    channel: TelegramChannel,
) -> None:
    """What can not be delivered is given up."""

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        server.block(ann)
        await outlet.send(Reply(text=f"re: {inbound.text}"))

    async with running(channel, Heard(answer)):
        await server.say(ann, "bye", chat=chat)
        await server.until(lambda: any(name == "sendMessage" for name, _ in server.calls))
    assert await sessions.mailbox.unsent(f"telegram:{server.bot.id}") == []
    server.unblock(ann)
    async with running(channel_of(server, sessions, clock), Heard()):
        await server.say(ann, "again", chat=chat)
        await server.wait_for(chat, "re: again")
    assert [message.text for message in server.messages(chat)] == ["re: again"]


async def test_a_text_that_is_refused_is_sent_without_its_looks(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """The words matter more."""
    server.faults.fail("sendMessage", 400, description="Bad Request: ENTITY_BOUNDS_INVALID")
    async with running(channel, replying(Reply(text="**bold**"))):
        await server.say(ann, "hello", chat=chat)
        assert (await server.wait_for(chat, "bold")).entities == ()


async def test_a_message_that_is_gone_can_still_be_answered(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """The answer then replies to nothing."""
    group = server.group("Friends", members=[ann])

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        record = group.find(int(inbound.source or 0))
        assert record is not None
        record.deleted = True
        await outlet.send(Reply(text="answer"))

    async with running(channel, Heard(answer)):
        await server.say(ann, "/ask", chat=group)
        assert (await server.wait_for(group, "answer")).reply_to is None


# -- private answers in groups -------------------------------------------------------------------------

SECRET = Reply(text="the secret", private=True)


def shown_to_all(server: FakeTelegram, group: Chat) -> list[str]:
    return [message.text for message in server.messages(group) if message.seen_by is None]


async def test_a_private_answer_goes_to_the_private_chat(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """The group is told where it went; with a file, that goes there too."""
    group = server.group("Friends", members=[ann])
    export = Document(name="session-1.md", content=b"secret", media_type="text/markdown")
    reply = Reply(text="the secret", private=True, document=export, choices=(Choice(label="A", text="/a"),))
    async with running(channel, replying(reply)):
        await server.say(ann, "/history", chat=group)
        await server.wait_for(group, SENT)
    assert shown_to_all(server, group) == [SENT]
    assert [(it.text, it.document) for it in server.messages(chat)] == [("the secret", None), ("", export_of(export))]
    assert server.messages(chat)[0].buttons == ()


async def test_a_question_in_the_private_chat_is_answered_there(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Buttons that mean the same everywhere come along, the others do not; a press says where it was made."""
    group = server.group("Friends", members=[ann])
    choices = (
        Choice(label="Yes", text="yes #abc123", anywhere=True),
        Choice(label="Here", text="/resume 1"),
        Choice(label="No", text="no #abc123", anywhere=True),
    )
    reply = Reply(text="long " * 1_000 + "Sure?", private=True, choices=choices)
    heard = replying(reply)
    async with running(channel, heard):
        await server.say(ann, "/forgetme", chat=group)
        asked = await server.wait_for(chat, "Sure?")
        assert [label for label, _ in asked.buttons] == ["Yes", "No"]
        assert server.messages(chat)[0].buttons == ()
        await server.press(ann, asked, "Yes")
        await server.until(lambda: len(heard.inbound) == 2)
    pressed = heard.inbound[1]
    assert (pressed.text, pressed.address) == ("yes #abc123", in_private(server, ann))


def in_private(server: FakeTelegram, person: Person) -> Address:
    return Address(
        platform="telegram",
        account=server.token.partition(":")[0],
        chat_id=str(person.id),
        user_id=str(person.id),
        chat_kind=ChatKind.PRIVATE,
    )


def export_of(document: Document) -> tuple[str, bytes]:
    return document.name, document.content


async def test_without_a_private_chat_nothing_is_shown(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """The person is told in the group how to get it."""
    group = server.group("Friends", members=[ann])
    async with running(channel, replying(SECRET)):
        await server.say(ann, "/history", chat=group)
        await server.wait_for(group, CLOSED)
    assert "secret" not in server.transcript()


def secretive() -> Heard:
    """Ask first, and answer the press in private."""

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.send(Reply(text="the secret", private=True) if inbound.text == "/yes" else ASK)

    return Heard(answer)


async def test_a_press_is_answered_for_the_eyes_of_one(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """In the group itself, without a private chat, and nobody else sees it."""
    group = server.group("Friends", members=[ann])
    async with running(channel, secretive()):
        await server.say(ann, "/ask", chat=group)
        await server.press(ann, await server.wait_for(group, "Sure?"), "Yes")
        whispered = await server.wait_for(group, "the secret")
    assert whispered.seen_by == ann.id
    assert shown_to_all(server, group) == ["Sure?"]
    assert [message.text for message in server.messages(group) if message.seen_by] == ["the secret"]


async def test_a_press_that_is_too_old_is_answered_in_the_private_chat(
    server: FakeTelegram, ann: Person, chat: Chat, clock: ManualClock, channel: TelegramChannel
) -> None:
    """After fifteen seconds Telegram takes nothing for one person's eyes any more."""
    group = server.group("Friends", members=[ann])

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        if inbound.text == "/yes":
            clock.advance(16)
        await outlet.send(SECRET if inbound.text == "/yes" else ASK)

    async with running(channel, Heard(answer)):
        await server.say(ann, "/ask", chat=group)
        await server.press(ann, await server.wait_for(group, "Sure?"), "Yes")
        await server.wait_for(group, SENT)
    assert [message.text for message in server.messages(chat)] == ["the secret"]
    assert shown_to_all(server, group) == ["Sure?", SENT]


@asynccontextmanager
async def old_server(server: FakeTelegram) -> AsyncIterator[str]:
    """Stand before the server as one that does not know ephemeral messages, and so ignores what asks for one."""

    async def forward(request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        for name in ("receiver_user_id", "ephemeral_message_parameters"):
            form.pop(name, None)
        if "sendMessage" in request.path:
            form.pop("callback_query_id", None)
        async with client.post(f"{server.url}{request.path}", data=form) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")

    app = web.Application()
    app.router.add_post("/{path:.*}", forward)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        async with aiohttp.ClientSession() as client:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_an_old_server_does_not_make_a_private_answer_public(
    server: FakeTelegram, ann: Person, chat: Chat, sessions: SessionManager, clock: ManualClock
) -> None:
    """It is tried out with harmless words, which are taken back; the answer goes to the private chat."""
    group = server.group("Friends", members=[ann])
    async with old_server(server) as url:
        channel = TelegramChannel(token=server.token, api_url=url, sessions=sessions, menu=MENU, clock=clock)
        async with running(channel, secretive()):
            for _ in range(2):
                asked = await server.say(ann, "/ask", chat=group)
                await server.press(ann, await server.wait_for(group, "Sure?", after=asked), "Yes")
                await server.wait_for(group, SENT, after=asked)
    assert shown_to_all(server, group) == ["Sure?", SENT] * 2
    assert [message.text for message in server.messages(chat)] == ["the secret"] * 2
    sent = [call["text"] for name, call in server.calls if name == "sendMessage" and call["chat_id"] == str(group.id)]
    assert sum("secret" in str(text) for text in sent) == 0
    assert len(sent) == 5


# -- while an answer is made ---------------------------------------------------------------------------


def streaming(words: Sequence[str], pause: float, final: str | None = None) -> Heard:
    async def answer(_inbound: Inbound, outlet: Outlet) -> None:
        for word in words:
            await outlet.feed(word)
            await asyncio.sleep(pause)
        reply = Reply(text="".join(words) if final is None else final)
        outlet.promise(reply)
        await outlet.finish(reply)

    return Heard(answer)


async def test_in_a_private_chat_an_answer_grows_as_a_draft(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Typing is shown first, then what there is, under one number, and the message comes at the end."""
    async with running(channel, streaming(["**one**", " two", " three"], 0.8)):
        await server.say(ann, "hello", chat=chat)
        message = await server.wait_for(chat, "one two three")
    assert (message.edits, len(server.messages(chat))) == ((), 1)
    assert server.actions(chat) == ["typing"]
    assert server.drafts(chat)[0] == "**one**"
    assert len(server.drafts(chat)) >= 2
    assert len({call["draft_id"] for name, call in server.calls if name == "sendMessageDraft"}) == 1


async def test_the_first_words_of_a_slow_answer_take_the_place_of_typing(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Typing that is shown by then is not shown once more."""
    grow = streaming(["one", " two"], 0.8)

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await asyncio.sleep(0.8)
        await grow(inbound, outlet)

    async with running(channel, Heard(answer)):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "one two")
    assert (server.actions(chat), server.drafts(chat)[0]) == (["typing"], "one")


async def test_drafts_that_fail_cost_nothing_else(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """A server that does not know them shows the answer at its end."""
    server.faults.fail("sendMessageDraft", 404, description="Not Found: method not found", times=9)
    async with running(channel, streaming(["one", " two"], 0.8)):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "one two")
    assert [name for name, _ in server.calls].count("sendMessageDraft") == 1


async def test_in_a_group_an_answer_grows_in_its_message(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """The first message becomes the answer, with its looks, and what does not fit follows."""
    group = server.group("Friends", members=[ann])
    words = ["**one** ", *("word " * 420 for _ in range(5))]
    async with running(channel, streaming(words, 0.75)):
        asked = await server.say(ann, "/ask", chat=group)
        await server.until(lambda: len(server.messages(group)) == 3, timeout=10.0)
    first, *rest = server.messages(group)
    assert first.reply_to == asked["message_id"]
    assert first.edits[0].startswith("**one**")
    assert first.text.startswith("one word")
    assert len(first.edits) >= 2
    assert all(message.edits == () and message.text.startswith("word") for message in rest)


async def test_a_short_answer_in_a_group_needs_no_preview(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """It is sent once, complete."""
    group = server.group("Friends", members=[ann])
    async with running(channel, streaming(["one", " two"], 0.1)):
        await server.say(ann, "/ask", chat=group)
        assert (await server.wait_for(group, "one two")).edits == ()


async def test_an_answer_that_is_complete_at_once_is_only_sent(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Neither typing nor a draft goes before it."""
    async with running(channel, streaming(["one", " two"], 0.05)):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "one two")
    assert (server.actions(chat), server.drafts(chat)) == ([], [])


async def test_an_answer_that_is_dropped_is_taken_back(
    server: FakeTelegram, ann: Person, channel: TelegramChannel
) -> None:
    """Nothing of it stays in the group."""
    group = server.group("Friends", members=[ann])
    async with running(channel, streaming(["one", " two", " three"], 0.6, final="")):
        await server.say(ann, "/ask", chat=group)
        await server.wait_for(group, "one")
        await server.until(lambda: server.messages(group) == [])


async def test_a_promise_is_kept_by_the_next_start(
    server: FakeTelegram, ann: Person, sessions: SessionManager, clock: ManualClock
) -> None:
    """An answer that was stored when the program ended turns the preview into itself afterwards, once."""
    group = server.group("Friends", members=[ann])
    stored = asyncio.Event()

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("some")
        await asyncio.sleep(1.3)
        session = await sessions.get_or_create_session(inbound.address)
        outlet.promise(Reply(text="something whole"))
        await sessions.add_message(session.id, role="assistant", content="something whole")
        stored.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(channel_of(server, sessions, clock).run(Heard(answer)))
    await server.say(ann, "/ask", chat=group)
    await stored.wait()
    await killed(task)
    assert [message.text for message in server.messages(group)] == ["some"]

    async def nothing(_inbound: Inbound, _outlet: Outlet) -> None:
        return

    async with running(channel_of(server, sessions, clock), nothing):
        await server.wait_for(group, "something whole")
    assert [message.text for message in server.messages(group)] == ["something whole"]


async def test_a_slow_answer_is_announced(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """Before the first word there is typing, in the topic where the answer will be; not for a command."""
    forum = server.group("Forum", members=[ann], forum=True)
    topic = server.topic(forum, "Cooking")

    async def answer(inbound: Inbound, outlet: Outlet) -> None:
        await asyncio.sleep(0.8)
        await outlet.send(Reply(text=f"re: {inbound.text}"))

    async with running(channel, Heard(answer)):
        await server.say(ann, "/new", chat=chat)
        await server.say(ann, "@palaver_bot hello", chat=forum, topic=topic)
        await server.wait_for(chat, "re: /new")
        await server.wait_for(forum, "re: hello")
    assert (server.actions(chat), server.actions(forum)) == ([], ["typing"])
    shown = next(call for name, call in server.calls if name == "sendChatAction")
    assert shown["message_thread_id"] in (topic, str(topic))


async def test_an_answer_of_unusual_length_is_shown_from_its_end(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel
) -> None:
    """A draft takes no more than a message does."""
    async with running(channel, streaming(["\U0001f600" * 3_000, "end"], 0.8)):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "end")
    first, last = server.drafts(chat)[0], server.drafts(chat)[-1]
    assert first.startswith("…\U0001f600")
    assert last.endswith("end")


# -- many at once --------------------------------------------------------------------------------------


async def test_many_people_are_answered_within_the_limits(server: FakeTelegram, channel: TelegramChannel) -> None:
    """Forty at once, one of whom says more than a chat may get in a second; the server refuses what is too fast."""
    server.enforce_limits = True
    people = [server.person(100 + number, f"P{number}") for number in range(40)]
    chats = [server.private_chat(person) for person in people]
    async with running(channel, Heard()):
        for person, chat in zip(people, chats, strict=True):
            await server.say(person, "hello", chat=chat)
        for number in range(4):
            await server.say(people[0], f"more {number}", chat=chats[0])
        for chat in chats:
            await server.wait_for(chat, "re: hello")
        await server.wait_for(chats[0], "more 3")
    assert [message.text for message in server.messages(chats[0])][1:] == [f"re: more {number}" for number in range(4)]


# -- webhook -------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def in_chunks(chunk: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield chunk


async def test_a_webhook_brings_updates_too(
    server: FakeTelegram, ann: Person, chat: Chat, sessions: SessionManager, clock: ManualClock
) -> None:
    """Each is handled once, and only from one who knows the secret, in the form and size of an update."""
    port = free_port()
    webhook = Webhook("127.0.0.1", port, "/telegram", f"http://127.0.0.1:{port}", "a-secret")
    heard = Heard()
    server.faults.duplicate_updates(1)
    async with running(channel_of(server, sessions, clock, webhook), heard):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "re: hello")
        forged = {"update_id": 1, "message": {**await server.say(ann, "real", chat=chat), "text": "forged"}}
        await server.wait_for(chat, "re: real")
        right = {"X-Telegram-Bot-Api-Secret-Token": "a-secret"}
        async with aiohttp.ClientSession() as client:

            async def posted(headers: dict[str, str], **body: object) -> int:
                async with client.post(webhook.url, headers=headers, **body) as answer:  # type: ignore[arg-type]
                    return answer.status

            assert await posted({}, json=forged) == 403
            assert await posted({"X-Telegram-Bot-Api-Secret-Token": "a-secres"}, json=forged) == 403
            assert await posted({"X-Telegram-Bot-Api-Secret-Token": "gehe\u00efm"}, json=forged) == 403
            right_form = {**right, "Content-Type": "application/json"}
            assert await posted(right_form, data=BytesIO(b" " * 10_000_000)) == 413
            assert await posted(right_form, data=in_chunks(b" " * 100_000, 20)) == 413
            assert await posted(right, data=b"update_id=1") == 415
            assert await posted(right_form, data=b"{") == 400
            assert await posted(right, json=["no", "update"]) == 200
    assert heard.texts == ["hello", "real"]


def nested(depth: int) -> bytes:
    """Write an update that says something, with lists so deep in it."""
    who = {"id": 7, "is_bot": False, "first_name": "A"}
    message = {"message_id": depth, "date": 1, "text": "deep", "chat": {"id": 7, "type": "private"}, "from": who}
    update = json.dumps({"update_id": depth, "message": message | {"more": 0}})
    return update.replace("0}}", "[" * depth + "]" * depth + "}}").encode()


async def test_a_webhook_refuses_what_it_can_not_read(
    server: FakeTelegram,
    ann: Person,
    chat: Chat,
    sessions: SessionManager,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However deep, broken or short the body is, it is the caller's mistake, and no error of the bot."""
    port = free_port()
    webhook = Webhook("127.0.0.1", port, "/telegram", f"http://127.0.0.1:{port}", "a-secret")
    headers = {"X-Telegram-Bot-Api-Secret-Token": "a-secret", "Content-Type": "application/json"}
    heard = Heard()
    async with running(channel_of(server, sessions, clock, webhook), heard):
        await server.say(ann, "hello", chat=chat)
        await server.wait_for(chat, "re: hello")
        async with aiohttp.ClientSession() as client:

            async def posted(body: bytes, **more: str) -> int:
                async with client.post(webhook.url, headers=headers | more, data=body) as answer:
                    return answer.status

            for depth in (2, 98):
                assert await posted(nested(depth)) == 200
            for depth in (99, 500, 900, 950, 100_000):
                assert await posted(nested(depth)) == 400
            assert await posted(b"[" * 100_000) == 400
            for encoding in ("gzip", "deflate"):
                assert await posted(b"no such thing", **{"Content-Encoding": encoding}) == 400
                assert await posted(gzip.compress(b" " * 5_000_000), **{"Content-Encoding": encoding}) == 400
            assert await posted(nested(3)) == 200
    assert heard.texts == ["hello", "deep", "deep", "deep"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_webhook_does_not_show_its_secret() -> None:
    """It must have one; and an address that has a path of its own is not changed."""
    for secret in ("", "not allowed", "x" * 257):
        with pytest.raises(ValueError, match="secret"):
            Webhook("127.0.0.1", 80, "/in", "https://bot.example.org", secret)
    webhook = Webhook("127.0.0.1", 80, "/in", "https://bot.example.org/hook/x", "a-secret")
    assert "a-secret" not in repr(webhook)
    assert webhook.url == "https://bot.example.org/hook/x"
    assert Webhook("", 80, "/in", "https://bot.example.org/", "s").url == "https://bot.example.org/in"


# -- what a log may hold -------------------------------------------------------------------------------


async def test_no_log_line_of_ours_holds_what_is_said(
    server: FakeTelegram, ann: Person, chat: Chat, channel: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor the token, nor an id, whatever fails."""
    server.faults.fail("sendMessage", 500)
    server.faults.fail("getUpdates", 500)
    async with running(channel, Heard()):
        await server.say(ann, "very secret", chat=chat)
        await server.wait_for(chat, "re: very secret")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("adapters", "sessions"))]
    assert ours
    assert not any(word in line for line in ours for word in ("secret", server.token, str(chat.id) + ":"))


async def test_a_message_is_shown_as_sent(server: FakeTelegram, chat: Chat, channel: TelegramChannel) -> None:
    """Links show no preview of what lies behind them."""
    address = Address(platform="telegram", account=str(server.bot.id), chat_id="7", user_id="7")
    async with running(channel, Heard()):
        await channel.notify(address, Reply(text="see https://example.org"))
        message: BotMessage = await server.wait_for(chat, "example.org")
    assert message.text == "see https://example.org"
    options = next(call["link_preview_options"] for name, call in server.calls if name == "sendMessage")
    assert options == {"is_disabled": True}
