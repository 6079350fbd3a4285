"""Pairing: how people who are not known yet come in: they get a code, and an operator lets them in by it."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from adapters.reply import Choice, Reply
from bot.access import Access, person_of
from bot.commands.markup import code as as_code
from bot.commands.markup import one_line
from bot.mishaps import note_mishap
from bot.operators import Operators
from sessions.address import Address, ChatKind
from sessions.errors import InvalidValue, NotFound
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.parts import Clock
from sessions.profile import decode_address, encode_address

LIFETIME = 3600  # seconds
PAUSE = 600  # seconds until a person is told their code once more
MOST_OPEN = 100  # codes; whoever comes after that is told nothing until some have run out
LENGTH = 8
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1

_NOTE = "pairing"  # one note for all open codes, so that they can be listed and counted, and are gone when used
_WELCOME = "You are let in. Write something, or `/help`."
log = logging.getLogger(__name__)

Notify = Callable[[Address, Reply], Awaitable[None]]
"""Says something to people that answers no message of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody who waits to be let in. `author` is a name to show and proves nothing."""

    code: str
    person: str
    address: Address
    author: str | None
    since: int
    told: int
    source: str | None = None  # the message that was answered with the code last
    refused: bool = False

    @property
    def until(self) -> int:
        """When the code is void, in seconds since 1970."""
        return self.since + LIFETIME

    def may_hear(self, source: str | None, now: int) -> bool:
        """Tell whether they may be told their code: not for each message, but for the same one again."""
        return now >= self.told + PAUSE or (source is not None and source == self.source)

    def to_json(self) -> dict[str, JsonValue]:
        """Give it as it is noted under its code."""
        return {
            "address": encode_address(self.address),
            "author": self.author,
            "since": self.since,
            "told": self.told,
            "source": self.source,
            "refused": self.refused,
        }

    @classmethod
    def from_json(cls, code: str, said: object) -> Self:
        """Read what `to_json` gave."""
        match said:
            case {
                "address": place,
                "author": str() | None as author,
                "since": int(since),
                "told": int(told),
                "source": str() | None as source,
                "refused": bool(refused),
            }:
                address = decode_address(place)
                return cls(
                    code=code,
                    person=person_of(address),
                    address=address,
                    author=author,
                    since=since,
                    told=told,
                    source=source,
                    refused=refused,
                )
        raise ValueError("not a request")


class Pairing:
    """Keeps the open codes, sealed in the store, and tells operators of them."""

    def __init__(
        self, sessions: SessionManager, access: Access, operators: Operators, *, notify: Notify, clock: Clock
    ) -> None:
        self._sessions, self._access, self._operators = sessions, access, operators
        self._notify, self._clock = notify, clock
        self._lock = asyncio.Lock()

    async def request(self, address: Address, author: str | None, source: str | None = None) -> Request | None:
        """Give somebody their code, a new one or the one they have; None when they are to be told nothing now.

        `source` is the id of their message: if the program ended before it was answered, it is answered again.
        """
        now = int(self._clock())
        async with self._lock:
            requests = await self._open(now)
            mine = next((one for one in requests.values() if one.person == person_of(address)), None)
            if mine is not None and (mine.refused or not mine.may_hear(source, now)):
                return None
            if mine is None and len(requests) >= MOST_OPEN:
                return None
            asked = replace(mine or _new(address, author, now), told=now, source=source)
            await self._keep(requests | {asked.code: asked})
        if mine is None:
            await self._tell_operators(asked)
        return asked

    async def approve(self, code: str, by: str) -> str:
        """Let in whoever has this code, and give the person. Raises `NotFound` for one that is not open."""
        async with self._lock:
            request, others = await self._take(code)
            await self._access.approve(request.person, by=by, at=int(self._clock()))
            await self._keep(others)
        if request.address.chat_kind is ChatKind.PRIVATE:
            await self._say(request.address, Reply(text=_WELCOME, private=True))
        return request.person

    async def refuse(self, code: str) -> str:
        """Have the person with this code told nothing more until it is void. Raises `NotFound`."""
        async with self._lock:
            request, others = await self._take(code)
            await self._keep(others | {request.code: replace(request, refused=True)})
        return request.person

    async def revoke(self, person: str) -> None:
        """Let a person in no longer. Raises `NotFound` for one who was not, `InvalidValue` for one in the settings."""
        was = await self._access.revoke(person)
        if self._access.is_named(person):
            raise InvalidValue(f"{person} is named in access.allow or access.operators; take the name out there")
        if not was:
            raise NotFound("approved person", person)

    async def waiting(self) -> list[Request]:
        """List those who wait, whoever came first before the others."""
        requests = await self._open(int(self._clock()))
        return sorted((one for one in requests.values() if not one.refused), key=lambda one: one.since)

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

    async def _open(self, now: int) -> dict[str, Request]:
        noted = await self._sessions.note(_NOTE)
        requests = {code: Request.from_json(code, said) for code, said in noted.items()}
        return {code: one for code, one in requests.items() if one.since <= now < one.until}

    async def _take(self, code: str) -> tuple[Request, dict[str, Request]]:
        requests = await self._open(int(self._clock()))
        request = requests.pop(normal(code), None)
        if request is None or request.refused:
            raise NotFound("pairing code", code)
        return request, requests

    async def _keep(self, requests: Mapping[str, Request]) -> None:
        await self._sessions.set_note(_NOTE, {code: one.to_json() for code, one in requests.items()})

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
        for address in await self._operators.addresses():
            await self._say(address, notice)

    async def _say(self, address: Address, reply: Reply) -> None:
        try:
            await self._notify(address, reply)
        except Exception as error:  # noqa: BLE001 - that one person can not be told must not keep out another
            note_mishap(log, error)


def normal(code: str) -> str:
    """Read a code as people write it: in small letters, with spaces or dashes."""
    return "".join(char for char in code.upper() if char.isalnum())


def _new(address: Address, author: str | None, now: int) -> Request:
    return Request(
        code="".join(secrets.choice(ALPHABET) for _ in range(LENGTH)),
        person=person_of(address),
        address=address,
        author=one_line(author) if author else None,
        since=now,
        told=now,
    )
