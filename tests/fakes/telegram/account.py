"""Account: what a bot asks and says about itself."""

from __future__ import annotations

from tests.fakes.telegram.failure import bad
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.registry import Act, method
from tests.fakes.telegram.world import World

TEXTS = {"Name": ("name", 64), "Description": ("description", 512), "ShortDescription": ("short_description", 120)}


@method("getMe")
async def get_me(world: World, _: Parameters) -> object:
    """Tell the bot who it is."""
    return {
        **world.bot.as_json(),
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


@method("logOut")
async def log_out(world: World, _: Parameters) -> object:
    """End the service of this server for the bot."""
    world.logged_out = True
    return True


@method("close")
async def close(_: World, __: Parameters) -> object:
    """Close the bot here before it moves to another server."""
    return True


def _setter(field: str, longest: int) -> Act:
    async def act(world: World, parameters: Parameters) -> object:
        text = parameters.text(field)
        if len(text) > longest:
            raise bad(f"{field.replace('_', ' ')} is too long")
        world.about[_key(field, parameters)] = text
        return True

    return act


def _getter(field: str) -> Act:
    async def act(world: World, parameters: Parameters) -> object:
        return {field: world.about.get(_key(field, parameters), "")}

    return act


def _key(field: str, parameters: Parameters) -> str:
    language = parameters.text("language_code")
    return f"{field}/{language}" if language else field


for _name, (_field, _longest) in TEXTS.items():
    method(f"setMy{_name}", f"{_field} language_code")(_setter(_field, _longest))
    method(f"getMy{_name}", "language_code")(_getter(_field))
