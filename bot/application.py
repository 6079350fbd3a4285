"""Application: the parts of a running bot, put together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from adapters.channel import Handler, Suggestion
from adapters.inbound import Inbound
from adapters.reply import Reply
from bot.access import Access, Verdict
from bot.commands.context import Context
from bot.commands.markup import plural
from bot.commands.registry import suggest
from bot.confirmations import Confirmations
from bot.control import Control
from bot.deferred_backend import DeferredBackend
from bot.dispatcher import Announce, Dispatcher
from bot.door import Door
from bot.incognito import Incognito
from bot.limits import Limits
from bot.linking import Linking
from bot.models.backend import ModelBackend
from bot.models.choose import ModelSettings
from bot.operation_table import OPERATIONS
from bot.operators import Operators
from bot.pair_requests import pair_requests
from bot.pairing import Pairing
from bot.reset_notice import reset_notice, reset_warning
from bot.retention import Retention
from bot.startup import open_sessions
from bot.summarizer import Summarizer
from bot.turn_runner import TurnRunner
from bot.upkeep import Upkeep
from bot.watch import UNWATCHED, Watch
from config.settings import Settings
from sessions.address import Address
from sessions.clock import StoreClock
from sessions.errors import InvalidValue, SessionError, VaultError
from sessions.keys import KeyProvider
from sessions.manager import SessionManager
from sessions.parts import Clock
from sessions.reset_warning import ResetWarning
from sessions.resets import ResetEvent

PlaceOf = Callable[[Address], str]
"""Gives the place of an address: what is said there is handled by one worker."""

_EPHEMERAL = "this program was started with --ephemeral and stores nothing; start it without to have this stored"


class Application:
    """What commands, turns and channels share; `open_application` makes one.

    `handle` takes a message of any channel through to its answers.
    """

    def __init__(
        self,
        settings: Settings,
        sessions: SessionManager,
        backend: ModelBackend,
        *,
        ephemeral: bool,
        clock: Clock,
        watch: Watch = UNWATCHED,
    ) -> None:
        self.sessions, self.meter = sessions, watch.meter
        self.default_model = settings.model.name or settings.model.backend
        self.max_context_tokens = settings.model.max_context_tokens
        self.zone = settings.sessions.timezone
        self.main_scope_allowed = _lets_in_only_chosen_people(settings)
        self._ephemeral, self._clock = ephemeral, clock
        self.access = Access(sessions, settings.access)
        self.limits = Limits(sessions, self.access, settings.access)
        operators = Operators(sessions, self.access)
        self.pairing = Pairing(sessions, self.access, operators, notify=self._announce, clock=clock)
        self.linking = Linking(sessions, clock=clock)
        self.door = Door(
            self.access,
            self.pairing,
            self.limits,
            operators,
            clock=clock,
            listening=settings.discord.always,
            meter=self.meter,
        )
        self._announcers: dict[str, Announce] = {}
        self._places: dict[str, PlaceOf] = {}
        self._incognito = Incognito(summarizer=Summarizer(backend), clock=clock)
        self._turns = TurnRunner(
            backend,
            max_context_tokens=self.max_context_tokens,
            system_prompt=settings.model.system_prompt,
            spent=self.door.spent,
            watch=watch,
        )
        self._pending = Confirmations(clock=clock, lane_of=self._lane_of)
        if (worker := sessions.worker) is not None:
            worker.pinned = self._pinned
            self.meter.stands(lambda: worker.standing)
        self.handle: Handler = Dispatcher(
            self._turns,
            self._pending,
            context=self._context,
            announce=self._announce,
            ask=self.door.ask,
            clock=clock,
            meter=self.meter,
        ).handle
        self._upkeep = Upkeep(
            sessions,
            self._on_reset,
            on_warning=self._on_warning,
            retention=Retention.of(settings.sessions),
        )

    def start(self) -> None:
        """Begin to look after what happens by itself."""
        self._upkeep.start()

    async def close(self) -> None:
        """Let go of everything but the sessions."""
        if self.sessions.worker is not None:
            self.sessions.worker.hurry()
        await self._upkeep.stop()
        await self._incognito.close()

    def park(self) -> None:
        """From now on leave turns that are broken off for the next start."""
        self._turns.park()

    def announce_through(self, platform: str, announce: Announce, place: PlaceOf | None = None) -> None:
        """Name who brings people what answers no message of theirs, and who knows where an address is."""
        self._announcers[platform] = announce
        if place is not None:
            self._places[platform] = place

    # -- what commands need ------------------------------------------------------------------------

    async def stop(self, address: Address) -> bool:
        """Break off the reply that is being made for this conversation, if there is one."""
        sessions = self.sessions_of(address)
        try:
            session = await sessions.current_session(address)
        except VaultError:
            return False  # it does not open, so nothing runs in it, and /new must not fail for it
        return session is not None and await self._turns.stop(sessions, session.id)

    async def prepare_erasure(self, address: Address) -> None:
        """End what goes on for somebody of whom everything is about to be erased."""
        await self.stop(address)
        await self.limits.keep_in_memory(address, self._clock())

    async def set_incognito(self, address: Address, on: bool) -> bool:
        """Keep what follows in memory only, or stop doing so. Tells whether anything changed."""
        if self._ephemeral and not on:
            raise InvalidValue(_EPHEMERAL)
        if self._ephemeral:
            return False
        return await (self._incognito.enter(address) if on else self._incognito.leave(address))

    async def tell(self, address: Address, reply: Reply) -> None:
        """Say something to somebody that answers no message of theirs."""
        await self._announce(address, reply)

    def is_incognito(self, address: Address) -> bool:
        """Tell whether this conversation is kept in memory only."""
        return self._ephemeral or self._incognito.sessions_of(address) is not None

    # -- what channels need ------------------------------------------------------------------------

    def sessions_of(self, address: Address) -> SessionManager:
        """Give the manager that holds this person's conversation."""
        return self._incognito.sessions_of(address) or self.sessions

    async def admits(self, address: Address) -> bool:
        """Tell whether somebody may speak to the bot."""
        return await self.access.admits(address) is Verdict.ADMITTED

    async def suggest(self, address: Address, text: str) -> Sequence[Suggestion]:
        """Complete a command line that is being typed; for those who may not speak here there is nothing."""
        if not await self.admits(address):
            return ()
        return await suggest(self._context(Inbound(address=address, text=text)), text)

    async def status(self, address: Address) -> str:
        """Say in a line which conversation this is."""
        try:
            session = await self.sessions_of(address).current_session(address)
        except SessionError:
            return "this conversation can not be read, /new begins another"
        parts = ["new conversation"]
        if session is not None:
            parts = [session.title or session.id, plural(session.message_count, "message")]
            parts += [session.model] if session.model else []
        return " · ".join([*parts, *(["incognito"] if self.is_incognito(address) else [])])

    # -- what the command line needs ----------------------------------------------------------------

    def controls(self) -> Mapping[str, Control]:
        """Give what the command line may ask of a bot that runs."""
        return {**pair_requests(self.pairing), **OPERATIONS.controls(self.sessions)}

    # -- inside ------------------------------------------------------------------------------------

    def _context(self, inbound: Inbound) -> Context:
        address = inbound.address
        return Context(
            sessions=self.sessions_of(address),
            services=self,
            address=address,
            author=inbound.author,
            operator=self.access.is_operator(address),
            clock=self._clock,
        )

    async def _on_reset(self, event: ResetEvent) -> None:
        self.meter.reset(event.reason)
        await self._announce(event.address, reset_notice(event.archived, event.reason, event.address))

    async def _on_warning(self, warning: ResetWarning) -> None:
        await self._announce(warning.address, reset_warning(warning, warning.timezone))

    async def _announce(self, address: Address, reply: Reply) -> None:
        announce = self._announcers.get(address.platform)
        if announce is not None:
            await announce(address, reply)

    def _pinned(self) -> set[int]:
        """Give the lanes of which something is known here only, so that no other worker can go on with them."""
        return {self._lane_of(address) for address in (*self._incognito.places(), *self._pending.places())}

    def _lane_of(self, address: Address) -> int:
        place = self._places.get(address.platform)
        if place is None:  # nobody else could have it
            return 0
        return self.sessions.mailbox.lane(f"{address.platform}:{address.account}", place(address))


