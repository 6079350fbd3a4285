"""Directions: where the commands that an answer names are to be sent, if that is not where it is read."""

from __future__ import annotations

import re
from dataclasses import replace

from adapters.reply import Reply
from bot.commands.wording import place
from sessions.address import Address, ChatKind

_NAMED = re.compile(r"`/([a-z][a-z-]*)[^`\n]*`")
_EVERYWHERE = {"mydata", "forgetme", "link", "help", "whoami", "admin", "pair", "start"}  # about the person, or the bot


def directed(reply: Reply, address: Address) -> Reply:
    """Say where to send the commands that a private answer names.

    One to what was typed in a group is read in the direct chat, and a command sent there is about the conversation
    that is held there.
    """
    if not reply.private or address.chat_kind is ChatKind.PRIVATE:
        return reply
    if not {found[1] for found in _NAMED.finditer(reply.text)} - _EVERYWHERE:
        return reply
    where = f"Send these commands in {place(address)}: in another chat they are about the conversation of that chat."
    return replace(reply, text=f"{reply.text}\n\n{where}")
