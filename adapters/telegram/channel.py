"""TelegramChannel: one bot on Telegram."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from telegram.error import InvalidToken, TelegramError

from adapters.alone import alone
from adapters.buttons import ButtonSigner
from adapters.channel import Handler, Outlet
from adapters.courier import Courier
from adapters.envelope import Envelope
from adapters.inbound import Inbound
from adapters.intake import Intake
from adapters.menu import MenuCommand
from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.pauses import Pauses
from adapters.reply import Reply
from adapters.telegram.addressing import Me
from adapters.telegram.keyboard import Keyboard
from adapters.telegram.limiter import Limiter
from adapters.telegram.menu import offer
from adapters.telegram.messenger import Messenger
from adapters.telegram.outlet import TelegramOutlet
from adapters.telegram.parsing import ALLOWED_UPDATES, PLATFORM, Migration, Press, parse
from adapters.telegram.place import Place
from adapters.telegram.poller import Poller
from adapters.telegram.presses import Presses
from adapters.telegram.reception import Reception
from adapters.telegram.sender import Sender
from adapters.telegram.webhook import Webhook
from adapters.telegram.wire import TokenRefused, connect
from sessions.address import Address
from sessions.errors import SessionError
from sessions.handling import Handling
from sessions.letter import Letter
from sessions.manager import SessionManager

MAX_CONNECTIONS = 40  # over which Telegram may bring updates at once
log = logging.getLogger(__name__)


class TelegramChannel:
    """Receives by long polling, or by a webhook, into `sessions`, which are open by now.

    After `stop` comes `drain`, which ends the connection. A token that is none raises `TokenRefused`.
    """

    platform = PLATFORM

    def __init__(
        self,
        *,
        token: str,
        api_url: str,
        sessions: SessionManager,
        menu: Sequence[MenuCommand],
        webhook: Webhook | None = None,
        clock: Callable[[], float] = time.time,
        limiter: Limiter | None = None,
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        # A token begins with the id of its bot, so what is to be said can be kept before Telegram is reached.
        self._account = token.partition(":")[0]
        if not self._account.isdecimal():
            raise TokenRefused
        self._sessions, self._menu, self._webhook = sessions, menu, webhook
        self._bot = connect(token, api_url)
        self._messenger = Messenger(self._bot, limiter or Limiter(workers=self._workers), self._move)
        name, signer = f"{PLATFORM}:{self._account}", ButtonSigner(sessions.key_for("buttons"))
        self._sender = Sender(self._messenger, Keyboard(signer, clock))
        self._courier = Courier(sessions.mailbox, name, self._sender.deliver, meter=meter)
        self._presses = Presses(self._bot, signer, clock)
        self._intake = Intake(sessions.mailbox, name, self._handle, meter=meter)
        self._handler: Handler = _nobody
        self._me = Me(int(self._account), "")
        self._moving: set[asyncio.Future[None]] = set()
        self._stopping = asyncio.Event()
        self._meter = meter
        self._trouble: str | None = "starting"
        self._poller: Poller | None = None

    async def run(self, handler: Handler) -> None:
        """Receive and answer until told to stop. Raises `TokenRefused`."""
        self._handler = handler
        try:
            await self._begin()
            if not self._stopping.is_set():
                await self._receive()
        except BaseException:
            await self.drain(0)
            raise

    async def notify(self, address: Address, reply: Reply) -> None:
        """Say something that answers no message."""
        await self._courier.post(Envelope(Place.of(address).destination(), reply))

    def place(self, address: Address) -> str:
        """Give the chat of an address."""
        return str(address.chat_id)

    def trouble(self) -> str | None:
        """Say in one word what keeps it from receiving; None while it does."""
        return self._trouble if self._poller is None else self._poller.trouble

    async def stop(self) -> None:
        """Take in nothing more; what was taken in goes on."""
        self._stopping.set()

    async def drain(self, seconds: float) -> None:
        """Wait so long for what goes on, then break it off and end the connection."""
        self._stopping.set()
        end = time.monotonic() + seconds
        await self._intake.drain(seconds)
        await self._courier.drain(max(0.0, end - time.monotonic()))
        await self._presses.drain(1.0)
        await self._bot.shutdown()
        await self._bot.request.shutdown()  # used as well if the program ends before Telegram was reached

    def _workers(self) -> int:
        worker = self._sessions.worker
        return 1 if worker is None else worker.others + 1

    # -- beginning ---------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Find out who the bot is, and take up what was left."""
        await self._persist(self._introduce)
        if self._stopping.is_set():
            return
        await self._courier.resume()
        await offer(self._bot, self._menu)
        await self._intake.resume()

    async def _introduce(self) -> None:
        await self._bot.initialize()
        self._me = Me(self._bot.id, self._bot.username)
        log.info("Telegram knows this bot as @%s", self._bot.username)

    async def _receive(self) -> None:
        reception = Reception(self._me, self._intake, self._presses)
        if self._webhook is None:
            await self._persist(self._bot.delete_webhook)
            self._trouble = None  # another worker may be the one that polls
            lease = f"poll/{self._sessions.key_for(f'poll {self._account}').hex()}"
            await alone(self._sessions.worker, lease, self._stopping, partial(self._poll, reception))
        else:
            await self._listen(self._webhook, reception)

    async def _poll(self, reception: Reception, ending: asyncio.Event) -> None:
        worker = self._sessions.worker
        self._poller = Poller(self._bot, reception.take, ending, doubt=None if worker is None else worker.doubt)
        try:
            await self._poller.run()
        finally:
            self._poller = None

    async def _listen(self, webhook: Webhook, reception: Reception) -> None:
        from adapters.telegram.webhook_server import WebhookServer  # those who poll need no server

        server = WebhookServer(webhook, reception.take, self._meter)
        set_webhook = partial(
            self._bot.set_webhook,
            webhook.url,
            secret_token=webhook.secret,
            allowed_updates=ALLOWED_UPDATES,
            max_connections=MAX_CONNECTIONS,
        )
        try:
            await server.start()
            await self._persist(set_webhook)
            self._trouble = None
            await self._stopping.wait()
        finally:
            await server.stop()

    async def _persist(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask Telegram for something until it answers, or until told to stop."""
        pauses = Pauses()
        while not self._stopping.is_set():
            try:
                await ask()
                return
            except (TokenRefused, InvalidToken):
                raise TokenRefused from None
            except TelegramError as error:
                self._trouble = "unreachable"
                log.warning("Telegram does not answer: %s; trying again", type(error).__name__)
            await pauses.wait(self._stopping)

    # -- handling ----------------------------------------------------------------------------------

    async def _handle(self, letter: Letter, _handling: Handling) -> None:
        event = parse(json.loads(letter.content), self._me)
        if isinstance(event, Migration):
            await self._migrate(event)
            return
        if self._moving:
            await asyncio.wait(list(self._moving))
        if isinstance(event, Press):
            await self._pressed(event)
        elif event is not None:
            await self._answer(event.inbound, event.place)

    async def _pressed(self, press: Press) -> None:
        opened = self._presses.open(press, taken=True)
        if opened is None or press.address is None or press.place is None:
            return
        self._presses.accept(press)
        await self._answer(Inbound(address=press.address, text=opened.text, author=press.author), press.place)

    async def _answer(self, inbound: Inbound, place: Place) -> None:
        outlet = TelegramOutlet(place, self._courier, self._sender, self._messenger)
        if inbound.edits is None and not inbound.text.startswith("/"):
            outlet.begin()
        try:
            await self._handler(inbound, outlet)
        finally:
            await outlet.close()

    async def _migrate(self, event: Migration) -> None:
        """Have a group go on under its new id before anything that is said there is handled."""
        done = asyncio.get_running_loop().create_future()
        self._moving.add(done)
        try:
            await self._sessions.move_chat(PLATFORM, self._account, event.old, event.new)
        finally:
            self._moving.discard(done)
            done.set_result(None)

    async def _move(self, old: int, new: int) -> None:
        """Take notice that a message could only be sent to another id."""
        try:
            await self._sessions.move_chat(PLATFORM, self._account, str(old), str(new))
        except SessionError as error:
            log.warning("a group that moved could not be taken along: %s", type(error).__name__)


async def _nobody(_inbound: Inbound, _outlet: Outlet) -> None:
    """Stand in for the handler until there is one; nothing is handled before."""
