"""What the stand-in accepts from a bot, and what it refuses."""

from __future__ import annotations

import aiohttp
import pytest
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut

from tests.conftest import ManualClock
from tests.fakes.telegram.server import FakeTelegram


def keyboard(data: str, buttons: int = 1) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(f"Go {n}", callback_data=data)] for n in range(buttons)])


async def test_a_text_is_counted_in_utf_16_units_after_its_marks_are_read(telegram: FakeTelegram, bot: Bot) -> None:
    """2048 emoji fit, 2049 do not, and tags do not count."""
    chat = telegram.private_chat(telegram.person(42, "Ann"))
    await bot.send_message(42, "\N{ROCKET}" * 2048)
    await bot.send_message(42, f"<b>{'x' * 4096}</b>", parse_mode="HTML")
    with pytest.raises(BadRequest, match="is too long"):
        await bot.send_message(42, "\N{ROCKET}" * 2049)
    with pytest.raises(BadRequest, match="text is empty"):
        await bot.send_message(42, "")
    with pytest.raises(BadRequest, match="non-empty"):
        await bot.send_message(42, " \n ")
    assert len(telegram.messages(chat)) == 2
    assert telegram.unknown_parameters == []


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        ("HTML", "<b>open", "Can't find end tag"),
        ("HTML", "<b><i>x</b></i>", "Unmatched end tag"),
        ("HTML", "a <huh> b", 'Unsupported start tag "huh" at byte offset 2'),
        ("HTML", "</b>", "Unexpected end tag"),
        ("MarkdownV2", "Hello.", "Character '.' is reserved"),
        ("MarkdownV2", "*bold", "Can't find end of Bold entity at byte offset 0"),
        ("MarkdownV2", "`code", "Can't find end of Code entity"),
        ("MarkdownV2", "[x](http://a", "Can't find end of a URL"),
    ],
)
async def test_broken_formatting_is_refused(telegram: FakeTelegram, bot: Bot, mode: str, text: str, words: str) -> None:
    """What can't be parsed is refused with the words of the real server."""
    telegram.private_chat(telegram.person(42, "Ann"))
    with pytest.raises(BadRequest, match=r"(?i)can't parse entities") as refused:
        await bot.send_message(42, text, parse_mode=mode)
    assert words.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("HTML", '<b>bold</b> &lt;<i>it</i> <pre><code class="language-py">x</code></pre> <a href="http://a.b">l</a>'),
        ("MarkdownV2", "*bold* <_it_ ```py\nx``` [l](http://a.b)"),
    ],
)
async def test_both_ways_of_formatting_give_the_same(telegram: FakeTelegram, bot: Bot, mode: str, text: str) -> None:
    """HTML and MarkdownV2 are read into text and entities."""
    chat = telegram.private_chat(telegram.person(42, "Ann"))
    await bot.send_message(42, text, parse_mode=mode)
    (message,) = telegram.messages(chat)
    assert message.text == "bold <it x l"
    assert [(it["type"], it["offset"], it["length"]) for it in message.entities] == [
        ("bold", 0, 4),
        ("italic", 6, 2),
        ("pre", 9, 1),
        ("text_link", 11, 1),
    ]
    assert message.entities[2]["language"] == "py"


async def test_markdown_knows_quotations_and_escapes(telegram: FakeTelegram, bot: Bot) -> None:
    """A quotation may be expandable, and an escaped mark is a letter."""
    chat = telegram.private_chat(telegram.person(42, "Ann"))
    await bot.send_message(42, "**>one\n>two||\n\\*x\\* __u__ ||s||\n>q", parse_mode="MarkdownV2")
    (message,) = telegram.messages(chat)
    assert message.text == "one\ntwo\n*x* u s\nq"
    kinds = [it["type"] for it in message.entities]
    assert kinds == ["expandable_blockquote", "underline", "spoiler", "blockquote"]


async def test_entities_must_fit_the_text(telegram: FakeTelegram, bot: Bot) -> None:
    """Offsets are UTF-16 units, lie within the text and split no character; after a hundred the rest is dropped."""
    chat = telegram.private_chat(telegram.person(42, "Ann"))
    with pytest.raises(BadRequest, match="ends after the end of the text at utf-16 offset 2"):
        await bot.send_message(42, "\N{ROCKET}", entities=[MessageEntity("bold", 0, 3)])
    with pytest.raises(BadRequest, match="middle of a utf-16 symbol"):
        await bot.send_message(42, "\N{ROCKET}", entities=[MessageEntity("bold", 1, 1)])
    await bot.send_message(42, "x" * 101, entities=[MessageEntity("bold", n, 1) for n in range(101)])
    assert len(telegram.messages(chat)[0].entities) == 100


async def test_buttons_must_be_whole(telegram: FakeTelegram, bot: Bot) -> None:
    """Callback data has 1 to 64 bytes, a row 8 buttons and a keyboard 100."""
    chat = telegram.private_chat(telegram.person(42, "Ann"))
    await bot.send_message(42, "fits", reply_markup=keyboard("é" * 32, 100))
    assert len(telegram.messages(chat)[0].buttons) == 100
    for wrong in (keyboard("é" * 33), keyboard("")):
        with pytest.raises(BadRequest, match=r"(?i)button_data_invalid|unallowed"):
            await bot.send_message(42, "x", reply_markup=wrong)
    with pytest.raises(BadRequest, match=r"(?i)too_long"):
        await bot.send_message(42, "x", reply_markup=keyboard("a", 101))


