"""Lookup: what a bot asks about chats, members and files."""

from __future__ import annotations

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.failure import bad
from tests.fakes.telegram.message import Json
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.registry import method
from tests.fakes.telegram.world import World

LARGEST_DOWNLOAD = 20 * 1024 * 1024
_GIFTS = ["unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"]
_RIGHTS = [
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
]


@method("getChat", "chat_id")
async def get_chat(world: World, parameters: Parameters) -> object:
    """Tell all about a chat."""
    chat = world.chat(parameters.text("chat_id"))
    more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(_GIFTS, True)}
    return {**chat.as_json(), **more}


@method("getChatMember", "chat_id user_id")
async def get_chat_member(world: World, parameters: Parameters) -> object:
    """Tell what somebody is in a chat."""
    chat = world.chat(parameters.text("chat_id"))
    user_id = parameters.integer("user_id")
    person = world.bot if user_id == world.bot.id else world.people.get(user_id or 0)
    if person is None:
        raise bad("user not found")
    return _member(chat, person, world.bot)


@method("getChatAdministrators", "chat_id return_bots")
async def get_chat_administrators(world: World, parameters: Parameters) -> object:
    """Tell who leads a chat."""
    chat = world.chat(parameters.text("chat_id"))
    if chat.type == "private":
        raise bad("there are no administrators in the private chat")
    members = [_member(chat, person, world.bot) for person in [*chat.members.values(), world.bot]]
    return [member for member in members if member["status"] in ("creator", "administrator")]


@method("getChatMemberCount", "chat_id")
async def get_chat_member_count(world: World, parameters: Parameters) -> object:
    """Tell how many are in a chat, the bot among them."""
    return len(world.chat(parameters.text("chat_id")).members) + 1


@method("getFile", "file_id")
async def get_file(world: World, parameters: Parameters) -> object:
    """Tell where a file can be fetched."""
    stored = world.files.get(parameters.text("file_id"))
    if stored is None:
        raise bad("invalid file_id")
    if len(stored.content) > LARGEST_DOWNLOAD:
        raise bad("file is too big")
    known = {name: stored.document[name] for name in ("file_id", "file_unique_id", "file_size")}
    return {**known, "file_path": stored.path}


def _member(chat: Chat, person: Person, bot: Person) -> Json:
    user = person.as_json()
    if chat.owner == person:
        return {"status": "creator", "user": user, "is_anonymous": False}
    if person.id in chat.admins or (person == bot and chat.bot_is_admin):
        return {"status": "administrator", "user": user, "can_be_edited": False, "is_anonymous": False} | (
            dict.fromkeys(_RIGHTS, True)
        )
    return {"status": "member" if person == bot or person.id in chat.members else "left", "user": user}
