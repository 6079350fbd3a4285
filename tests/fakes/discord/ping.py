"""Who would be pinged by a message of the bot."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.fakes.discord.document import Document
from tests.fakes.discord.message import Message
from tests.fakes.discord.person import User

_USER, _ROLE, _EVERYONE = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>"), re.compile(r"@(?:everyone|here)\b")


class Ping(NamedTuple):
    """Somebody whose device would have made a sound."""

    who: str
    message: Message


def pings(message: Message, people: dict[int, User], *, from_interaction: bool) -> list[Ping]:
    """Find who is pinged, by the text, by the reply and by what was allowed."""
    allowed = message.allowed_mentions
    if allowed is None:
        allowed = {"parse": ["users"] if from_interaction else ["users", "roles", "everyone"], "replied_user": True}
    found = [
        people[int(match)].name for match in _USER.findall(message.content) if _may(allowed, "users", match, people)
    ]
    found += [f"@{match}" for match in _ROLE.findall(message.content) if _allows(allowed, "roles", match)]
    if "everyone" in allowed.get("parse", ()):
        found += _EVERYONE.findall(message.content)
    if message.reply_to and allowed.get("replied_user") and message.reply_to.author.name not in found:
        found.append(message.reply_to.author.name)
    return [Ping(who, message) for who in dict.fromkeys(found)]


def _may(allowed: Document, kind: str, mentioned: str, people: dict[int, User]) -> bool:
    return int(mentioned) in people and _allows(allowed, kind, mentioned)


def _allows(allowed: Document, kind: str, mentioned: str) -> bool:
    return kind in allowed.get("parse", ()) or mentioned in map(str, allowed.get(kind) or ())
