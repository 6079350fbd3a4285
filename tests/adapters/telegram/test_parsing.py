"""Parsing: nothing but a person who speaks to the bot means anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telegram.addressing import Me
from adapters.telegram.parsing import Event, Migration, Press, Said, parse
from sessions.address import ChatKind

ME = Me(99, "palaver_bot")
Json = dict[str, Any]

ANN: Json = {"id": 7, "is_bot": False, "first_name": "Ann", "last_name": "Lee"}
BOT: Json = {"id": 99, "is_bot": True, "first_name": "Palaver", "username": "palaver_bot"}
ANONYMOUS: Json = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
PRIVATE: Json = {"id": 7, "type": "private", "first_name": "Ann"}
GROUP: Json = {"id": -100500, "type": "supergroup", "title": "Friends"}


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def mention(text: str, name: str = "@palaver_bot") -> list[Json]:
    """Mark the first place where somebody is named."""
    return [{"type": "mention", "offset": units(text[: text.index(name)]), "length": units(name)}]


def message(text: str | None = "hello", *, chat: Json = PRIVATE, sender: Json | None = ANN, **more: object) -> Json:
    body: Json = {"message_id": 5, "date": 1, "chat": chat, **more}
    if sender is not None:
        body["from"] = sender
    if text is not None:
        body["text"] = text
    return body


def parsed(body: Json, kind: str = "message") -> Event | None:
    return parse({"update_id": 1, kind: body}, ME)


def said(body: Json, kind: str = "message") -> Said:
    event = parsed(body, kind)
    assert isinstance(event, Said), event
    return event


def in_group(text: str | None, *, sender: Json | None = ANN, **more: object) -> Json:
    return message(text, chat=GROUP, sender=sender, **more)


# -- private chats -------------------------------------------------------------------------------------


def test_what_is_said_in_private_means_itself() -> None:
    """Text, author, ids and the place to answer are taken from the message."""
    event = said(message("hello"))
    inbound, place = event.inbound, event.place
    assert (inbound.text, inbound.author, inbound.source, inbound.edits) == ("hello", "Ann Lee", "5", None)
    address = inbound.address
    assert (address.platform, address.account, address.chat_id, address.user_id) == ("telegram", "99", "7", "7")
    assert (address.thread_id, address.chat_kind) == (None, ChatKind.PRIVATE)
    assert (place.chat, place.person, place.private, place.thread, place.reply_to) == (7, "7", True, None, None)


def test_a_start_link_is_text() -> None:
    """What a link carries comes with `/start`."""
    assert said(message("/start abc_1")).inbound.text == "/start abc_1"


@pytest.mark.parametrize("media", ["photo", "voice", "sticker", "document", "location"])
def test_a_thing_without_words_is_said_without_words(media: str) -> None:
    """A picture or the like is handled, and says nothing."""
    assert said(message(None, **{media: {"file_id": "x"}})).inbound.text == ""


def test_a_caption_counts_as_text() -> None:
    """What stands under a picture is said."""
    assert said(message(None, photo=[{}], caption="look")).inbound.text == "look"


def test_the_name_of_the_bot_is_taken_off_a_command() -> None:
    """Whatever its case; the name of another bot stays, so that the command is unknown."""
    assert said(message("/history@Palaver_Bot  all")).inbound.text == "/history  all"
    assert said(message("/history@other_bot")).inbound.text == "/history@other_bot"


def test_halves_of_signs_are_replaced() -> None:
    """What no store can hold becomes U+FFFD, in the text and in the name."""
    event = said(message("a\ud800b", sender={**ANN, "first_name": "\udc00", "last_name": None}))
    assert (event.inbound.text, event.inbound.author) == ("a\ufffdb", "\ufffd")


def test_a_topic_of_a_private_chat_is_a_thread() -> None:
    """Where the bot has topics, each has a conversation of its own."""
    event = said(message("hi", message_thread_id=3, is_topic_message=True))
    assert (event.inbound.address.thread_id, event.inbound.address.chat_kind) == ("3", ChatKind.THREAD)
    assert (event.place.thread, event.place.private) == (3, True)


# -- groups --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("hello", None),
        ("@palaver_bot hello", "hello"),
        ("@palaver_bot, hello", "hello"),
        ("@PALAVER_BOT: hello", "hello"),
        ("hello @palaver_bot", "hello"),
        ("hello @palaver_bot friend", "hello friend"),
        ("\U0001f600\U0001f600 hello @palaver_bot \U0001f600", "\U0001f600\U0001f600 hello \U0001f600"),
        ("@palaver_bot", ""),
        ("@palaver_bot /new", "/new"),
        ("/new", "/new"),
        ("/new@palaver_bot work", "/new work"),
        ("/new@other_bot", None),
        ("/new@other_bot @palaver_bot", None),
    ],
)
def test_in_a_group_only_what_is_addressed_is_heard(text: str, heard: str | None) -> None:
    """A mention, which is taken out, or a command that is not another bot's."""
    name = next((word for word in text.split() if word.lower().strip(",:") == "@palaver_bot"), "")
    event = parsed(in_group(text, entities=mention(text, name.strip(",:")) if name else []))
    assert (event.inbound.text if isinstance(event, Said) else None) == heard


