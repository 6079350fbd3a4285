"""A model service on 127.0.0.1 that speaks like OpenAI and like Anthropic, and fails as told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

Ending = Literal["finish", "linger", "stall", "cut", "end", "error"]
_ANTHROPIC_STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How to answer one request: stream `words`, then do what `ending` says.

    finish: say that the reply is complete, and close. linger: say so, and keep the connection open.
    stall: send nothing more. cut: reset the connection. end: close without saying that it is
    complete. error: send `error` as an event of the stream. A status other than 200 sends `error`
    and `message` as a document instead.
    """

    words: Sequence[str] = ("Hello", " there", ".")
    ending: Ending = "finish"
    stop: str = "stop"  # in OpenAI's words
    usage: tuple[int, int, int] | None = (11, 3, 2)  # input with cached, output, cached
    first_delay: float = 0.0
    word_delay: float = 0.0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = "server_error"
    message: str = "Something went wrong."
    raw: bytes | None = None  # sent in place of the words
    content_type: str = "text/event-stream"


@dataclass(slots=True, kw_only=True)
class Request:
    """One request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, object]
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client went away before the answer was complete."""

    @property
    def system(self) -> str:
        """The instructions, wherever this vendor puts them."""
        apart = [str(self.body["system"])] if "system" in self.body else []
        return "".join(apart + [content for role, content in self._messages() if role == "system"])

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Role and text of what the two sides said."""
        return [(role, content) for role, content in self._messages() if role != "system"]

    def _messages(self) -> list[tuple[str, str]]:
        messages = self.body["messages"]
        assert isinstance(messages, list)
        return [(str(message["role"]), str(message["content"])) for message in messages]


class ModelServer:
    """The service: answers come from `answers`, one each, and then `default` for ever.

    `arrived` is set with every request, for a test that waits for one.
    """

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.default = Answer()
        self.requests: list[Request] = []
        self.arrived = asyncio.Event()
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[ModelServer]:
        """Listen on a free port until the block is left."""
        server, app = cls(), web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", server._openai)
        app.router.add_post("/v1/messages", server._anthropic)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield server
        finally:
            await runner.cleanup()

    @property
    def openai_url(self) -> str:
        """What to set as base_url for an OpenAI client."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """What to set as base_url for an Anthropic client."""
        return self.url

    def then(self, *answers: Answer) -> None:
        """Answer the next requests so."""
        self.answers.extend(answers)

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        answer, seen = await self._received(request)
        error = {"message": answer.message, "type": answer.error, "param": None, "code": answer.error}
        return await _respond(request, seen, answer, list(_openai_events(answer)), {"error": error})

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        answer, seen = await self._received(request)
        error = {"type": "error", "error": {"type": answer.error, "message": answer.message}}
        return await _respond(request, seen, answer, list(_anthropic_events(answer)), error)

    async def _received(self, request: web.Request) -> tuple[Answer, Request]:
        seen = Request(path=request.path, headers=request.headers.copy(), body=await request.json())
        self.requests.append(seen)
        self.arrived.set()
        return (self.answers.popleft() if self.answers else self.default), seen


async def _respond(
    request: web.Request, seen: Request, answer: Answer, events: Sequence[bytes], error: Mapping[str, object]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": answer.content_type, **answer.headers})
    try:
        await asyncio.sleep(answer.first_delay)
        if answer.status != 200:
            return web.json_response(error, status=answer.status, headers=answer.headers)
        await response.prepare(request)
        for event in [answer.raw] if answer.raw is not None else events:
            await response.write(event)
            await asyncio.sleep(answer.word_delay)
        await _end(request, response, answer, error)
    except asyncio.CancelledError:
        seen.left.set()
        raise
    except ConnectionError:
        seen.left.set()
    return response


async def _end(request: web.Request, response: web.StreamResponse, answer: Answer, error: Mapping[str, object]) -> None:
    if answer.ending in ("stall", "linger"):
        await asyncio.Event().wait()
    elif answer.ending == "cut" and request.transport:
        await asyncio.sleep(0.02)  # a reset overtakes what the client has not read yet
        request.transport.abort()
    elif answer.ending == "error":
        await response.write(b"event: error\n" + _data(error))


def _openai_events(answer: Answer) -> Iterator[bytes]:
    yield _openai_chunk({"role": "assistant", "content": ""})
    for word in answer.words:
        yield _openai_chunk({"content": word})
    if answer.ending not in ("finish", "linger"):
        return
    yield _openai_chunk({}, finish=answer.stop)
    if answer.usage:
        given, made, cached = answer.usage
        yield _openai_chunk(
            None,
            usage={
                "prompt_tokens": given,
                "completion_tokens": made,
                "total_tokens": given + made,
                "prompt_tokens_details": {"cached_tokens": cached},
            },
        )
    if answer.ending == "finish":
        yield b"data: [DONE]\n\n"


def _openai_chunk(
    delta: Mapping[str, object] | None, *, finish: str | None = None, usage: Mapping[str, object] | None = None
) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    return _data({**head, "choices": choices, "usage": usage})


def _anthropic_events(answer: Answer) -> Iterator[bytes]:
    given, made, cached = answer.usage or (0, 0, 0)
    usage = {"input_tokens": given - cached, "cache_read_input_tokens": cached, "output_tokens": 1}
    head: dict[str, object] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "fake", "content": []}
    yield _event("message_start", message={**head, "usage": usage})
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("ping")
    for word in answer.words:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    if answer.ending not in ("finish", "linger"):
        return
    yield _event("content_block_stop", index=0)
    stop = {"stop_reason": _ANTHROPIC_STOPS.get(answer.stop, answer.stop), "stop_sequence": None}
    yield _event("message_delta", delta=stop, usage={"output_tokens": made})
    if answer.ending == "finish":
        yield _event("message_stop")


def _event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\n".encode() + _data({"type": kind, **fields})


def _data(value: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
