"""The parts that decide who may speak, put together on one store, and a few people."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.inbound import Inbound
from adapters.reply import Reply
from bot.access import Access
from bot.door import Door
from bot.limits import Limits
from bot.operators import Operators
from bot.pairing import Pairing, Request
from bot.silence import Silence
from config.settings import AccessSettings
from sessions import Address, SessionManager
from sessions.address import ChatKind
from tests.conftest import ManualClock

BOSS = "telegram:1"


def private(user: str = "42", *, platform: str = "telegram") -> Address:
    """Somebody in their private chat with the bot."""
    return Address(platform=platform, account="bot", chat_id=user, user_id=user)


def in_group(user: str = "42", *, chat: str = "-100", platform: str = "telegram") -> Address:
    """Somebody in a group."""
    return Address(platform=platform, account="bot", chat_id=chat, user_id=user, chat_kind=ChatKind.GROUP)


@dataclass
class Doorway:
    """All that decides, with what was told to people."""

    sessions: SessionManager
    clock: ManualClock
    settings: AccessSettings = field(default_factory=lambda: AccessSettings(operators=(BOSS,)))
    listening: tuple[str, ...] = ()
    told: list[tuple[Address, Reply]] = field(default_factory=list)
    unreachable: bool = False

    def __post_init__(self) -> None:
        self.access = Access(self.sessions, self.settings)
        self.operators = Operators(self.sessions, self.access)
        self.pairing = Pairing(self.sessions, self.access, self.operators, notify=self._notify, clock=self.clock)
        self.limits = Limits(self.sessions, self.access, self.settings)
        self.door = Door(
            self.access, self.pairing, self.limits, self.operators, clock=self.clock, listening=self.listening
        )

    async def _notify(self, address: Address, reply: Reply) -> None:
        if self.unreachable:
            raise ConnectionError
        self.told.append((address, reply))

    async def asks(self, address: Address, text: str = "hello", author: str | None = None) -> Reply | Silence | None:
        return await self.door.ask(Inbound(address=address, text=text, author=author))

    async def knocks(self, address: Address | None = None, author: str | None = "Ann") -> Request:
        """Ask to be let in, and get a code."""
        request = await self.pairing.request(address or private(), author)
        assert request is not None
        return request