def test_another_name_is_no_mention() -> None:
    """Neither somebody else's, nor a word that only looks like ours but is not marked."""
    text = "@other_bot hello"
    assert parsed(in_group(text, entities=mention(text, "@other_bot"))) is None
    assert parsed(in_group("mail me@palaver_bot", entities=[])) is None


def test_a_mention_by_id_counts() -> None:
    """An entity that names the account is a mention, one that names another is none."""
    marks: list[Json] = [{"type": "text_mention", "offset": 0, "length": 7, "user": BOT}]
    assert said(in_group("Palaver hello", entities=marks)).inbound.text == "hello"
    assert parsed(in_group("Palaver hello", entities=[{**marks[0], "user": ANN}])) is None


def test_a_caption_can_mention_the_bot() -> None:
    """The marks of a caption are its own."""
    caption = "@palaver_bot what is this?"
    event = said(in_group(None, photo=[{}], caption=caption, caption_entities=mention(caption)))
    assert event.inbound.text == "what is this?"


def test_a_reply_to_the_bot_is_addressed() -> None:
    """And one to somebody else is not, nor the beginning of a topic that the bot opened."""
    ours = {"message_id": 4, "from": BOT, "text": "?"}
    assert said(in_group("yes", reply_to_message=ours)).inbound.text == "yes"
    assert said(in_group(None, photo=[{}], reply_to_message=ours)).inbound.text == ""
    assert parsed(in_group("yes", reply_to_message={**ours, "from": ANN})) is None
    assert parsed(in_group("yes", reply_to_message={**ours, "forum_topic_created": {"name": "x"}})) is None
    assert parsed(in_group("/new@other_bot", reply_to_message=ours)) is None


def test_the_answer_in_a_group_replies_to_the_message() -> None:
    """The place names the message, the group and the person."""
    place = said(in_group("/new")).place
    assert (place.chat, place.person, place.private, place.reply_to) == (-100500, "7", False, 5)


def test_the_thread_of_replies_is_no_thread() -> None:
    """Only a topic is one; the General topic is the group itself."""
    plain = said(in_group("/new", message_thread_id=44))
    general = said(in_group("/new", message_thread_id=1, is_topic_message=True))
    topic = said(in_group("/new", message_thread_id=12, is_topic_message=True))
    assert [it.inbound.address.thread_id for it in (plain, general, topic)] == [None, None, "12"]
    assert [it.inbound.address.chat_kind for it in (plain, topic)] == [ChatKind.GROUP, ChatKind.THREAD]
    assert [it.place.thread for it in (plain, general, topic)] == [None, None, 12]


# -- who speaks ----------------------------------------------------------------------------------------


def test_anonymous_administrators_of_two_groups_are_two() -> None:
    """They share an account, and are known by their group instead."""
    other = {**GROUP, "id": -100501}
    first = said(in_group("/new", sender=ANONYMOUS, sender_chat=GROUP))
    second = said(message("/new", chat=other, sender=ANONYMOUS, sender_chat=other))
    assert [it.inbound.address.user_id for it in (first, second)] == ["chat:-100500", "chat:-100501"]
    assert (first.place.person, first.inbound.author) == ("chat:-100500", "Friends")
    assert parsed(in_group("/new", sender=ANONYMOUS)) is None


@pytest.mark.parametrize(
    "body",
    [
        in_group("/new", sender={**ANN, "is_bot": True}),
        in_group("/new", sender=None),
        in_group("/new", sender={"id": 136817688, "is_bot": True}, sender_chat={"id": -1, "type": "channel"}),
        in_group("/new", sender={"id": 777000, "is_bot": False}, is_automatic_forward=True),
        in_group("/new", sender={"id": 777000, "is_bot": False}),
        in_group("/new", sender_chat={"id": -1, "type": "channel"}),
        in_group("/new", via_bot={"id": 3, "is_bot": True}),
        message("/new", business_connection_id="b"),
        message("/new", guest_query_id="g"),
        message("/new", chat={"id": -100, "type": "channel"}),
        message("/new", chat={"id": 5, "type": "new"}),
        message("/new", chat={}),
        message("/new", sender={"id": True, "is_bot": False}),
        in_group(None, new_chat_members=[ANN]),
        in_group(None, pinned_message={}),
        message(None, something_new={}),
    ],
)
def test_nobody_else_is_heard(body: Json) -> None:
    """Bots, channels, forwards, business and guest messages, services, and what lacks an id mean nothing."""
    assert parsed(body) is None
    assert parsed(body, "edited_message") is None


@pytest.mark.parametrize(
    "kind",
    ["channel_post", "edited_channel_post", "business_message", "guest_message", "my_chat_member", "inline_query"],
)
def test_other_updates_mean_nothing(kind: str) -> None:
    """Whatever they hold."""
    assert parsed(message("/new"), kind) is None


# -- edits ---------------------------------------------------------------------------------------------


