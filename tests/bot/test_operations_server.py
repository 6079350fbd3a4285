"""What the bot tells whoever watches over it, through real sockets: that it lives, that it is ready, and numbers."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from adapters.telegram.webhook import Webhook
from adapters.telegram.webhook_server import WebhookServer
from bot.operations_server import NO_METRICS, OperationsServer
from bot.prometheus_meter import PrometheusMeter
from bot.readiness import KEPT, PATIENCE, Readiness
from bot.startup import ExitCode
from bot.watch import UNWATCHED
from bot.watching import watching
from config.errors import SettingsError
from config.load import load_settings
from sessions import SessionManager
from sessions.errors import StoreError, StoreFull, StoreReadOnly
from tests.bot.looking import Looking, free_address, get, looked_at
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN
from tests.bot.shell import Shell
from tests.bot.test_canaries import LINES, NAME, USER, USERNAME, WORDS, _told
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_full_disk import FullDisk, disk
from tests.bot.test_run import on_telegram
from tests.bot.test_telegram_visit import environ, playing
from tests.bot.visit import offered
from tests.conftest import ManualClock
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram

__all__ = ["disk"]  # a fixture
WAIT = 20.0


async def until(answered: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something that is asked for is so."""
    async with asyncio.timeout(WAIT):
        while not await answered():  # noqa: ASYNC110 - nothing else tells when
            await asyncio.sleep(0.05)


async def readiness(address: str) -> tuple[int, object]:
    answer = await get(address, "/readyz")
    return answer.status, json.loads(answer.text)


# -- the program itself ------------------------------------------------------------------------------


async def test_the_program_answers_at_the_address_of_the_settings(tmp_path: Path) -> None:
    """Alive, ready, and numbers, over HTTP and with `palaver health`; when it has ended nobody answers."""
    address = free_address()
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home = on_telegram(telegram, tmp_path, PALAVER_OPERATIONS__LISTEN=address)
        shell = Shell(home.path, home.environ)
        assert (await asyncio.to_thread(shell.run, "health")).code == ExitCode.UNMET
        async with home.program() as program:
            await telegram.until(lambda: bool(telegram.polls_open), timeout=WAIT)
            assert (await get(address, "/healthz")).text == "ok\n"
            assert await readiness(address) == (200, {"store": "ok", "telegram": "ok"})
            assert "palaver_build_info{" in (await get(address, "/metrics")).text
            assert (await get(address, "/")).status == 404
            assert (await get(address, "/metrics", method="POST")).status == 405
            done = await asyncio.to_thread(shell.run, "health")
            assert (done.code, done.lines) == (0, ["store: ok", "telegram: ok"])
            done = await asyncio.to_thread(shell.run, "health", "--json")
            assert json.loads(done.out) == {"ready": True, "parts": {"store": "ok", "telegram": "ok"}}
            code, _ = await program.end()
    assert code == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(address, "/healthz")
    assert "no bot runs here" in (await asyncio.to_thread(shell.run, "health")).err


async def test_palaver_health_needs_no_address(tmp_path: Path) -> None:
    """It asks through the control socket, and its exit code tells what is wrong."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home = on_telegram(telegram, tmp_path)
        telegram.faults.fail("getMe", 502, times=1_000)
        async with home.program():
            shell = Shell(home.path, home.environ)
            async with asyncio.timeout(WAIT):
                while not (done := await asyncio.to_thread(shell.run, "health")).out:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert done.code == ExitCode.UNMET
            assert done.lines[0] == "store: ok"
            assert done.lines[1] in ("telegram: starting", "telegram: unreachable")


async def test_an_address_that_is_taken_keeps_it_from_starting(tmp_path: Path) -> None:
    """It says which setting and why, and does not talk to the platform."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
            home = on_telegram(telegram, tmp_path, PALAVER_OPERATIONS__LISTEN=address)
            async with home.program() as program:
                await asyncio.wait_for(program.process.wait(), WAIT)
                code, errors = await program.end()
            assert telegram.calls == []
    assert code == ExitCode.CONFIGURATION
    assert f"operations.listen: {address} can not be listened at (Address already in use)" in errors


def test_without_an_address_nobody_is_watched(tmp_path: Path) -> None:
    """Nothing listens and nothing is counted unless it is asked for; `off` says so as well."""
    settings = load_settings(environ={"PALAVER_HOME": str(tmp_path)})
    assert settings.operations.listen is None
    assert watching(settings).watch == UNWATCHED
    assert watching(settings).page is None
    off = load_settings(environ={"PALAVER_HOME": str(tmp_path), "PALAVER_OPERATIONS__LISTEN": "off"})
    assert off.operations.listen is None
    on = load_settings(environ={"PALAVER_HOME": str(tmp_path), "PALAVER_OPERATIONS__LISTEN": "127.0.0.1:9464"})
    assert watching(on).page is not None


