"""Pairing: how people who are not known yet come in: they get a code, and an operator lets them in by it."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from adapters.reply import Choice, Reply
from bot.access import Access, person_of
from bot.commands.markup import code as as_code
from bot.commands.markup import one_line
from bot.former_codes import FormerCode, FormerCodes
from bot.mishaps import note_mishap
from bot.operators import Operators
from bot.pairing_request import LIFETIME, PAUSE, Request
from sessions.address import Address, ChatKind
from sessions.errors import InvalidValue, NotFound, SessionError
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.parts import Clock

__all__ = ["LIFETIME", "PAUSE", "Notify", "Pairing", "Request", "normal"]

MOST_OPEN = 100  # codes; whoever comes after that is told nothing until some have run out
LENGTH = 8
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1

NOTE = "pairing"  # one note for all open codes, so that they can be listed and counted
_NOBODY_TOLD = (
    "somebody asks to be let in, and no operator could be told: access.operators names nobody who has written to the "
    "bot in private yet; `palaver pair list` shows who waits"
)
_WELCOME = "You are let in. Write something, or `/help`."
log = logging.getLogger(__name__)

Notify = Callable[[Address, Reply], Awaitable[None]]
"""Says something to people that answers no message of theirs."""


class Pairing:
    """Keeps the open codes, sealed in the store, and tells operators of them."""

    def __init__(
        self, sessions: SessionManager, access: Access, operators: Operators, *, notify: Notify, clock: Clock
    ) -> None:
        self._sessions, self._access, self._operators = sessions, access, operators
        self._notify, self._clock = notify, clock
        self._former = FormerCodes(sessions)
        self._lock = asyncio.Lock()

    async def request(self, address: Address, author: str | None, source: str | None = None) -> Request | None:
        """Give somebody their code, a new one or the one they have; None when they are to be told nothing now.

        `source` is the id of their message: if the program ended before it was answered, it is answered again.
        """
        now, source, new = int(self._clock()), _message(address, source), _new(address, author, int(self._clock()))
        asked: Request | None = None

        def ask(known: Mapping[str, Request]) -> Mapping[str, Request]:
            nonlocal asked
            asked = None
            waiting = [one for one in known.values() if one.is_open(now)]
            mine = next((one for one in waiting if one.person == new.person), None)
            if mine is None and len(waiting) >= MOST_OPEN:
                return known
            if mine is not None and (mine.refused or not mine.may_hear(source, now)):
                return known
            asked = replace(mine or new, told=now, source=source)
            return {**known, asked.code: asked}

        async with self._lock:
            await self._change(ask, now)
        if asked is not None and asked.code == new.code:
            await self._tell_operators(asked)
        return asked

    async def approve(self, code: str, by: str) -> str:
        """Let in whoever has this code, and give the person. Raises `NotFound`, or `InvalidValue` for a used one."""
        now = int(self._clock())
        async with self._lock:
            request = await self._find(code, now)
            is_first = await self._access.approve(request.person, by=by, at=now)
            await self._change(partial(_with, replace(request, used=True)), now)
        if not is_first:
            raise InvalidValue(f"whoever had this code is let in already: {request.person}")
        if request.address.chat_kind is ChatKind.PRIVATE:
            await self._say(request.address, Reply(text=_WELCOME, private=True))
        return request.person

    async def refuse(self, code: str) -> str:
        """Have the person with this code told nothing more until it is void. Raises what `approve` raises."""
        now = int(self._clock())
        async with self._lock:
            request = await self._find(code, now)
            await self._change(partial(_with, replace(request, refused=True)), now)
        if await self._is_in(request.person):  # another operator was quicker
            raise InvalidValue(f"whoever had this code is let in already: {request.person}")
        return request.person

    async def revoke(self, person: str) -> None:
        """Let a person in no longer. Raises `NotFound` for one who was not, `InvalidValue` for one in the settings."""
        was = await self._access.revoke(person)
        if self._access.is_named(person):
            raise InvalidValue(f"{person} is named in access.allow or access.operators; take the name out there")
        if not was:
            raise NotFound("approved person", person)

    async def waiting(self) -> list[Request]:
        """List those who wait and are not let in by now, whoever came first before the others."""
        now = int(self._clock())
        asking = [one for one in (await self._known()).values() if one.is_open(now) and not one.refused]
        return sorted([one for one in asking if not await self._is_in(one.person)], key=lambda one: one.since)

    def answer(self, request: Request) -> Reply:
        """Say to somebody who waits what their code is and what to do with it."""
        left = math.ceil((request.until - self._clock()) / 60)
        valid = "an hour" if left >= LIFETIME // 60 else f"{left} minutes" if left > 1 else "a minute"
        return Reply(
            text="I only talk to people I know. Give this code to the person who runs me: "
            f"{request.code}. It is valid for {valid}.",
            private=True,
        )

    # -- inside ------------------------------------------------------------------------------------

    async def _known(self) -> dict[str, Request]:
        """Give the requests that are noted, also those that have run out since."""
        return _requests(await self._sessions.note(NOTE))

    async def _find(self, code: str, now: int) -> Request:
        """Give the request that a code is for, or say why it can not be used."""
        known = await self._known()
        request = known.get(normal(code))
        if request is None:
            raise await self._what_became(code, now)
        if await self._is_in(request.person):
            raise InvalidValue(f"whoever had this code is let in already: {request.person}")
        if request.refused:
            raise InvalidValue(f"this code was refused; {request.person} can ask again an hour after they did")
        if not request.is_open(now):
            raise NotFound("pairing code", code)
        return request

    async def _what_became(self, code: str, now: int) -> SessionError:
        former = await self._former.find(normal(code), now)
        if former is None:
            return NotFound("pairing code", code)
        if await self._is_in(former.person):
            return InvalidValue(f"whoever had this code is let in already: {former.person}")
        if former.used:
            return InvalidValue(f"this code was used already; {former.person} gets another one when they write again")
        return NotFound("pairing code", code)

    async def _is_in(self, person: str) -> bool:
        return self._access.is_named(person) or await self._access.is_approved(person)

    async def _change(self, step: Callable[[Mapping[str, Request]], Mapping[str, Request]], now: int) -> None:
        """Change the requests, whoever else does; those that are over become former ones before they go."""
        over: dict[str, FormerCode] = {}

        def change(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            changed = step(_requests(said)).values()
            over.update((one.code, one.former()) for one in changed if not one.is_open(now))
            return {one.code: one.to_json() for one in changed if one.is_open(now)}

        change(await self._sessions.note(NOTE))
        remembered = dict(over)
        if remembered:
            await self._former.add(remembered.values(), now)
        await self._sessions.change_note(NOTE, change)
        if over != remembered:  # others have come while these were noted
            await self._former.add(over.values(), now)

    async def _tell_operators(self, request: Request) -> None:
        called = f", called {as_code(request.author)}," if request.author else ""
        notice = Reply(
            text=f"{as_code(request.person)}{called} would like to talk to me. The code is `{request.code}`, valid for "
            "an hour. Let in only those who told you theirs.",
            private=True,
            choices=(
                Choice(label="Let in", text=f"/pair approve {request.code}"),
                Choice(label="No", text=f"/pair refuse {request.code}"),
            ),
        )
        addresses = await self._operators.addresses()
        if not addresses:
            log.warning(_NOBODY_TOLD)
        for address in addresses:
            await self._say(address, notice)

    async def _say(self, address: Address, reply: Reply) -> None:
        try:
            await self._notify(address, reply)
        except Exception as error:  # noqa: BLE001 - that one person can not be told must not keep out another
            note_mishap(log, error)


def _requests(said: Mapping[str, JsonValue]) -> dict[str, Request]:
    return {code: Request.from_json(code, one) for code, one in said.items()}


def _with(request: Request, known: Mapping[str, Request]) -> Mapping[str, Request]:
    """Put a request as it is now in the place of what it was, if it is still there."""
    return {**known, request.code: request} if request.code in known else known


def normal(code: str) -> str:
    """Read a code as people write it: in small letters, with spaces or dashes."""
    return "".join(char for char in code.upper() if char.isalnum())


def _message(address: Address, source: str | None) -> str | None:
    """Name a message: its id is unique only in its chat."""
    return None if source is None else f"{address.chat_id}/{source}"


def _new(address: Address, author: str | None, now: int) -> Request:
    return Request(
        code="".join(secrets.choice(ALPHABET) for _ in range(LENGTH)),
        person=person_of(address),
        address=address,
        author=one_line(author) if author else None,
        since=now,
        told=now,
    )