def test_an_edit_names_what_it_replaces() -> None:
    """In a group it is heard as a message would be."""
    event = said(message("/delete"), "edited_message")
    assert (event.inbound.edits, event.inbound.source, event.inbound.text) == ("5", "5", "/delete")
    text = "@palaver_bot better"
    assert said(in_group(text, entities=mention(text)), "edited_message").inbound.text == "better"
    assert parsed(in_group("better"), "edited_message") is None
    assert parsed(message(None, location={}), "edited_message") is None


def test_a_message_without_a_number_of_its_own_is_no_source() -> None:
    """All ephemeral messages have the number 0: nothing can be stored under it, nor edited."""
    body = {**in_group("/new"), "message_id": 0, "ephemeral_message_id": 3}
    event = said(body)
    assert (event.inbound.source, event.place.reply_to) == (None, None)
    assert parsed(body, "edited_message") is None


# -- groups that move ----------------------------------------------------------------------------------


def test_both_notices_of_a_move_mean_the_same() -> None:
    """A group that becomes a supergroup tells of it in both places; words about it move nothing."""
    old = {"id": -500, "type": "group"}
    moved = Migration("-500", "-100500")
    assert parsed(message(None, chat=old, migrate_to_chat_id=-100500)) == moved
    assert parsed(in_group(None, sender=ANONYMOUS, sender_chat=GROUP, migrate_from_chat_id=-500)) == moved
    assert isinstance(parsed(message('{"migrate_to_chat_id": -1}')), Said)


# -- presses -------------------------------------------------------------------------------------------


def query(**more: object) -> Json:
    shown = {"message_id": 8, "date": 1, "chat": GROUP, "from": BOT, "text": "?"}
    return {"id": "q1", "from": ANN, "data": "payload", "message": shown, **more}


def pressed(body: Json) -> Press:
    event = parsed(body, "callback_query")
    assert isinstance(event, Press), event
    return event


def test_a_press_tells_who_where_and_what() -> None:
    """The person is the one who presses, the place is the chat and topic of the message."""
    press = pressed(query())
    assert press.address is not None
    assert press.place is not None
    assert (press.query, press.payload, press.message, press.author) == ("q1", "payload", 8, "Ann Lee")
    assert (press.address.user_id, press.address.chat_id, press.place.callback) == ("7", "-100500", "q1")
    assert press.rows == ()
    topic = pressed(query(message={**query()["message"], "message_thread_id": 12, "is_topic_message": True}))
    assert topic.address is not None
    assert topic.address.thread_id == "12"


def test_a_press_tells_which_buttons_were_there() -> None:
    """Row by row, without those that lead elsewhere; anything else under the message is none."""
    one, two = {"text": "A", "callback_data": "a"}, {"text": "B", "callback_data": "b"}
    rows = [[one, {"text": "web", "url": "https://example.org"}, 5], [two], "x"]
    under = {**query()["message"], "reply_markup": {"inline_keyboard": rows}}
    assert pressed(query(message=under)).rows == ((("A", "a"),), (("B", "b"),), ())
    assert pressed(query(message={**under, "reply_markup": {"inline_keyboard": "x"}})).rows == ()


@pytest.mark.parametrize(
    "more",
    [
        {"data": None},
        {"data": 5},
        {"message": None, "inline_message_id": "x"},
        {"message": {"message_id": 8, "date": 0, "chat": GROUP}},
        {"from": {**ANN, "is_bot": True}},
        {"message": {**query()["message"], "business_connection_id": "b"}},
    ],
)
def test_a_press_that_can_not_count_is_still_one_to_answer(more: Json) -> None:
    """A game, an inline message, a message that is gone: nobody has an address there."""
    press = pressed(query(**more))
    assert (press.query, press.address) == ("q1", None)


def test_a_press_without_a_number_is_nothing() -> None:
    """There is nothing to answer."""
    assert parsed({"from": ANN}, "callback_query") is None


# -- anything ------------------------------------------------------------------------------------------

_names = st.sampled_from(
    [
        "update_id",
        "message",
        "edited_message",
        "callback_query",
        "chat",
        "from",
        "id",
        "type",
        "text",
        "entities",
        "message_id",
        "date",
        "data",
        "offset",
        "length",
        "user",
        "is_bot",
        "message_thread_id",
        "reply_to_message",
        "sender_chat",
        "caption",
        "first_name",
        "migrate_to_chat_id",
        "is_topic_message",
        "photo",
    ]
)
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["private", "supergroup", "mention", "text_mention", "@palaver_bot", "/new@palaver_bot", "\ud800"]),
)
_anything = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=8), max_leaves=40
)


@given(_anything)
def test_no_update_is_an_error(update: object) -> None:
    """Whatever JSON comes in means something or nothing."""
    parse(update, ME)


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-3, 50), st.integers(-3, 50)), max_size=4))
def test_no_marks_are_an_error(text: str, spans: list[tuple[int, int]]) -> None:
    """Marks may lie beyond the text, overlap and tear signs apart; what is left can be stored."""
    marks = [{"type": "text_mention", "offset": at, "length": long, "user": BOT} for at, long in spans]
    event = parsed(in_group(text or "x", entities=marks))
    if isinstance(event, Said):
        event.inbound.text.encode()
