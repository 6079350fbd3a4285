"""The front of the REST interface: who asks, how often, and what goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.fakes.discord.body import Body, read_body
from tests.fakes.discord.document import Document
from tests.fakes.discord.faults import Fault, Faults
from tests.fakes.discord.rate import Limiter, Scope, Verdict
from tests.fakes.discord.refusal import ApiRefusal
from tests.fakes.discord.world import World

BASE = "/api/v10"
BODY: web.RequestKey[Body] = web.RequestKey("body", Body)
_BY_TOKEN_IN_PATH = ("/interactions/", "/webhooks/")


class Call(NamedTuple):
    """One request of the bot: it equals (method, path, json)."""

    method: str
    path: str
    json: object


@dataclass(slots=True)
class Front:
    """What every request passes. `invalid` counts the answers that lead to a ban: 10,000 in 10 minutes."""

    world: World
    faults: Faults
    limiter: Limiter = field(default_factory=Limiter)
    calls: list[Call] = field(default_factory=list)
    invalid: int = 0

    def middleware(self) -> Middleware:
        """Give it in the form that aiohttp takes."""

        @web.middleware
        async def pass_through(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith(BASE):
                return await handler(request)
            return await self._answer(request, handler)

        return pass_through

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path.removeprefix(BASE)
        try:
            body = await read_body(request)
        except ApiRefusal as refusal:
            return _plain(web.json_response(refusal.document(), status=refusal.status))
        request[BODY] = body
        self.calls.append(Call(request.method, path, body.value))
        fault = await self._fault(request, path)
        if fault and fault.kind == "cut":
            return _cut(request)
        verdict = self._judge(request, path)
        if fault and fault.kind == "too_many":
            verdict = Verdict(verdict.headers, fault.seconds, fault.scope)
        response = self._refused(verdict, fault) or await self._done(request, handler, path)
        response.headers.update(verdict.headers)
        if response.status in (401, 403) or (response.status == 429 and verdict.scope != "shared"):
            self.invalid += 1
        self.world.chronicle.touch()
        return _cut(request) if fault and fault.kind == "drop_after" else _plain(response)

    async def _fault(self, request: web.Request, path: str) -> Fault | None:
        found = None
        for fault in self.faults.take(request.method, path):
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            else:
                found = fault
        return found

    def _judge(self, request: web.Request, path: str) -> Verdict:
        resource = request.match_info.route.resource
        route = f"{request.method} {resource.canonical if resource else path}"
        parts = ("channel", "guild", "interaction", "token")
        place = "+".join(request.match_info.get(part, "") for part in parts)
        return self.limiter.judge(route, place, counts_overall=not path.startswith(_BY_TOKEN_IN_PATH))

    def _refused(self, verdict: Verdict, fault: Fault | None) -> web.Response | None:
        if not verdict.passes:
            return _too_many(verdict.retry_after, verdict.scope)
        if fault and fault.kind == "fail":
            return web.json_response({"message": f"{fault.status}: Error", "code": 0}, status=fault.status)
        return None

    async def _done(self, request: web.Request, handler: Handler, path: str) -> web.StreamResponse:
        try:
            self._check_token(request, path)
            return await handler(request)
        except ApiRefusal as refusal:
            return web.json_response(refusal.document(), status=refusal.status)

    def _check_token(self, request: web.Request, path: str) -> None:
        by_header = not path.startswith(_BY_TOKEN_IN_PATH)
        if by_header and request.headers.get("Authorization") != f"Bot {self.world.token}":
            raise ApiRefusal(401, 0)


def _too_many(retry_after: float, scope: Scope) -> web.Response:
    shared = scope == "shared"
    message = "The resource is being rate limited." if shared else "You are being rate limited."
    body: Document = {"message": message, "retry_after": retry_after, "global": scope == "global"}
    headers = {"Retry-After": str(max(1, round(retry_after))), "X-RateLimit-Scope": scope, "Via": "1.1 google"}
    if scope == "global":
        headers["X-RateLimit-Global"] = "true"
    return web.json_response(body, status=429, headers=headers)


def _plain(response: web.StreamResponse) -> web.StreamResponse:
    if response.content_type == "application/json":
        response.headers["Content-Type"] = "application/json"  # no charset: discord.py compares the whole
    return response


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()
