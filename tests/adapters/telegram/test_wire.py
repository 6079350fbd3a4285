"""Requests to a Bot API server, with a real server on the other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from telegram import Bot, InputFile
from telegram.error import NetworkError, TimedOut

from adapters.telegram.wire import connect

TOKEN = "123:very-secret"
SENT = {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private"}}}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Bot]:
    """Give a bot that speaks to a server with one answer to everything."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot = connect(TOKEN, f"http://127.0.0.1:{runner.addresses[0][1]}/")
    try:
        yield bot
    finally:
        await bot.request.shutdown()
        await runner.cleanup()


async def test_what_is_said_arrives_as_it_is() -> None:
    """Text, names of files in any script, and their content."""
    seen: dict[str, object] = {}

    async def answer(request: web.Request) -> web.Response:
        for name, value in (await request.post()).items():
            seen[name] = (value.filename, value.file.read()) if isinstance(value, web.FileField) else value
        return web.json_response(SENT)

    async with serving(answer) as bot:
        await bot.send_message(7, "häß & 50 % + \U0001f600\n\x41")
        assert (seen["chat_id"], seen["text"]) == ("7", "häß & 50 % + \U0001f600\nA")
        await bot.send_document(7, InputFile(b"\x00\xff\r\n--", filename='Grüße "наш" 1%.md'), caption="für Änn")
    assert (seen["chat_id"], seen["caption"]) == ("7", "für Änn")
    assert ('Grüße "наш" 1%.md', b"\x00\xff\r\n--") in seen.values()


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    """After the time that the caller has for it."""

    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.json_response(SENT)

    async with serving(answer) as bot:
        with pytest.raises(TimedOut):
            await bot.send_message(7, "hello", read_timeout=0.1)


async def test_an_error_says_nothing_of_the_token() -> None:
    """Neither when a connection breaks off nor when there is none, nor is another server believed."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST" and (await request.post()).get("text") == "elsewhere":
            raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:9/{TOKEN}")
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    errors: list[NetworkError] = []
    async with serving(answer) as bot:
        for text in ("hello", "elsewhere"):
            with pytest.raises(NetworkError) as raised:
                await bot.send_message(7, text)
            errors.append(raised.value)
    nobody = connect(TOKEN, "http://127.0.0.1:9")
    with pytest.raises(NetworkError) as raised:
        await nobody.send_message(7, "hello")
    await nobody.request.shutdown()
    errors.append(raised.value)
    for error in errors:
        assert "secret" not in f"{error!r} {error.__cause__!r}"


async def test_what_is_closed_stays_closed_until_it_is_opened() -> None:
    """Nothing opens a connection again that nobody would close."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(SENT)

    async with serving(answer) as bot:
        assert (await bot.send_message(7, "hello")).message_id == 1
        for _ in range(2):
            await bot.request.shutdown()
        with pytest.raises(NetworkError):
            await bot.send_message(7, "hello")
        await bot.request.initialize()
        assert (await bot.send_message(7, "hello")).message_id == 1
