"""Menu: the commands that a bot offers."""

from __future__ import annotations

import re

from tests.fakes.telegram.failure import bad
from tests.fakes.telegram.message import Json
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.registry import method
from tests.fakes.telegram.world import World

MOST = 100
LONGEST_DESCRIPTION = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")
_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


@method("setMyCommands", "commands scope language_code")
async def set_my_commands(world: World, parameters: Parameters) -> object:
    """Offer commands within a scope."""
    given = parameters.parsed("commands")
    if not isinstance(given, list):
        raise bad("can't parse commands: expected an Array")
    if len(given) > MOST:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    world.commands[_scope(parameters)] = [_command(command) for command in given]
    world.changed.ring()
    return True


@method("getMyCommands", "scope language_code")
async def get_my_commands(world: World, parameters: Parameters) -> object:
    """Tell what is offered within a scope."""
    return world.commands.get(_scope(parameters), [])


@method("deleteMyCommands", "scope language_code")
async def delete_my_commands(world: World, parameters: Parameters) -> object:
    """Offer nothing within a scope."""
    world.commands.pop(_scope(parameters), None)
    world.changed.ring()
    return True


def is_ephemeral(world: World, name: str) -> bool:
    """Tell whether a command is offered as one that only its sender and the bot see."""
    offered = (command for commands in world.commands.values() for command in commands)
    return any(command["command"] == name and command.get("is_ephemeral") is True for command in offered)


def _command(given: object) -> Json:
    if not isinstance(given, dict):
        raise bad("can't parse BotCommand: expected an Object")
    name = str(given.get("command", "")).removeprefix("/")
    if not _NAME.fullmatch(name):
        raise bad("BOT_COMMAND_INVALID")
    if not 1 <= len(str(given.get("description", ""))) <= LONGEST_DESCRIPTION:
        raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    return {**given, "command": name}


def _scope(parameters: Parameters) -> str:
    given = parameters.mapping("scope") or {"type": "default"}
    kind = str(given.get("type"))
    if kind not in _SCOPES:
        raise bad("can't parse BotCommandScope: unsupported type specified")
    missing = [name for name in _SCOPES[kind] if not given.get(name)]
    if missing:
        raise bad(f"can't parse BotCommandScope: {missing[0]} is empty")
    language = parameters.text("language_code")
    return ":".join([kind, *(str(given[name]) for name in _SCOPES[kind])]) + (f"/{language}" if language else "")
