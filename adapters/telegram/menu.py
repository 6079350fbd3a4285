"""Command menus: what Telegram offers when somebody types a slash."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from telegram import Bot, BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats
from telegram.error import TelegramError

from adapters.menu import MenuCommand

MOST_COMMANDS = 100
LONGEST_SUMMARY = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")
log = logging.getLogger(__name__)


def commands(menu: Sequence[MenuCommand]) -> list[BotCommand]:
    """Give the commands by their first words, which is all that Telegram can offer."""
    summaries: dict[str, str] = {}
    for command in sorted(menu, key=lambda command: len(command.path)):
        if not command.operators_only and _NAME.fullmatch(command.path[0]):
            summaries.setdefault(command.path[0], command.summary[:LONGEST_SUMMARY] or command.path[0])
    order = list(dict.fromkeys(command.path[0] for command in menu))
    return [BotCommand(name, summaries[name]) for name in order if name in summaries][:MOST_COMMANDS]


async def offer(bot: Bot, menu: Sequence[MenuCommand]) -> None:
    """Have Telegram offer the commands; it is told only what changed."""
    wanted = commands(menu)
    try:
        for scope in (BotCommandScopeAllPrivateChats(), BotCommandScopeAllGroupChats()):
            if list(await bot.get_my_commands(scope)) != wanted:
                await bot.set_my_commands(wanted, scope)
    except TelegramError as error:
        log.warning("the menu of commands could not be set: %s", type(error).__name__)