@asynccontextmanager
async def open_application(
    settings: Settings,
    key: KeyProvider | None,
    *,
    clock: Clock = time.time,
    watch: Watch = UNWATCHED,
    shares: bool = False,
) -> AsyncIterator[Application]:
    """Open the store and put the application together; without a key nothing is stored.

    `shares` says that channels will run here: among several workers this one takes its part of what comes in.
    Raises what `SessionManager.open` raises.
    """
    backend = DeferredBackend(_model_settings(settings))
    if clock is time.time and settings.store.workers == "many":
        clock = StoreClock()
    async with open_sessions(settings, key, summarizer=Summarizer(backend), clock=clock, watch=watch) as sessions:
        await sessions.join(shares=shares, on_time=clock.correct if isinstance(clock, StoreClock) else _not_asked)
        application = Application(settings, sessions, backend, ephemeral=key is None, clock=clock, watch=watch)
        try:
            yield application
        finally:
            await application.close()
            await backend.close()


def _not_asked(_now_ms: int) -> None:
    """Go by a clock that is right by definition."""


def _lets_in_only_chosen_people(settings: Settings) -> bool:
    others_reach_it = settings.telegram.token or settings.discord.token
    return not others_reach_it or (bool(settings.access.allow) and settings.access.mode != "open")


def _model_settings(settings: Settings) -> ModelSettings:
    model = settings.model
    return ModelSettings(
        backend=model.backend,
        name=model.name,
        base_url=model.base_url,
        api_key=None if model.api_key is None else model.api_key.get_secret_value(),
        first_token_timeout=model.first_token_timeout,
        idle_timeout=model.idle_timeout,
        total_timeout=model.total_timeout,
        retries=model.retries,
    )
