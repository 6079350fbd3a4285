"""Endpoint: where calls of the bot come in."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

# Each of these enters its methods into the registry.
from tests.fakes.telegram import account, callbacks, editing, intake, lookup, menu, sending
from tests.fakes.telegram.failure import Cut, Failure
from tests.fakes.telegram.faults import Faults
from tests.fakes.telegram.message import Json
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.registry import METHODS, Method
from tests.fakes.telegram.world import World

MODULES = (account, callbacks, editing, intake, lookup, menu, sending)
LARGEST_REQUEST = sending.LARGEST_UPLOAD + 1024 * 1024
_TOKEN = re.compile(r"\d+:[\w-]+")


class Endpoint:
    """Checks the token, makes things go wrong when told to, and does what is asked."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.calls: list[tuple[str, Json]] = []
        self.unknown_parameters: list[tuple[str, str]] = []
        self._world = world
        self._faults = faults
        self._tasks: set[asyncio.Task[object]] = set()

    def application(self) -> web.Application:
        """Make the web application."""
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        for verb in ("GET", "POST"):
            app.router.add_route(verb, "/bot{token}/{method}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check(request.match_info["token"])
            result = await self._call(request)
            return web.json_response({"ok": True, "result": result})
        except Failure as failure:
            return _refused(failure)
        except web.HTTPRequestEntityTooLarge:
            return _refused(Failure(413, "Request Entity Too Large"))
        except Cut:
            if request.transport:
                request.transport.abort()
            return web.Response()

    def _check(self, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise Failure(404, "Not Found")
        if token != self._world.token:
            raise Failure(401, "Unauthorized")

    async def _call(self, request: web.Request) -> object:
        method = METHODS.get(request.match_info["method"].lower())
        if method is None:
            raise Failure(404, "Not Found: method not found")
        parameters = await Parameters.read(request)
        self._note(method, parameters)
        if method.name == "getUpdates":
            return await self._do(method, parameters)
        # Whoever hangs up early does not call off what was asked for.
        task = asyncio.create_task(self._do(method, parameters))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is still being done."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at here, as nobody may be left to be told

    async def _do(self, method: Method, parameters: Parameters) -> object:
        chat = _chat_of(parameters)
        await self._faults.before(method.name, chat)
        if self._world.logged_out:
            raise Failure(400, "Logged out")
        result = await method.act(self._world, parameters)
        self._faults.after(method.name, chat)
        return result

    def _note(self, method: Method, parameters: Parameters) -> None:
        self.calls.append((method.name, parameters.as_received()))
        attached = {str(value).removeprefix("attach://") for value in parameters.values.values()}
        names = [*parameters.values, *(name for name in parameters.files if name not in attached)]
        self.unknown_parameters += [(method.name, name) for name in names if name not in method.known]
        self._world.changed.ring()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check(request.match_info["token"])
        except Failure as failure:
            return _refused(failure)
        for stored in self._world.files.values():
            if stored.path == request.match_info["path"]:
                return web.Response(body=stored.content, content_type="application/octet-stream")
        return _refused(Failure(404, "Not Found"))


def _refused(failure: Failure) -> web.Response:
    wait = failure.parameters.get("retry_after")
    headers = {"Retry-After": str(wait)} if wait else {}
    return web.json_response(failure.as_json(), status=failure.status, headers=headers)


def _chat_of(parameters: Parameters) -> int | None:
    given = parameters.text("chat_id").removeprefix("-")
    return int(parameters.text("chat_id")) if given.isdecimal() else None