@pytest.mark.parametrize("listen", ["9464", "127.0.0.1", "127.0.0.1:0", "http://127.0.0.1:9464", "127.0.0.1:70000"])
def test_what_is_no_address_is_refused(tmp_path: Path, listen: str) -> None:
    """A host and a port, nothing else."""
    with pytest.raises(SettingsError, match=r"operations\.listen"):
        load_settings(environ={"PALAVER_HOME": str(tmp_path), "PALAVER_OPERATIONS__LISTEN": listen})


async def test_without_the_package_for_metrics_it_says_what_to_install() -> None:
    """The other two answer all the same."""
    address = free_address()
    async with (
        SessionManager.open(encryption_key=bytes(range(32))) as sessions,
        OperationsServer(address, Readiness(sessions, [], ManualClock()), None),
    ):
        answer = await get(address, "/metrics")
        assert (answer.status, answer.text) == (404, NO_METRICS)
        assert await readiness(address) == (200, {"store": "ok"})


# -- ready or not ------------------------------------------------------------------------------------


async def test_a_platform_that_can_not_be_reached_is_named_until_it_can(tmp_path: Path) -> None:
    """One word for it, 503 meanwhile, and alive all the time."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        looked_at(tmp_path, environ(telegram)) as looking,
    ):
        await telegram.until(lambda: bool(telegram.polls_open), timeout=WAIT)
        await until(lambda: _says(looking, 200, {"store": "ok", "telegram": "ok"}))
        telegram.faults.fail("getUpdates", 502, times=1)
        telegram.faults.hang_up()
        await until(lambda: _says(looking, 503, {"store": "ok", "telegram": "unreachable"}))
        assert (await get(looking.address, "/healthz")).status == 200
        await until(lambda: _says(looking, 200, {"store": "ok", "telegram": "ok"}))


async def test_discord_is_ready_once_it_is_connected(tmp_path: Path) -> None:
    """Before that it starts; when its connection is lost it says so."""
    async with (
        FakeDiscord.running(token=DISCORD_TOKEN) as fake,
        looked_at(tmp_path, on_discord(fake), platforms=("discord",)) as looking,
    ):
        await fake.connected(timeout=WAIT)
        await until(lambda: _says(looking, 200, {"store": "ok", "discord": "ok"}))
        (channel,) = looking.bot.channels
        await channel.stop()
        await until(lambda: _says(looking, 503, {"store": "ok", "discord": "disconnected"}))


async def _says(looking: Looking, status: int, parts: object) -> bool:
    return await readiness(looking.address) == (status, parts)


async def test_a_full_disk_is_told_and_asked_for_only_now_and_then(
    tmp_path: Path, disk: FullDisk, clock: ManualClock
) -> None:
    """A write is really made; its answer counts for some seconds, so asking often costs nothing."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        looked_at(tmp_path, environ(telegram), ready_clock=clock) as looking,
    ):
        await telegram.until(lambda: bool(telegram.polls_open), timeout=WAIT)
        assert (await readiness(looking.address))[0] == 200
        disk.room = 0
        assert (await readiness(looking.address))[0] == 200
        clock.advance(KEPT)
        assert await readiness(looking.address) == (503, {"store": "full", "telegram": "ok"})
        assert (await looking.numbers())["palaver_store_commits_failed_total"] == 1
        disk.room = None
        clock.advance(KEPT)
        assert (await readiness(looking.address))[0] == 200


class _Store:
    """A store that takes a note as a test tells it."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hangs = asyncio.Event()
        self.hangs.set()
        self.asked = 0

    async def set_note(self, _name: str, _value: object) -> None:
        self.asked += 1
        await self.hangs.wait()
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "word"),
    [(StoreFull("x"), "full"), (StoreReadOnly("x"), "readonly"), (StoreError("canary"), "failing"), (None, "ok")],
)
async def test_each_way_a_store_fails_has_its_word(error: Exception | None, word: str, clock: ManualClock) -> None:
    """Nothing of the error's own text is said."""
    store = _Store()
    store.error = error
    parts = await Readiness(store, [], clock).parts()  # type: ignore[arg-type]  # all that is asked of it
    assert parts == {"store": word}


async def test_a_store_that_hangs_is_slow_and_not_asked_again(clock: ManualClock) -> None:
    """The answer comes all the same, and no heap of writes waits behind the one that hangs."""
    store = _Store()
    store.hangs.clear()
    asking = Readiness(store, [], clock)  # type: ignore[arg-type]
    async with asyncio.timeout(3 * PATIENCE):
        assert await asking.parts() == {"store": "slow"}
        clock.advance(KEPT)
        assert await asking.parts() == {"store": "slow"}
    assert store.asked == 1
    store.hangs.set()
    clock.advance(KEPT)
    assert await asking.parts() == {"store": "ok"}


