"""How a bot hears what happens."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, Conflict, NetworkError

from tests.conftest import ManualClock
from tests.fakes.telegram.server import FakeTelegram

ROOT = Path(__file__).parents[3]


async def texts(bot: Bot, offset: int | None = None, timeout: int = 0) -> list[str]:  # noqa: ASYNC109 - what the method is given
    return [str(update.message.text) for update in await bot.get_updates(offset, timeout=timeout) if update.message]


async def test_a_higher_offset_confirms_and_a_day_forgets(telegram: FakeTelegram, bot: Bot, clock: ManualClock) -> None:
    """Updates come again until confirmed; a negative offset keeps the last ones; after 24 h they are gone."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    for number in range(4):
        await telegram.say(ann, str(number), chat=chat)
    first = await bot.get_updates(limit=2)
    assert len(first) == 2
    assert await texts(bot) == ["0", "1", "2", "3"]
    assert await texts(bot, first[-1].update_id) == ["1", "2", "3"]
    assert await texts(bot, -2) == ["2", "3"]
    assert telegram.pending == 2
    clock.advance(24 * 3600)
    assert await texts(bot) == []


async def test_only_one_may_poll(telegram: FakeTelegram, bot: Bot, raw: str) -> None:
    """A second poll ends the first with 409, and a poll waits for what comes."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    async with aiohttp.ClientSession() as session:
        first = asyncio.create_task(session.post(f"{raw}/getUpdates", data={"timeout": "10"}))
        await telegram.until(lambda: telegram.polls_open == 1)
        second = asyncio.create_task(texts(bot, timeout=10))
        async with await first as answer:
            assert answer.status == 409
            assert "terminated by other getUpdates request" in (await answer.json())["description"]
        await telegram.say(ann, "hello", chat=chat)
        assert await second == ["hello"]


async def test_an_open_poll_can_be_cut(telegram: FakeTelegram, bot: Bot) -> None:
    """A poll that is cut has no answer."""
    poll = asyncio.create_task(bot.get_updates(timeout=10))
    await telegram.until(lambda: telegram.polls_open == 1)
    telegram.faults.hang_up()
    with pytest.raises(NetworkError):
        await poll


async def test_updates_can_come_twice_and_out_of_order(telegram: FakeTelegram, bot: Bot) -> None:
    """Both happen on command, as often as told."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    for words in ("a", "b"):
        await telegram.say(ann, words, chat=chat)
    telegram.faults.reorder_updates()
    telegram.faults.duplicate_updates()
    assert await texts(bot) == ["b", "a"]
    after = telegram.world.updates.waiting[-1].id + 1
    assert await texts(bot, after) == ["a"]
    assert await texts(bot, after) == []


