"""Editing: changes to what was sent, and its removal."""

from __future__ import annotations

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.failure import NOT_MODIFIED, bad
from tests.fakes.telegram.markup import markup
from tests.fakes.telegram.message import Json, Record
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.registry import method
from tests.fakes.telegram.sending import caption_content, text_content
from tests.fakes.telegram.world import World

DELETABLE_SECONDS = 48 * 3600
EVERY_EDIT = "business_connection_id chat_id message_id inline_message_id reply_markup "
EVERY_EPHEMERAL_EDIT = "chat_id receiver_user_id ephemeral_message_id reply_markup "
_TEXT_FIELDS = ("text", "entities", "caption", "caption_entities")


@method("editMessageText", EVERY_EDIT + "text parse_mode entities link_preview_options")
async def edit_message_text(world: World, parameters: Parameters) -> object:
    """Change the text and the buttons of a message."""
    content = text_content(parameters)
    chat, record = _own(world, parameters)
    return _change_text(world, chat, record, content, markup(parameters))


@method("editMessageCaption", EVERY_EDIT + "caption parse_mode caption_entities show_caption_above_media")
async def edit_message_caption(world: World, parameters: Parameters) -> object:
    """Change the caption and the buttons of a document."""
    content = caption_content(parameters)
    chat, record = _own(world, parameters)
    if record.text_field != "caption":
        raise bad("there is no caption in the message to edit")
    return _change(world, chat, record, {**content, **_keyboard(markup(parameters))})


@method("editMessageReplyMarkup", EVERY_EDIT)
async def edit_message_reply_markup(world: World, parameters: Parameters) -> object:
    """Change the buttons of a message."""
    chat, record = _own(world, parameters)
    return _change(world, chat, record, {**_kept(record), **_keyboard(markup(parameters))})


@method("editEphemeralMessageText", EVERY_EPHEMERAL_EDIT + "text parse_mode entities link_preview_options")
async def edit_ephemeral_message_text(world: World, parameters: Parameters) -> object:
    """Change the text and the buttons of an ephemeral message."""
    content = text_content(parameters)
    chat, record = _own_ephemeral(world, parameters)
    _change_text(world, chat, record, content, markup(parameters))
    return True


@method("editEphemeralMessageReplyMarkup", EVERY_EPHEMERAL_EDIT)
async def edit_ephemeral_message_reply_markup(world: World, parameters: Parameters) -> object:
    """Change the buttons of an ephemeral message."""
    chat, record = _own_ephemeral(world, parameters)
    _change(world, chat, record, {**_kept(record), **_keyboard(markup(parameters))})
    return True


@method("deleteMessage", "chat_id message_id")
async def delete_message(world: World, parameters: Parameters) -> object:
    """Remove a message for everybody."""
    chat = world.chat(parameters.text("chat_id"))
    record = chat.find(parameters.integer("message_id"))
    if record is None:
        raise bad("message to delete not found")
    if not (record.by_bot or chat.type == "private" or chat.bot_is_admin):
        raise bad("message can't be deleted")
    if world.clock() - record.at > DELETABLE_SECONDS:
        raise bad("message can't be deleted for everyone")
    return _remove(world, chat, record)


@method("deleteEphemeralMessage", "chat_id receiver_user_id ephemeral_message_id")
async def delete_ephemeral_message(world: World, parameters: Parameters) -> object:
    """Remove an ephemeral message."""
    return _remove(world, *_own_ephemeral(world, parameters))


def _own(world: World, parameters: Parameters) -> tuple[Chat, Record]:
    chat = world.chat(parameters.text("chat_id"))
    message_id = parameters.integer("message_id")
    if not message_id:
        raise bad("message identifier is not specified")
    record = chat.find(message_id)
    if record is None:
        raise bad("message to edit not found")
    if not record.by_bot:
        raise bad("message can't be edited")
    return chat, record


def _own_ephemeral(world: World, parameters: Parameters) -> tuple[Chat, Record]:
    chat = world.chat(parameters.text("chat_id"))
    record = chat.find_ephemeral(parameters.integer("ephemeral_message_id"))
    if record is None or not record.by_bot or record.seen_by != parameters.integer("receiver_user_id"):
        raise bad("message to edit not found")
    return chat, record


def _keyboard(keyboard: Json) -> Json:
    return {"reply_markup": keyboard} if keyboard else {}


def _kept(record: Record) -> Json:
    return {name: record.body[name] for name in _TEXT_FIELDS if name in record.body}


def _change_text(world: World, chat: Chat, record: Record, content: Json, keyboard: Json) -> Json:
    if record.text_field != "text":
        raise bad("there is no text in the message to edit")
    return _change(world, chat, record, {**content, **_keyboard(keyboard)})


def _change(world: World, chat: Chat, record: Record, content: Json) -> Json:
    changing = (*_TEXT_FIELDS, "reply_markup")
    if {name: record.body[name] for name in changing if name in record.body} == content:
        raise bad(NOT_MODIFIED)
    before = record.text
    rest = {name: value for name, value in record.body.items() if name not in changing}
    record.body = {**rest, **content, "edit_date": int(world.clock())}
    if record.text != before:
        record.edits.append(before)
    world.show(chat, record, f"(edits {record.message_id}) ")
    return record.body


def _remove(world: World, chat: Chat, record: Record) -> bool:
    record.deleted = True
    world.journal.note(chat, world.bot.first_name, f"(deletes {record.message_id or record.ephemeral_id})")
    world.changed.ring()
    return True
