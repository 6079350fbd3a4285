"""OperationsServer: answers whoever watches over the bot: /healthz, /readyz, /metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web

from bot.readiness import Readiness, is_ready
from config.errors import SettingsError

NO_METRICS = 'Metrics need one more package: pip install "palaver[metrics]"\n'
_LONGEST_REQUEST = 1_024  # bytes; nothing is to be sent here
Page = Callable[[str], tuple[bytes, str]]
"""Writes the metrics in the form of an Accept header; gives them with their media type."""


class OperationsServer:
    """Listens while the block runs. Raises `SettingsError` where it can not."""

    def __init__(self, listen: str, readiness: Readiness, page: Page | None) -> None:
        self._listen, self._readiness, self._page = listen, readiness, page

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        app = web.Application(client_max_size=_LONGEST_REQUEST)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        where = urlsplit(f"//{self._listen}")
        try:
            await web.TCPSite(self._runner, where.hostname, where.port).start()
        except OSError as error:
            await self._runner.cleanup()
            line = f"operations.listen: {self._listen} can not be listened at ({_why(error)}); set another, or off"
            raise SettingsError([line]) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        """Say that the event loop answers."""
        return web.Response(text="ok\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        parts = dict(await self._readiness.parts())
        return web.json_response(parts, status=200 if is_ready(parts) else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        if self._page is None:
            return web.Response(status=404, text=NO_METRICS)
        body, media_type = self._page(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": media_type})


def _why(error: OSError) -> str:
    """Say it in the words of the system; those of names that are not found have negative numbers of their own."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