async def test_topics_must_exist_and_the_general_one_has_no_number(telegram: FakeTelegram, bot: Bot) -> None:
    """A thread that is no topic is refused, the number 1 as well."""
    forum = telegram.group("Club", members=[telegram.person(42, "Ann")], forum=True)
    topic = telegram.topic(forum, "News")
    await bot.send_message(forum.id, "in it", message_thread_id=topic)
    await bot.send_message(forum.id, "General")
    for thread in (1, topic + 500):
        with pytest.raises(BadRequest, match="thread not found"):
            await bot.send_message(forum.id, "x", message_thread_id=thread)
    assert [message.thread_id for message in telegram.messages(forum)] == [topic, None]


async def test_a_reply_needs_its_message(telegram: FakeTelegram, bot: Bot) -> None:
    """A reply to nothing is refused unless the bot allows to send it anyway."""
    telegram.private_chat(telegram.person(42, "Ann"))
    with pytest.raises(BadRequest, match="to be replied not found"):
        await bot.send_message(42, "x", reply_to_message_id=99)
    await bot.send_message(42, "x", reply_to_message_id=99, allow_sending_without_reply=True)


async def test_edits_and_removals_are_checked(telegram: FakeTelegram, bot: Bot, clock: ManualClock) -> None:
    """Nothing new, nothing there and nothing of one's own are refused; earlier texts are kept for the test."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    said = await telegram.say(ann, "mine", chat=chat)
    sent = await bot.send_message(42, "one")
    await bot.edit_message_text("two", 42, sent.message_id)
    with pytest.raises(BadRequest, match="not modified"):
        await bot.edit_message_text("two", 42, sent.message_id)
    with pytest.raises(BadRequest, match="edit not found"):
        await bot.edit_message_text("x", 42, 999)
    with pytest.raises(BadRequest, match="can't be edited"):
        await bot.edit_message_text("x", 42, int(str(said["message_id"])))
    await bot.edit_message_reply_markup(42, sent.message_id, reply_markup=keyboard("a"))
    (message,) = telegram.messages(chat)
    assert (message.text, message.edits, message.buttons) == ("two", ("one",), (("Go 0", "a"),))
    clock.advance(48 * 3600 + 1)
    with pytest.raises(BadRequest, match="can't be deleted"):
        await bot.delete_message(42, sent.message_id)


async def test_documents_go_up_and_come_down(telegram: FakeTelegram, bot: Bot) -> None:
    """A document arrives with name, bytes and caption, and can be fetched again."""
    chat = telegram.private_chat(telegram.person(42, "Ann"))
    sent = await bot.send_document(42, b"# notes", filename="notes.md", caption="here", reply_markup=keyboard("a"))
    (message,) = telegram.messages(chat)
    assert (message.document, message.text) == (("notes.md", b"# notes"), "here")
    assert sent.document
    file = await bot.get_file(sent.document.file_id)
    assert await file.download_as_bytearray() == b"# notes"
    with pytest.raises(BadRequest, match="caption is too long"):
        await bot.send_document(42, b"x", caption="x" * 1025)
    assert telegram.unknown_parameters == []


async def test_drafts_and_actions(telegram: FakeTelegram, bot: Bot) -> None:
    """A draft is for private chats alone and needs a number; actions are noted."""
    ann = telegram.person(42, "Ann")
    chat, group = telegram.private_chat(ann), telegram.group("Club", members=[ann])
    await bot.send_message_draft(42, 7, "so far")
    await bot.send_chat_action(42, "typing")
    with pytest.raises(BadRequest, match=r"(?i)peer_invalid"):
        await bot.send_message_draft(group.id, 7, "x")
    with pytest.raises(BadRequest, match=r"(?i)id_invalid"):
        await bot.send_message_draft(42, 0, "x")
    assert (telegram.drafts(chat), telegram.actions(chat)) == (["so far"], ["typing"])


async def test_a_closed_door_is_told_as_the_real_server_does(telegram: FakeTelegram, bot: Bot) -> None:
    """Blocked, thrown out, moved and unknown have each their own refusal."""
    ann = telegram.person(42, "Ann")
    telegram.private_chat(ann)
    group, other = telegram.group("Old", members=[ann], supergroup=False), telegram.group("B", members=[ann])
    telegram.block(ann)
    telegram.kick(other)
    moved = telegram.migrate(group)
    for chat_id in (42, other.id):
        with pytest.raises(Forbidden):
            await bot.send_message(chat_id, "x")
    with pytest.raises(ChatMigrated) as migrated:
        await bot.send_message(group.id, "x")
    assert migrated.value.new_chat_id == moved.id
    with pytest.raises(BadRequest, match=r"(?i)chat not found"):
        await bot.send_message(4711, "x")
    updates = await bot.get_updates()
    assert sum(bool(it.my_chat_member) for it in updates) == 2
    assert sum(bool(it.message and it.message.migrate_to_chat_id) for it in updates) == 1


async def test_ephemeral_messages_reach_one_person(telegram: FakeTelegram, bot: Bot) -> None:
    """They have no message_id, are for members of groups alone, and are edited by their own methods."""
    ann, bob = telegram.person(42, "Ann"), telegram.person(43, "Bob")
    group = telegram.group("Club", members=[ann])
    telegram.private_chat(ann)
    sent = await bot.send_message(group.id, "psst", api_kwargs={"receiver_user_id": 42})
    (message,) = telegram.messages(group)
    assert (sent.message_id, message.seen_by) == (0, 42)
    known = {"chat_id": group.id, "receiver_user_id": 42, "ephemeral_message_id": message.ephemeral_id}
    assert await bot.do_api_request("editEphemeralMessageText", {**known, "text": "pssst"})
    assert telegram.messages(group)[0].text == "pssst"
    assert await bot.do_api_request("deleteEphemeralMessage", known)
    assert telegram.messages(group) == []
    for chat_id, receiver in ((group.id, bob.id), (ann.id, ann.id)):
        with pytest.raises(BadRequest):
            await bot.send_message(chat_id, "x", api_kwargs={"receiver_user_id": receiver})
    assert telegram.unknown_parameters == []


async def test_menus_are_checked_and_kept_by_scope(telegram: FakeTelegram, bot: Bot) -> None:
    """Names and descriptions have their rules, and each scope its own list."""
    await bot.set_my_commands([BotCommand("new", "Start anew")], scope={"type": "chat", "chat_id": 5})  # type: ignore[arg-type]
    assert telegram.commands == {"chat:5": [{"command": "new", "description": "Start anew"}]}
    for wrong in ([("No", "x")], [("ok", "x" * 257)], [("a", "b")] * 101):
        with pytest.raises(BadRequest):
            await bot.set_my_commands(wrong)
    assert await bot.set_my_description("d" * 512)
    with pytest.raises(BadRequest):
        await bot.set_my_short_description("d" * 121)


async def test_the_token_and_the_method_must_be_known(telegram: FakeTelegram, raw: str) -> None:
    """Another token is 401, no token and no method 404; what is unknown in a call is noted."""
    with pytest.raises(InvalidToken):
        async with Bot("1:other", base_url=f"{telegram.url}/bot"):
            pass
    async with aiohttp.ClientSession() as session:
        for path, status in ((f"{telegram.url}/botx/getMe", 404), (f"{raw}/doMagic", 404), (f"{raw}/GETME", 200)):
            async with session.get(path) as answer:
                assert answer.status == status
        async with session.post(f"{raw}/getMe", json={"colour": "red"}) as answer:
            assert (await answer.json())["result"]["is_bot"] is True
    assert telegram.unknown_parameters == [("getMe", "colour")]


async def test_what_goes_wrong_on_command(telegram: FakeTelegram, bot: Bot) -> None:
    """Errors, floods and cuts come as often as told; a drop does the work first, and so does who is late."""
    ann = telegram.person(42, "Ann")
    chat = telegram.private_chat(ann)
    telegram.faults.fail("sendMessage", 502)
    with pytest.raises(NetworkError):
        await bot.send_message(42, "failed")
    telegram.faults.too_many(chat=chat, retry_after=7)
    with pytest.raises(RetryAfter) as slow:
        await bot.send_message(42, "flood")
    assert "7" in str(slow.value)
    telegram.faults.cut("sendMessage")
    telegram.faults.drop_after("sendMessage")
    for words in ("cut", "dropped"):
        with pytest.raises(NetworkError):
            await bot.send_message(42, words)
    telegram.faults.delay("sendMessage", 0.5)
    with pytest.raises(TimedOut):
        await bot.send_message(42, "late", read_timeout=0.05)
    await telegram.wait_for(chat, "late")
    await bot.send_message(42, "well")
    assert "well" in [message.text for message in telegram.messages(chat)]
    assert {"failed", "flood", "cut"}.isdisjoint(message.text for message in telegram.messages(chat))
    assert "dropped" in [message.text for message in telegram.messages(chat)]


async def test_too_fast_is_noted_and_refused_if_so_wished(clock: ManualClock) -> None:
    """Three at once and then one a second in a private chat, twenty a minute in a group."""
    async with FakeTelegram.running(limits_clock=clock) as telegram:
        ann = telegram.person(42, "Ann")
        telegram.private_chat(ann)
        group = telegram.group("Club", members=[ann])
        async with Bot(telegram.token, base_url=f"{telegram.url}/bot") as bot:
            for _ in range(3):
                await bot.send_message(42, "x")
            clock.advance(1)
            await bot.send_message(42, "x")
            for _ in range(20):
                await bot.send_message(group.id, "x")
                clock.advance(0.1)
            assert telegram.limits_violations == []
            await bot.send_message(group.id, "x")
            assert len(telegram.limits_violations) == 1
            telegram.enforce_limits = True
            with pytest.raises(RetryAfter):
                await bot.send_message(group.id, "x")
