"""Requests of `palaver pair`: what each does, whether a bot runs or not."""

from __future__ import annotations

from collections.abc import Mapping

from bot.arguments import text_of
from bot.control import Answer, Control
from bot.pairing import Pairing
from bot.pairing_request import Request
from sessions.message import JsonValue

LIST, APPROVE, REFUSE, REVOKE = "pair list", "pair approve", "pair refuse", "pair revoke"
BY = "command line"  # who let somebody in, where there is no person to name


def pair_requests(pairing: Pairing) -> Mapping[str, Control]:
    """Give the handlers, by what is asked for."""

    async def list_(request: Mapping[str, JsonValue]) -> Answer:
        return {"waiting": [_shown(one) for one in await pairing.waiting()]}

    async def approve(request: Mapping[str, JsonValue]) -> Answer:
        return {"person": await pairing.approve(text_of(request, "code"), BY)}

    async def refuse(request: Mapping[str, JsonValue]) -> Answer:
        return {"person": await pairing.refuse(text_of(request, "code"))}

    async def revoke(request: Mapping[str, JsonValue]) -> Answer:
        person = text_of(request, "person")
        await pairing.revoke(person)
        return {"person": person}

    return {LIST: list_, APPROVE: approve, REFUSE: refuse, REVOKE: revoke}


def _shown(one: Request) -> JsonValue:
    return {"code": one.code, "person": one.person, "name": one.author, "since": one.since, "until": one.until}
