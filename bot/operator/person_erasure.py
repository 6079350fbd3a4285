"""PersonErasure: what the bot that runs does to have nothing kept of somebody."""

from __future__ import annotations

from collections.abc import Mapping

from bot.arguments import Request, text_of
from bot.control import Answer
from bot.forgetting import forget_person
from bot.operations import Operation
from sessions.address import Address
from sessions.catalogue import parse_person
from sessions.manager import SessionManager

ERASE = "erase person"
_NOWHERE = "-"  # the bot account of somebody of whom there is no conversation: only what is noted can be erased


async def addresses_of(sessions: SessionManager, person: str) -> list[Address]:
    """Give where somebody may have written from, at least one place."""
    platform, user = parse_person(person)
    known = await sessions.addresses_of(platform, user)
    return known or [Address(platform=platform, account=_NOWHERE, chat_id=user, user_id=user)]


async def erase(sessions: SessionManager, request: Request) -> Answer:
    """Erase everything of somebody, and let nothing more be said where they were in the middle of something."""
    addresses = await addresses_of(sessions, text_of(request, "person"))
    owned = await sessions.own_sessions(*addresses)
    for session in owned:
        sessions.lanes.stop(session.id)
    receipt = await forget_person(sessions, addresses, approval=True)
    return {"sessions": receipt.sessions, "messages": receipt.messages, "notes": receipt.notes}


PEOPLE_OPERATIONS: Mapping[str, Operation] = {ERASE: erase}