async def test_only_kinds_that_are_asked_for_come(telegram: FakeTelegram, bot: Bot) -> None:
    """allowed_updates holds for what happens afterwards."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    await bot.get_updates(allowed_updates=["edited_message"])
    said = await telegram.say(ann, "x", chat=chat)
    await telegram.edit(said, "y")
    (update,) = await bot.get_updates()
    assert update.edited_message
    assert update.edited_message.text == "y"


async def test_a_webhook_is_called_until_it_takes_the_update(telegram: FakeTelegram, bot: Bot) -> None:
    """Deliveries carry the secret, keep the order within a chat, and are tried again; polling is refused meanwhile."""
    got: list[str] = []
    answers = [500, 200, 200]

    async def take(request: web.Request) -> web.Response:
        assert request.headers["X-Telegram-Bot-Api-Secret-Token"] == "s3cret"
        got.append((await request.json())["message"]["text"])
        return web.Response(status=answers.pop(0))

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    try:
        await bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret_token="s3cret")
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates()
        for words in ("one", "two"):
            await telegram.say(ann, words, chat=chat)
        await telegram.until(lambda: not telegram.pending)
        assert got == ["one", "one", "two"]
        await bot.delete_webhook()
        assert (await bot.get_webhook_info()).url == ""
    finally:
        await runner.cleanup()
    with pytest.raises(BadRequest, match="unallowed characters"):
        await bot.set_webhook("https://x.example", secret_token="no way")


async def test_privacy_mode_hides_what_is_not_for_the_bot(telegram: FakeTelegram, bot: Bot) -> None:
    """Commands, mentions, replies to the bot and service messages come through, talk among people does not."""
    ann, other = telegram.person(42, "Ann"), telegram.person(9, "Other", username="other_bot", is_bot=True)
    group = telegram.group("Club", members=[ann, other])
    sent = await bot.send_message(group.id, "mine")
    for words in ("talk", "/go", "/go@palaver_bot", "/go@other_bot", "hi @Palaver_Bot", "a@palaver_bot"):
        await telegram.say(ann, words, chat=group)
    await telegram.say(ann, "reply", chat=group, reply_to=sent.message_id)
    await telegram.say(other, "/go@palaver_bot", chat=group)
    await telegram.say(ann, "/late", chat=group)
    telegram.join(group, telegram.person(43, "Bob"))
    assert await texts(bot) == ["/go", "/go@palaver_bot", "hi @Palaver_Bot", "reply", "None"]


async def test_a_press_is_answered_once_and_in_time(telegram: FakeTelegram, bot: Bot, clock: ManualClock) -> None:
    """The person sees the answer; a second one, a late one and a late ephemeral reply are refused."""
    ann = telegram.person(42, "Ann")
    group = telegram.group("Club", members=[ann])
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y")]])
    await bot.send_message(group.id, "Sure?", reply_markup=markup)
    (message,) = telegram.messages(group)
    press = asyncio.create_task(telegram.press(ann, message, "Yes"))
    (update,) = await bot.get_updates(timeout=5)
    query = update.callback_query
    assert query
    assert (query.data, query.from_user.id) == ("y", 42)
    private = {"receiver_user_id": 42, "callback_query_id": query.id}
    await bot.send_message(group.id, "psst", api_kwargs=private)
    await query.answer("Done", show_alert=True)
    answer = await press
    assert (answer.text, answer.show_alert) == ("Done", True)
    with pytest.raises(BadRequest, match=r"(?i)query is too old"):
        await query.answer("again")
    clock.advance(16)
    with pytest.raises(BadRequest, match=r"(?i)query is too old"):
        await bot.send_message(group.id, "late", api_kwargs=private)
    with pytest.raises(AssertionError, match="nobody answered"):
        await telegram.press(ann, message, "Yes", timeout=0.05)
    clock.advance(61)
    with pytest.raises(BadRequest, match=r"(?i)query is too old"):
        await bot.answer_callback_query(list(telegram.world.queries)[-1])


async def test_special_senders_look_like_the_real_ones(telegram: FakeTelegram, bot: Bot) -> None:
    """Anonymous administrators, channels, forwards and forums have their traps."""
    ann = telegram.person(42, "Ann")
    group, channel = telegram.group("Club", members=[ann], privacy_mode=False), telegram.channel("Board")
    await telegram.say_anonymously(group, "anonymous")
    await telegram.say_as_channel(group, channel, "as channel")
    await telegram.auto_forward(group, channel, "news")
    said = await telegram.say(ann, "one", chat=group)
    await telegram.say(ann, "two", chat=group, reply_to=said)
    first, second, post, forward, _, reply = await bot.get_updates()
    assert first.message
    assert second.message
    assert forward.message
    assert reply.message
    assert first.message.from_user
    assert first.message.sender_chat
    assert second.message.from_user
    assert forward.message.from_user
    assert (first.message.from_user.id, first.message.sender_chat.id) == (1087968824, group.id)
    assert second.message.from_user.id == 136817688
    assert post.channel_post
    assert (forward.message.from_user.id, forward.message.is_automatic_forward) == (777000, True)
    assert reply.message.message_thread_id == said["message_id"]
    assert not reply.message.is_topic_message
    chat = await bot.get_chat(group.id)
    assert chat.title == "Club"
    assert [member.user.id for member in await bot.get_chat_administrators(group.id)] == [42]
    assert (await bot.get_chat_member(group.id, 42)).status == "creator"


async def test_waiting_in_vain_shows_the_conversation(telegram: FakeTelegram, bot: Bot) -> None:
    """The failure tells who said what; the newest fitting message is given."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    await telegram.say(ann, "hello", chat=chat)
    await bot.send_message(42, "good day")
    assert (await telegram.wait_for(chat, "good")).text == "good day"
    said = await telegram.say(ann, "more", chat=chat)
    with pytest.raises(AssertionError, match=r"Ann: hello\n\[Ann\] Palaver: good day"):
        await telegram.wait_for(chat, "good", timeout=0.05, after=said)


async def test_a_person_can_chat_by_hand() -> None:
    """The terminal says how to start the bot, and shows what the bot sends with its buttons."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.telegram.terminal", "--port", "0"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    async with asyncio.timeout(30):
        head = (await process.stdout.readuntil(b"You are Ann, in: private\n")).decode()
        told = dict(line.strip().split("=") for line in head.splitlines() if "PALAVER_TELEGRAM__" in line)
        process.stdin.write(b"hello\n")
        base = f"{told['PALAVER_TELEGRAM__API_URL']}/bot{told['PALAVER_TELEGRAM__TOKEN']}"
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{base}/getUpdates", json={"timeout": 10}) as answer:
                updates = (await answer.json())["result"]
            buttons = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
            told_back = {"chat_id": 42, "text": "good day", "reply_markup": buttons}
            async with session.post(f"{base}/sendMessage", json=told_back) as answer:
                assert answer.status == 200
        shown = (await process.stdout.readuntil(b":press 1  Yes\n")).decode()
        process.stdin.write(b":quit\n")
        await process.communicate()
    assert updates[-1]["message"]["text"] == "hello"
    assert "[Ann] Palaver: good day [Yes]" in shown
    assert process.returncode == 0