async def test_an_answer_of_the_store_that_nobody_waits_for_is_no_mishap(clock: ManualClock) -> None:
    """The program may end before a write that hangs has failed; the event loop has nothing to complain of then."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    store = _Store()
    store.hangs.clear()
    asking = Readiness(store, [], clock)  # type: ignore[arg-type]
    assert await asking.parts() == {"store": "slow"}
    store.error = StoreError("the store was closed")
    store.hangs.set()
    await asyncio.sleep(0.01)
    del asking
    gc.collect()
    assert complaints == []


async def test_a_program_that_ends_is_not_ready(clock: ManualClock) -> None:
    """Whoever sends work to it sends it elsewhere."""
    asking = Readiness(_Store(), [], clock)  # type: ignore[arg-type]
    asking.ending = True
    assert await asking.parts() == {"store": "ok", "program": "ending"}


# -- numbers -----------------------------------------------------------------------------------------


async def test_updates_and_turns_are_counted(tmp_path: Path) -> None:
    """Each once, by platform and by how it ended; what takes time is measured; nothing waits in the end."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        settings = environ(telegram, **playing(server), PALAVER_MODEL__RETRIES="0")
        async with looked_at(tmp_path, settings, backend="openai") as looking:
            before = await looking.numbers()
            assert before['palaver_turns_total{backend="openai",outcome="failed"}'] == 0
            server.answers.append(Answer(words=["whole"]))
            server.answers.append(Answer(words=["cut"], stop="length"))
            server.answers.append(Answer(status=500))
            for text, answer in (("one", "whole"), ("two", "go on"), ("three", "not available")):
                said = await telegram.say(ann, text, chat=chat)
                await telegram.wait_for(chat, answer, WAIT, after=said)
            server.answers.append(Answer(words=["slow "] * 200, word_delay=0.1))
            await telegram.say(ann, "four", chat=chat)
            await until(lambda: _asked(server, 4))
            await telegram.say(ann, "/stop", chat=chat)
            await until(lambda: _is(looking, "palaver_updates_handled_total", 5))
            await until(lambda: _is(looking, "palaver_parcels_waiting", 0))
            counted = await looking.numbers()
    for outcome in ("completed", "partial", "failed", "stopped"):
        assert counted[f'palaver_turns_total{{backend="openai",outcome="{outcome}"}}'] == 1
    assert counted['palaver_updates_received_total{platform="telegram"}'] == 5
    assert counted['palaver_letters_waiting{platform="telegram"}'] == 0
    assert counted['palaver_turn_seconds_count{backend="openai"}'] == 4
    assert counted['palaver_first_token_seconds_count{backend="openai"}'] in (2, 3)  # the last may be stopped before
    assert counted["palaver_store_commit_seconds_count"] > before["palaver_store_commit_seconds_count"] + 8
    assert counted["palaver_store_commits_failed_total"] == counted["palaver_unreadable_records_total"] == 0
    assert counted['palaver_updates_failed_total{platform="telegram"}'] == 0
    assert counted["process_resident_memory_bytes"] > 0
    assert counted["palaver_workers"] == counted["palaver_worker_lanes"] == 0, "nobody shares the store"


async def _asked(server: ModelServer, times: int) -> bool:
    return len(server.requests) == times


async def _is(looking: Looking, name: str, number: float, platform: str = "telegram") -> bool:
    return (await looking.numbers())[f'{name}{{platform="{platform}"}}'] == number


async def test_what_a_platform_does_not_take_is_counted(tmp_path: Path) -> None:
    """A refusal for now is a retry, one for ever is a refusal."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with looked_at(tmp_path, environ(telegram)) as looking:
            telegram.faults.fail("sendMessage", 502, times=1)
            await telegram.wait_for(chat, "hello", WAIT, after=await telegram.say(ann, "hello", chat=chat))
            telegram.faults.fail("sendMessage", 403, times=1, description="Forbidden: bot was blocked by the user")
            await telegram.say(ann, "again", chat=chat)
            await until(lambda: _is(looking, "palaver_sends_refused_total", 1))
            assert await _is(looking, "palaver_sends_retried_total", 1)
            await until(lambda: _is(looking, "palaver_parcels_waiting", 0))


async def test_who_is_not_let_in_is_counted(tmp_path: Path) -> None:
    """A stranger, and somebody who writes too much."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann, eve = telegram.person(42, "Ann"), telegram.person(43, "Eve")
        chat = telegram.private_chat(ann)
        settings = environ(telegram, PALAVER_ACCESS__ALLOW="telegram:42", PALAVER_ACCESS__MESSAGES_PER_MINUTE="1")
        settings["PALAVER_ACCESS__MODE"] = "allow-list"
        async with looked_at(tmp_path, settings) as looking:
            await telegram.say(eve, "let me in", chat=telegram.private_chat(eve))
            for text in ("one", "two", "three"):
                await telegram.say(ann, text, chat=chat)
            await until(lambda: _is(looking, "palaver_updates_handled_total", 4))
            counted = await looking.numbers()
    assert counted['palaver_requests_rejected_total{reason="stranger"}'] == 1
    assert counted['palaver_requests_rejected_total{reason="limit"}'] == 2
    assert counted['palaver_requests_rejected_total{reason="forged"}'] == 0


