"""Sending: messages, documents, drafts, typing."""

from __future__ import annotations

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.entities import Formatted, checked
from tests.fakes.telegram.failure import QUERY_TOO_OLD, Failure, bad
from tests.fakes.telegram.hypertext import Hypertext
from tests.fakes.telegram.markdown import Markdown
from tests.fakes.telegram.markup import markup
from tests.fakes.telegram.message import Json, Record, number
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.query import EPHEMERAL_SECONDS
from tests.fakes.telegram.registry import method
from tests.fakes.telegram.world import World

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
LARGEST_UPLOAD = 50 * 1024 * 1024
EVERY_SEND = (
    "chat_id business_connection_id message_thread_id direct_messages_topic_id disable_notification protect_content "
    "allow_paid_broadcast message_effect_id suggested_post_parameters reply_parameters reply_markup parse_mode "
    "receiver_user_id callback_query_id ephemeral_message_parameters "
)
ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)


@method("sendMessage", EVERY_SEND + "text entities link_preview_options")
async def send_message(world: World, parameters: Parameters) -> object:
    """Send a text."""
    content = text_content(parameters)
    return deliver(world, parameters, content).body


@method(
    "sendDocument",
    EVERY_SEND + "document thumbnail caption caption_entities disable_content_type_detection",
)
async def send_document(world: World, parameters: Parameters) -> object:
    """Send a file, new or known."""
    content = caption_content(parameters)
    name, data, media_type, known = _document(world, parameters)
    world.chat(parameters.text("chat_id"))
    stands_for = known or world.store(name, data, media_type)
    return deliver(world, parameters, {"document": stands_for, **content}, (name, data)).body


@method("sendMessageDraft", "chat_id message_thread_id draft_id text parse_mode entities can_stop")
async def send_message_draft(world: World, parameters: Parameters) -> object:
    """Show a text that is still being written."""
    content = formatted(parameters, "text", "entities")
    if content.units > LONGEST_TEXT:
        raise bad("message is too long")
    chat = world.chat(parameters.text("chat_id"))
    if chat.type != "private":
        raise bad("TEXTDRAFT_PEER_INVALID")
    if not parameters.integer("draft_id"):
        raise bad("TEXTDRAFT_ID_INVALID")
    chat.check_thread(parameters.integer("message_thread_id"))
    chat.drafts.append(content.text)
    world.changed.ring()
    return True


@method("sendChatAction", "chat_id business_connection_id message_thread_id action")
async def send_chat_action(world: World, parameters: Parameters) -> object:
    """Show that the bot is busy."""
    action = parameters.text("action")
    if action not in ACTIONS:
        raise bad("wrong parameter action in request")
    chat = world.chat(parameters.text("chat_id"))
    # Here, and here alone, the General topic may be named by its number.
    if parameters.integer("message_thread_id") != 1 or not chat.forum:
        chat.check_thread(parameters.integer("message_thread_id"))
    chat.actions.append(action)
    world.changed.ring()
    return True


def formatted(parameters: Parameters, name: str, entities: str) -> Formatted:
    """Read a text with its formatting, in whichever of the ways it came."""
    source, mode = parameters.text(name), parameters.text("parse_mode").lower()
    try:
        source.encode()
    except UnicodeEncodeError:
        raise bad("strings must be encoded in UTF-8") from None
    if mode == "html":
        return Hypertext(source).read().trimmed()
    if mode == "markdownv2":
        return Markdown(source).read().trimmed()
    if mode:
        raise bad("unsupported parse_mode")
    return checked(source, parameters.parsed(entities)).trimmed()


def text_content(parameters: Parameters) -> Json:
    """Read the text of a message, which can be neither empty nor too long."""
    if not parameters.text("text"):
        raise bad("message text is empty")
    content = formatted(parameters, "text", "entities")
    if not content.text:
        raise bad("text must be non-empty")
    if content.units > LONGEST_TEXT:
        raise bad("message is too long")
    return {"text": content.text, **({"entities": content.entities} if content.entities else {})}


