"""Instant: a channel that costs nothing itself, with the post of every channel: what is left is our own cost."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.courier import Courier, PartSent
from adapters.envelope import Envelope
from adapters.inbound import Inbound
from adapters.intake import Intake
from adapters.reply import Reply
from bot.application import Application
from sessions.address import Address
from sessions.handling import Handling
from sessions.letter import Letter
from sessions.parcel import Parcel

_NAME = "bench:1"
PATIENCE = 30.0  # seconds for an answer


@dataclass(slots=True)
class _Turn:
    """The tasks that work on one message; it is done with when they are."""

    tasks: list[asyncio.Task[object]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    delivered: asyncio.Event = field(default_factory=asyncio.Event)

    def join(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.tasks.append(task)


class InstantChannel:
    """Stores what is said, has it handled, and delivers the answer in no time. One turn at a time in each chat."""

    def __init__(self, application: Application, address: Callable[[str], Address]) -> None:
        self._application, self._address = application, address
        mailbox = application.sessions.mailbox
        self._intake = Intake(mailbox, _NAME, self._handle)
        self._courier = Courier(mailbox, _NAME, self._deliver)
        self._turns: dict[str, _Turn] = {}

    async def turn(self, chat: str, said: str) -> str:
        """Take a message through to where its handling ended and its answer is marked as sent; give the answer."""
        turn = self._turns[chat] = _Turn()
        await self._intake.take([(secrets.token_hex(8), json.dumps([chat, said]).encode())])
        async with asyncio.timeout(PATIENCE):
            await turn.delivered.wait()
        await asyncio.wait(turn.tasks)
        del self._turns[chat]
        (answer,) = turn.answers
        return answer

    async def _handle(self, letter: Letter, _handling: Handling) -> None:
        chat, said = json.loads(letter.content)
        self._turns[chat].join()
        inbound = Inbound(address=self._address(chat), text=said, author="Ann", source=letter.name)
        await self._application.handle(inbound, _InstantOutlet(chat, self._courier))

    async def _deliver(self, _parcel: Parcel, envelope: Envelope, _part_sent: PartSent) -> None:
        turn = self._turns[envelope.lane]
        turn.join()
        turn.answers.append(envelope.reply.text)
        turn.delivered.set()


class _InstantOutlet:
    """Shows nothing of what is being made."""

    def __init__(self, chat: str, courier: Courier) -> None:
        self._chat, self._courier = chat, courier
        self._promised: Parcel | None = None

    async def send(self, reply: Reply) -> None:
        await self._courier.post(self._envelope(reply))

    async def feed(self, delta: str) -> None:
        pass

    def promise(self, reply: Reply) -> None:
        self._promised = self._courier.promise(self._envelope(reply))

    async def finish(self, reply: Reply) -> None:
        parcel, self._promised = self._promised, None
        if parcel is not None:
            self._courier.fulfil(parcel, self._envelope(reply))

    def _envelope(self, reply: Reply) -> Envelope:
        return Envelope({"lane": self._chat}, reply)