async def test_a_forged_webhook_is_counted() -> None:
    """Only what does not know the secret."""
    meter, address = PrometheusMeter(["telegram"], "echo", "1"), free_address()
    host, _, port = address.rpartition(":")

    async def take(_updates: object) -> None:
        return

    webhook = Webhook(host, int(port), "/in", "https://bot.example.org/in", "a-secret")
    server = WebhookServer(webhook, take, meter)
    await server.start()
    try:
        async with aiohttp.ClientSession() as client:
            for secret in ("a-secret", "guessed"):
                headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
                async with client.post(f"http://{address}/in", json={"update_id": 1}, headers=headers):
                    pass
    finally:
        await server.stop()
    assert b'palaver_requests_rejected_total{reason="forged"} 1.0' in meter.page("")[0]


async def test_resets_are_counted_by_their_reason(tmp_path: Path, clock: ManualClock) -> None:
    """Those that a message brings about."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN, clock=clock) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        settings = environ(telegram, PALAVER_SESSIONS__IDLE_RESET_MINUTES="30")
        async with looked_at(tmp_path, settings, clock=clock) as looking:
            await telegram.wait_for(chat, "1 message", WAIT, after=await telegram.say(ann, "one", chat=chat))
            clock.advance(31 * 60)
            await telegram.wait_for(chat, "1 message", WAIT, after=await telegram.say(ann, "two", chat=chat))
            counted = await looking.numbers()
    assert counted['palaver_resets_total{reason="idle"}'] == 1
    assert counted['palaver_resets_total{reason="daily"}'] == 0


async def test_records_that_do_not_open_are_counted(tmp_path: Path) -> None:
    """When a turn needs them; the person is answered all the same."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        async with looked_at(tmp_path, environ(telegram)) as looking:
            await telegram.wait_for(chat, "1 message", WAIT, after=await telegram.say(ann, "one", chat=chat))
            await until(lambda: _is(looking, "palaver_parcels_waiting", 0))
        with closing(sqlite3.connect(tmp_path / "palaver.db")) as database, database:
            database.execute(
                "UPDATE message SET body = zeroblob(length(body)) WHERE id = (SELECT min(id) FROM message)"
            )
        async with looked_at(tmp_path, environ(telegram)) as looking:
            await telegram.wait_for(chat, "two", WAIT, after=await telegram.say(ann, "two", chat=chat))
            counted = await looking.numbers()
    assert counted["palaver_unreadable_records_total"] == 1


async def test_no_number_tells_who_or_what(tmp_path: Path) -> None:
    """A whole visit on two platforms, a stranger's too: no word, name, id or token in any answer."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        here, there = telegram.person(USER, NAME, username=USERNAME), fake.person(NAME)
        chat, dm = telegram.private_chat(here), fake.dm(there)
        group = telegram.group("Marquetry", members=[here])
        settings = {**environ(telegram), **on_discord(fake), "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
        async with looked_at(tmp_path, settings, platforms=("telegram", "discord")) as looking:
            await fake.connected(timeout=WAIT)
            for line in LINES:
                said = line.format(*WORDS)
                await telegram.say(here, said, chat=chat)
                await telegram.say(here, f"@palaver_bot {said}", chat=group)
                await fake.say(there, said, channel=dm)
            await offered(fake)
            await telegram.until(lambda: telegram.pending == 0, timeout=30)
            await until(lambda: _is(looking, "palaver_letters_waiting", 0))
            await until(lambda: _is(looking, "palaver_letters_waiting", 0, "discord"))
            pages = [(await get(looking.address, path)).text for path in ("/metrics", "/readyz", "/healthz")]
            counted = await looking.numbers()
        told = "\n".join(pages).encode()
        ids = {str(chat.id), str(group.id), str(dm.id), str(there.id)}
    assert counted['palaver_updates_received_total{platform="discord"}'] >= len(LINES)
    assert _told(told, str(there.id)) == set()
    assert {one for one in ids if one.encode() in told} == set()
    assert _told(told + NAME.encode(), str(there.id)) == {NAME}  # the search finds what there is
