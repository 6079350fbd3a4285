"""The poller: Telegram is told that an update is here when it is, and whatever goes wrong passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from telegram import Bot

from adapters.telegram.poller import HANDED_OVER, Poller
from adapters.telegram.wire import TokenRefused, connect
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.message import Json
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.server import FakeTelegram


@pytest.fixture
async def server() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram.running() as server:
        yield server


@pytest.fixture
def ann(server: FakeTelegram) -> Person:
    return server.person(7, "Ann")


@pytest.fixture
def chat(server: FakeTelegram, ann: Person) -> Chat:
    return server.private_chat(ann)


class Store:
    """Takes updates, when it is let."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    async def take(self, updates: Sequence[object]) -> None:
        self.asked.set()
        await self.open.wait()
        for update in updates:
            assert isinstance(update, dict)
            self.texts.append(update["message"]["text"])


@asynccontextmanager
async def polling(
    server: FakeTelegram,
    store: Store,
    *,
    token: str | None = None,
    long_poll: int = 50,
    conflict_pause: float = 0.2,
    doubt: Callable[[], None] | None = None,
) -> AsyncIterator[Bot]:
    stopping, bot = asyncio.Event(), connect(token or server.token, server.url)
    poller = Poller(bot, store.take, stopping, doubt=doubt, long_poll=long_poll, conflict_pause=conflict_pause)
    task = asyncio.create_task(poller.run())
    try:
        yield bot
        stopping.set()
        await asyncio.wait_for(task, 3)
    finally:
        task.cancel()
        await asyncio.wait([task])
        await bot.request.shutdown()


async def test_an_update_is_confirmed_when_it_is_stored(server: FakeTelegram, ann: Person, chat: Chat) -> None:
    """Not before: while the store is busy, Telegram keeps it."""
    store = Store()
    store.open.clear()
    async with polling(server, store):
        await server.say(ann, "hello", chat=chat)
        store.asked.clear()
        await asyncio.wait_for(store.asked.wait(), 3)
        assert server.pending == 1
        store.open.set()
        await server.until(lambda: server.pending == 0)
    assert store.texts == ["hello"]


async def test_ids_may_begin_again_from_below(server: FakeTelegram, ann: Person, chat: Chat) -> None:
    """After a quiet week Telegram chooses them anew; when all is confirmed no number is named any more."""
    store = Store()
    async with polling(server, store, long_poll=1):
        await server.say(ann, "one", chat=chat)
        await server.until(lambda: len(server.calls) == 3)
    offsets = [call.get("offset") for _, call in server.calls]
    assert [offset is None for offset in offsets] == [True, False, True]
    assert store.texts == ["one"]


async def test_another_program_with_the_token_is_waited_for(
    server: FakeTelegram, ann: Person, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said why nothing comes, and polling goes on after a while."""
    store = Store()
    async with polling(server, store), aiohttp.ClientSession() as client:
        await server.until(lambda: bool(server.calls))
        async with client.post(f"{server.url}/bot{server.token}/getUpdates", json={"timeout": 0}) as answer:
            assert answer.status == 200
        await server.say(ann, "hello", chat=chat)
        await server.until(lambda: server.pending == 0)
    assert store.texts == ["hello"]
    assert "another program" in caplog.text


async def test_of_several_workers_one_in_conflict_looks_whether_it_is_still_to_poll(
    server: FakeTelegram, ann: Person, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    """It polls again soon: most likely polling was just handed over. Only what does not pass is complained of."""
    store, doubts = Store(), 0

    def doubt() -> None:
        nonlocal doubts
        doubts += 1

    async with polling(server, store, conflict_pause=30.0, doubt=doubt), aiohttp.ClientSession() as client:
        await server.until(lambda: bool(server.polls_open))
        async with client.post(f"{server.url}/bot{server.token}/getUpdates", json={"timeout": 0}) as answer:
            assert answer.status == 200
        await server.say(ann, "hello", chat=chat)
        await server.until(lambda: server.pending == 0)
        assert (store.texts, doubts) == (["hello"], 1)
        assert "another program" not in caplog.text
        server.faults.fail("getUpdates", 409, times=4, description="Conflict: terminated by other getUpdates request")
        server.faults.hang_up()
        await server.until(lambda: "another program" in caplog.text, timeout=20)
        assert doubts == HANDED_OVER + 1


async def test_a_webhook_that_appears_is_deleted(server: FakeTelegram, ann: Person, chat: Chat) -> None:
    """Polling goes on."""
    store = Store()
    async with polling(server, store) as bot:
        await server.until(lambda: bool(server.calls))
        await bot.set_webhook("http://127.0.0.1:9/")
        await server.until(lambda: ("deleteWebhook", {}) in server.calls)
        await server.say(ann, "hello", chat=chat)
        await server.until(lambda: server.pending == 0)
    assert store.texts == ["hello"]


async def test_a_token_that_is_refused_ends_polling(server: FakeTelegram) -> None:
    """There is nothing to wait for."""
    with pytest.raises(TokenRefused):
        async with polling(server, Store(), token="1:revoked"):
            await asyncio.sleep(0.5)


async def test_updates_keep_what_the_library_does_not_know(server: FakeTelegram, ann: Person, chat: Chat) -> None:
    """They are stored as they came."""
    seen: list[Json] = []

    class Keeper(Store):
        async def take(self, updates: Sequence[object]) -> None:
            seen.extend(update for update in updates if isinstance(update, dict))

    async with polling(server, Keeper()):
        message = await server.say(ann, "hello", chat=chat)
        message["a_new_field"] = {"deep": [1]}
        server.world.updates.add("message", message, chat.id)
        await server.until(lambda: server.pending == 0)
    known = seen[-1]["message"]
    assert isinstance(known, dict)
    assert known["a_new_field"] == {"deep": [1]}