def caption_content(parameters: Parameters) -> Json:
    """Read a caption, which may be missing."""
    content = formatted(parameters, "caption", "caption_entities")
    if content.units > LONGEST_CAPTION:
        raise bad("message caption is too long")
    given: Json = {"caption": content.text} if content.text else {}
    return {**given, **({"caption_entities": content.entities} if content.entities else {})}


def deliver(world: World, parameters: Parameters, content: Json, document: tuple[str, bytes] | None = None) -> Record:
    """Put a message of the bot into its chat."""
    keyboard = markup(parameters)
    chat = world.chat(parameters.text("chat_id"))
    thread = parameters.integer("message_thread_id")
    chat.check_thread(thread)
    reply = _replied(world, parameters, chat)
    receiver = _receiver(world, parameters, chat)
    world.spend(chat)
    body = {**receiver, **_thread(chat, thread, reply), **content}
    if reply:
        body["reply_to_message"] = reply.as_reply()
    if keyboard:
        body["reply_markup"] = keyboard
    if chat.type == "channel":
        body["sender_chat"] = chat.as_json()
    record = world.add(chat, body, by_bot=True, sender=None if chat.type == "channel" else world.bot)
    record.document = document
    if isinstance(user := receiver.get("receiver_user"), dict):
        record.seen_by = number(user["id"])
    world.show(chat, record)
    return record


def _thread(chat: Chat, thread: int | None, reply: Record | None) -> Json:
    inherited = reply.thread_id if reply and reply.thread_id in chat.topics else None
    place = thread or inherited
    return {"message_thread_id": place, "is_topic_message": True} if place else {}


def _replied(world: World, parameters: Parameters, chat: Chat) -> Record | None:
    given = parameters.mapping("reply_parameters")
    if not given:
        return None
    ephemeral = given.get("ephemeral_message_id")
    if ephemeral:
        record = chat.find_ephemeral(number(ephemeral))
        if record and world.clock() - record.at > EPHEMERAL_SECONDS:
            record = None
    else:
        place = world.chat(str(given["chat_id"])) if given.get("chat_id") else chat
        record = place.find(number(given.get("message_id", 0)))
    if record is None and not given.get("allow_sending_without_reply"):
        raise bad("message to be replied not found")
    return record


def _receiver(world: World, parameters: Parameters, chat: Chat) -> Json:
    given = parameters.mapping("ephemeral_message_parameters")
    receiver = parameters.integer("receiver_user_id") or given.get("receiver_user_id")
    if not receiver:
        return {}
    if not chat.is_group:
        raise bad("ephemeral messages can be sent only to groups and supergroups")
    person = chat.members.get(number(receiver))
    if person is None:
        raise bad("user not found")
    query_id = parameters.text("callback_query_id") or str(given.get("callback_query_id") or "")
    if query_id:
        query = world.queries.get(query_id)
        expired = query is None or world.clock() - query.at > EPHEMERAL_SECONDS
        if expired or query is None or (query.person, query.chat) != (person.id, chat.id):
            raise bad(QUERY_TOO_OLD)
    return {"ephemeral_message_id": world.next_ephemeral(), "receiver_user": person.as_json()}


def _document(world: World, parameters: Parameters) -> tuple[str, bytes, str, Json | None]:
    given = parameters.text("document")
    upload = parameters.files.get(given.removeprefix("attach://") if given else "document")
    if upload:
        if not upload.content:
            raise bad("file must be non-empty")
        if len(upload.content) > LARGEST_UPLOAD:
            raise Failure(413, "Request Entity Too Large")
        return upload.name, upload.content, upload.media_type, None
    if not given:
        raise bad("there is no document in the request")
    stored = world.files.get(given)
    if stored is None:
        raise bad("wrong file identifier/HTTP URL specified")
    return stored.name, stored.content, "", {**stored.document}
