"""A person at a keyboard, for the tests of commands: types lines, reads replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.channel import Suggestion
from adapters.reply import Reply
from bot.access import Access
from bot.commands.context import Context, TurnRequest
from bot.commands.registry import run_command, suggest
from bot.confirmations import Confirmations
from bot.linking import Linking
from bot.operators import Operators
from bot.pairing import Pairing
from config.settings import AccessSettings
from sessions import Address, Message, Session, SessionManager, Usage
from tests.conftest import ManualClock

ANN = Address(platform="console", account="local", chat_id="terminal", user_id="ann")


class Application:
    """What commands need of a running application; remembers what it was asked."""

    pairing: Pairing
    linking: Linking
    sessions: SessionManager

    def __init__(self) -> None:
        self.default_model = "echo"
        self.max_context_tokens = 1_000
        self.zone = "Europe/Berlin"
        self.main_scope_allowed = False
        self.replying = False
        self.stops = 0
        self.incognito: set[Address] = set()
        self.told: list[tuple[Address, Reply]] = []

    async def tell(self, address: Address, reply: Reply) -> None:
        self.told.append((address, reply))

    async def stop(self, address: Address) -> bool:
        self.stops += 1
        was, self.replying = self.replying, False
        return was

    async def prepare_erasure(self, address: Address) -> None:
        await self.stop(address)

    async def set_incognito(self, address: Address, on: bool) -> bool:
        changed = (address in self.incognito) is not on
        (self.incognito.add if on else self.incognito.discard)(address)
        return changed

    def is_incognito(self, address: Address) -> bool:
        return address in self.incognito


@dataclass
class Person:
    """Types at one address."""

    sessions: SessionManager
    clock: ManualClock
    address: Address = ANN
    author: str | None = None
    operator: bool = False
    application: Application = field(default_factory=Application)
    pending: Confirmations = field(init=False)

    def __post_init__(self) -> None:
        self.pending = Confirmations(clock=self.clock)
        if not hasattr(self.application, "linking"):  # several accounts can write to one bot
            self.application.linking = Linking(self.sessions, clock=self.clock)
        self.application.sessions = self.sessions
        access = Access(self.sessions, AccessSettings())
        self.application.pairing = Pairing(
            self.sessions, access, Operators(self.sessions, access), notify=self.application.tell, clock=self.clock
        )

    @property
    def context(self) -> Context:
        return Context(
            sessions=self.sessions,
            services=self.application,
            address=self.address,
            author=self.author,
            operator=self.operator,
            clock=self.clock,
        )

    async def types(self, line: str) -> Reply:
        """Run a command that answers with a reply."""
        result = await run_command(line, self.context, self.pending)
        assert isinstance(result, Reply), result
        return result

    async def asks_for_turn(self, line: str) -> TurnRequest:
        """Run a command that asks for a turn of the model."""
        result = await run_command(line, self.context, self.pending)
        assert isinstance(result, TurnRequest), result
        return result

    async def answers(self, text: str) -> Reply:
        """Answer the question that is open."""
        reply = await self.pending.take(self.address, text)
        assert reply is not None
        return reply

    async def says(self, text: str, *, reply: str = "I see.") -> None:
        """Say something to the model and get a reply."""
        session = await self.session()
        turn = await self.sessions.begin_turn(session.id, content=text, author=self.author)
        await self.sessions.finish_turn(turn, content=reply, usage=Usage(10, 5))

    async def session(self) -> Session:
        return await self.sessions.get_or_create_session(self.address)

    async def history(self) -> list[str]:
        """Read all that was said."""
        return [message.content for message in await self.messages()]

    async def messages(self) -> list[Message]:
        session = await self.session()
        return await self.sessions.get_history(session.id, limit=None) if session.message_count else []

    async def sees(self, text: str) -> Sequence[Suggestion]:
        """Ask for completions of what is typed so far."""
        return await suggest(self.context, text)

    async def completes(self, text: str) -> list[str]:
        return [suggestion.text for suggestion in await self.sees(text)]


@asynccontextmanager
async def manager(clock: ManualClock, *, scope: str = "per-channel-peer") -> AsyncIterator[SessionManager]:
    """Open a manager that keeps everything in memory."""
    async with SessionManager.open(encryption_key=bytes(range(32)), clock=clock, scope=scope) as sessions:
        yield sessions
