"""WebhookServer: where Telegram brings the updates."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hmac import compare_digest

from aiohttp import web

from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.telegram.webhook import Webhook
from sessions.errors import SessionError

LARGEST_UPDATE = 1024 * 1024
DEEPEST = 100  # lists and objects within each other; what was read here is written and read again later on
_HEADER = "X-Telegram-Bot-Api-Secret-Token"
log = logging.getLogger(__name__)


class WebhookServer:
    """Listens, and says that it has an update once that is stored."""

    def __init__(
        self,
        webhook: Webhook,
        take: Callable[[Sequence[object]], Awaitable[None]],
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        self._webhook, self._take, self._meter = webhook, take, meter
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=LARGEST_UPDATE)
        app.router.add_post(self._webhook.path, self._receive)
        # Telegram packs nothing, so what comes packed is not unpacked, and is no JSON then.
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=5.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._webhook.listen, self._webhook.port).start()

    async def stop(self) -> None:
        """Listen no more; what is being stored is stored first."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        given = request.headers.get(_HEADER, "").encode(errors="surrogateescape")
        if not compare_digest(given, self._webhook.secret.encode()):
            self._meter.rejected("forged")
            return web.Response(status=403)
        if (request.content_length or 0) > LARGEST_UPDATE:
            return web.Response(status=413)
        if request.content_type != "application/json":
            return web.Response(status=415)
        try:
            update = _read(await request.read())
        except (ValueError, RecursionError):
            return web.Response(status=400)
        try:
            await self._take([update])
        except SessionError as error:
            log.warning("an update could not be stored: %s", type(error).__name__)
            return web.Response(status=503)
        return web.Response()


def _read(body: bytes) -> object:
    """Read JSON; what is none, or nested too deep, is a ValueError or a RecursionError."""
    update: object = json.loads(body)
    level = [update]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise ValueError("nested too deep")
    return update


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
