"""Several workers on one database: each does its part, none does another's, and who dies is stood in for."""

from __future__ import annotations

import asyncio
import base64
import itertools
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.discord.channel import DiscordChannel
from bot.startup import key_provider, open_sessions
from config.load import load_settings
from sessions.catalogue import Wanted
from sessions.clock import StoreClock
from sessions.manager import SessionManager
from tests.bot.looking import free_address, get, looked_at, numbers
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, Bot, running
from tests.bot.shell import Running, Shell
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_server_faults import restart
from tests.bot.test_shards import guild_of_shard
from tests.bot.test_telegram_visit import environ, playing
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.postgres_server import postgres_server

PATIENCE = 40.0
LEASE = 3  # seconds, the shortest there is
PEOPLE = 12


def sharing(database: str) -> dict[str, str]:
    """Give the settings of a store that several workers share."""
    return {
        "PALAVER_STORE__URL": database,
        "PALAVER_STORE__WORKERS": "many",
        "PALAVER_STORE__LEASE_SECONDS": str(LEASE),
        "PALAVER_KEY": base64.b64encode(bytes(range(32))).decode(),
    }


def many(telegram: FakeTelegram, database: str, **more: str) -> dict[str, str]:
    """Give the settings of one of several workers."""
    return environ(telegram, **sharing(database), **more)


class Crowd:
    """People who each talk to the bot alone."""

    def __init__(self, telegram: FakeTelegram, size: int = PEOPLE) -> None:
        self.telegram = telegram
        self.people = [telegram.person(100 + number, f"P{number}") for number in range(size)]
        self.chats = {person.id: telegram.private_chat(person) for person in self.people}

    async def say(self, words: str) -> None:
        """Have everybody say something."""
        for person in self.people:
            await self.telegram.say(person, _own(words, person), chat=self.chats[person.id])

    async def hear(self, words: str, patience: float = PATIENCE) -> None:
        """Wait until everybody has got the answer to that."""
        for person in self.people:
            await self.telegram.wait_for(self.chats[person.id], _own(words, person), patience)

    def answers(self, person: Person) -> list[str]:
        """Give what the bot has said to somebody."""
        return [message.text for message in self.telegram.messages(self.chats[person.id])]

    def check(self, *all_words: str) -> None:
        """Check that everybody has one answer to each of these, in their order, and nothing else."""
        for person in self.people:
            answers = self.answers(person)
            assert len(answers) == len(all_words), answers
            for words, answer in zip(all_words, answers, strict=True):
                assert _own(words, person) in answer, answers


def _own(words: str, person: Person) -> str:
    return f"{words} of {person.id}"


async def stored(sessions: SessionManager) -> list[list[str]]:
    """Give what people said in each conversation."""
    return sorted(
        [
            [
                message.content
                for message in await sessions.get_history(one.session.id, limit=None)
                if message.role == "user"
            ]
            async for one in sessions.catalogue.each(Wanted())
        ]
    )


async def all_share(*bots: Bot) -> None:
    """Wait until every worker has its part of the lanes."""
    async with asyncio.timeout(PATIENCE):
        while any(bot.sessions.worker is None or not bot.sessions.worker.is_settled for bot in bots):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@asynccontextmanager
async def looking(home: Path, settings: Mapping[str, str]) -> AsyncIterator[SessionManager]:
    """Open the store beside the workers."""
    loaded = load_settings(environ={"PALAVER_HOME": str(home), **settings})
    async with open_sessions(loaded, key_provider(loaded), read_only=True) as sessions:
        yield sessions


async def test_two_workers_share_the_work(tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture) -> None:
    """Everybody is answered once and in order, one of them polls, and both have done some of the work."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram)
        bots = [
            await stack.enter_async_context(running(tmp_path, many(telegram, database), paced=False)) for _ in range(2)
        ]
        await all_share(*bots)
        for turn in range(3):
            await crowd.say(f"word {turn}")
        await crowd.hear("word 2")
        crowd.check("word 0", "word 1", "word 2")
        assert await stored(bots[0].sessions) == sorted(
            [_own(f"word {turn}", person) for turn in range(3)] for person in crowd.people
        )
        for bot in bots:
            assert await bot.sessions.verify() == []
            assert bot.sessions.worker is not None
            assert sum(map(bot.sessions.worker.has, range(1, 65))) == 32
        assert "another program polls" not in caplog.text


async def test_a_poll_that_another_worker_ended_is_begun_again_soon(
    tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was held up may poll once more before it knows better; nobody waits half a minute for that."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram, 1)
        for _ in range(2):
            await stack.enter_async_context(running(tmp_path, many(telegram, database), paced=False))
        await telegram.until(lambda: bool(telegram.polls_open), timeout=PATIENCE)
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{telegram.url}/bot{TELEGRAM_TOKEN}/getUpdates", json={"timeout": 0}) as answer,
        ):
            assert answer.status == 200
        began = time.monotonic()
        await crowd.say("hello")
        await crowd.hear("hello")
        assert time.monotonic() - began < 10
        assert "another program polls" not in caplog.text


def holder_of(bots: list[Bot], chat: int) -> Bot:
    """Give the worker that handles what is said in a chat."""
    account = TELEGRAM_TOKEN.partition(":")[0]
    lane = bots[0].sessions.mailbox.lane(f"telegram:{account}", str(chat))
    (holder,) = [bot for bot in bots if bot.sessions.worker is not None and bot.sessions.worker.holds(lane)]
    return holder


def group_elsewhere(telegram: FakeTelegram, member: Person, bots: list[Bot], chat: int) -> Chat:
    """Make groups until one is handled by another worker than a chat."""
    groups = (telegram.group(f"G{number}", members=[member]) for number in range(30))
    return next(group for group in groups if holder_of(bots, group.id) is not holder_of(bots, chat))


@pytest.fixture
def worker_shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@asynccontextmanager
async def program(shell: Shell, settings: Mapping[str, str]) -> AsyncIterator[Running]:
    """Run `palaver run` as a program of its own."""
    with shell.start("run", **settings) as started:
        yield started


async def streaming(crowd: Crowd) -> None:
    """Wait until everybody sees the beginning of a reply."""
    telegram = crowd.telegram
    await telegram.until(lambda: all(telegram.drafts(chat) for chat in crowd.chats.values()), timeout=PATIENCE)


async def test_a_worker_that_is_killed_in_the_middle_of_a_stream_is_stood_in_for(
    tmp_path: Path, database: str, worker_shell: Shell
) -> None:
    """Each of its people gets one answer, within the lease and a little, and their words are stored once."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as model:
        crowd = Crowd(telegram, 6)
        settings = many(telegram, database, **playing(model))
        model.default = Answer(words=["a ", "slow ", *["word "] * 40, "ends"], word_delay=0.1)
        async with program(worker_shell, settings) as first:
            await crowd.say("a question")
            await streaming(crowd)
            async with running(tmp_path, settings, paced=False) as bot:
                first.process.send_signal(signal.SIGKILL)
                began = time.monotonic()
                for chat in crowd.chats.values():
                    await telegram.wait_for(chat, "ends", PATIENCE)
                assert time.monotonic() - began < 30
                await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
                for person in crowd.people:
                    assert len(crowd.answers(person)) == 1
                assert await stored(bot.sessions) == sorted([_own("a question", person)] for person in crowd.people)
                assert await bot.sessions.verify() == []


async def test_a_worker_that_was_held_up_past_its_lease_writes_nothing_more(
    tmp_path: Path, database: str, worker_shell: Shell
) -> None:
    """When it comes back others have gone on with its turns: each person has one answer, and it begins anew."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as model:
        crowd = Crowd(telegram, 6)
        settings = many(telegram, database, **playing(model))
        model.default = Answer(words=["a ", "slow ", *["word "] * 30, "ends"], word_delay=0.1)
        async with program(worker_shell, settings) as first:
            await crowd.say("a question")
            await streaming(crowd)
            first.process.send_signal(signal.SIGSTOP)
            async with running(tmp_path, settings, paced=False) as bot:
                for chat in crowd.chats.values():
                    await telegram.wait_for(chat, "ends", PATIENCE)
                first.process.send_signal(signal.SIGCONT)
                model.default = Answer(words=["quick"])
                await asyncio.sleep(2 * LEASE)
                await crowd.say("another question")
                for chat in crowd.chats.values():
                    await telegram.wait_for(chat, "quick", PATIENCE)
                for person in crowd.people:
                    assert [answer.split()[-1] for answer in crowd.answers(person)] == ["ends", "quick"]
                wanted = [
                    [_own(words, person) for words in ("a question", "another question")] for person in crowd.people
                ]
                assert await stored(bot.sessions) == sorted(wanted)
                assert await bot.sessions.verify() == []
            assert first.process.poll() is None


STANDING = ("palaver_workers", "palaver_worker_lanes", "palaver_leases_taken_over_total", "palaver_leases_lost_total")


async def figures(address: str) -> tuple[float, ...]:
    """Give the numbers of a worker that say how it stands."""
    given = await numbers(address)
    return tuple(given[name] for name in STANDING)


async def standing(address: str, until: Callable[[tuple[float, ...]], bool]) -> tuple[float, ...]:
    """Wait until a worker's numbers say so; give them."""
    async with asyncio.timeout(PATIENCE):
        while not until(found := await figures(address)):  # noqa: ASYNC110 - nothing else tells when
            await asyncio.sleep(0.1)
    return found


async def test_the_numbers_of_each_worker_say_how_it_stands(tmp_path: Path, database: str, worker_shell: Shell) -> None:
    """How many there are and what each has; what was taken over from one that was held up, and what that one lost."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        # Longer than usual: whoever shares a busy machine must not be given up before it is held up on purpose.
        settings, here = {**many(telegram, database), "PALAVER_STORE__LEASE_SECONDS": "8"}, free_address()
        async with (
            program(worker_shell, {**settings, "PALAVER_OPERATIONS__LISTEN": here}) as first,
            looked_at(tmp_path / "second", settings) as looking,
        ):
            await until_answers(here)
            for address in (here, looking.address):
                await standing(address, lambda found: found[:2] == (2, 32))
                assert 0 < (await numbers(address))["palaver_worker_heartbeat_age_seconds"] < PATIENCE
            (*_, had, _), (*_, lost) = await figures(looking.address), await figures(here)
            first.process.send_signal(signal.SIGSTOP)
            after = await standing(looking.address, lambda found: found[:2] == (1, 64))
            first.process.send_signal(signal.SIGCONT)
            before = await standing(here, lambda found: found[0] == 2 and found[3] > lost)
            assert after[2] - had == before[3] - lost
            assert before[3] - lost in (32, 33)  # its lanes, and to poll if it did
            await standing(looking.address, lambda found: found[:2] == (2, 32))


async def until_answers(address: str) -> None:
    """Wait until a program listens."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(aiohttp.ClientConnectionError):
                await get(address, "/healthz")
                return
            await asyncio.sleep(0.1)


async def test_a_stop_reaches_the_worker_that_streams(tmp_path: Path, database: str) -> None:
    """In a conversation that two chats share, /stop in one chat ends the reply in the other, whoever makes it."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        ModelServer.open() as model,
        AsyncExitStack() as stack,
    ):
        ann = telegram.person(42, "Ann")
        settings = many(telegram, database, **playing(model), PALAVER_SESSIONS__SCOPE="per-peer")
        bots = [await stack.enter_async_context(running(tmp_path, settings, paced=False)) for _ in range(2)]
        await all_share(*bots)
        here = telegram.private_chat(ann)
        elsewhere = group_elsewhere(telegram, ann, bots, here.id)
        model.default = Answer(words=["on "] * 400, word_delay=0.05)
        await telegram.say(ann, "a question", chat=here)
        await telegram.until(lambda: len(telegram.drafts(here)) > 0, timeout=PATIENCE)
        asked = await telegram.say(ann, "/stop@palaver_bot", chat=elsewhere)
        began = time.monotonic()
        await telegram.wait_for(elsewhere, "Stopped", PATIENCE, after=asked)
        await telegram.wait_for(here, "on", PATIENCE)  # what there was of the reply
        assert time.monotonic() - began < 10  # all of it would take twenty seconds


async def test_the_shards_of_discord_are_divided(tmp_path: Path, database: str) -> None:
    """Each of two workers connects half of them, and all when the other one ends; everybody is answered once."""
    async with FakeDiscord.running(token=DISCORD_TOKEN, shards=2) as fake, AsyncExitStack() as stack:
        ann = fake.person("Ann")
        channels = [fake.channel(guild_of_shard(fake, shard, [ann]), f"general {shard}") for shard in (0, 1)]
        settings = {**on_discord(fake), **sharing(database), "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
        async with running(tmp_path, settings) as first:
            await fake.world.chronicle.until(
                lambda: len(fake.gateway.connected()) == 2 or None, PATIENCE, "both shards"
            )
            second = await stack.enter_async_context(running(tmp_path, settings))
            await all_share(first, second)
            for number, channel in enumerate(channels):
                await fake.say(ann, f"the word is teal{number}", channel=channel, mention_bot=True)
                await fake.wait_for(channel, f"teal{number}", timeout=PATIENCE)
            divided = [bot.channels[0].shards for bot in (first, second) if isinstance(bot.channels[0], DiscordChannel)]
            assert sorted(divided) == [(0,), (1,)]
        for channel in channels:
            await fake.say(ann, "and amber", channel=channel, mention_bot=True)
        for channel in channels:
            await fake.wait_for(channel, "and amber", timeout=PATIENCE)
            texts = [message.content for message in fake.messages(channel)]
            assert sum("amber" in text for text in texts) == 1, texts
            assert sum("You said: “the word" in text for text in texts) == 1, texts


async def test_a_worker_whose_clock_is_an_hour_off_goes_by_the_database(tmp_path: Path, database: str) -> None:
    """What it stores has the right time, no reset comes early, and the order of what is said stays."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram, 6)
        settings = many(telegram, database, PALAVER_SESSIONS__IDLE_RESET_MINUTES="30")
        wrong = StoreClock(lambda: time.time() + 3600)
        bots = [
            await stack.enter_async_context(running(tmp_path, settings, paced=False)),
            await stack.enter_async_context(running(tmp_path, settings, paced=False, clock=wrong)),
        ]
        await all_share(*bots)
        for turn in range(3):
            await crowd.say(f"word {turn}")
            await crowd.hear(f"word {turn}")
        assert await bots[1].sessions.sweep() == []
        crowd.check("word 0", "word 1", "word 2")
        async for one in bots[0].sessions.catalogue.each(Wanted()):
            assert abs(one.session.last_activity_at.timestamp() - time.time()) < 600


async def test_a_database_that_is_killed_under_two_workers_costs_nobody_anything(tmp_path: Path) -> None:
    """Everybody gets one answer to each thing said, in order, and it is stored once."""
    settings = ("fsync=on", "shared_buffers=32MB", "max_connections=80")
    with postgres_server(*settings) as server:
        async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
            crowd = Crowd(telegram, 8)
            about = many(telegram, server.make_database())
            bots = [await stack.enter_async_context(running(tmp_path, about, paced=False)) for _ in range(2)]
            await all_share(*bots)
            for turn in range(3):
                await crowd.say(f"word {turn}")
                if turn < 2:
                    await restart(server, after=0.5)
            await crowd.hear("word 2")
            await telegram.until(lambda: telegram.pending == 0, timeout=PATIENCE)
            crowd.check("word 0", "word 1", "word 2")
            assert await stored(bots[0].sessions) == sorted(
                [_own(f"word {turn}", person) for turn in range(3)] for person in crowd.people
            )
            assert await bots[0].sessions.verify() == []


async def test_it_ends_soon_when_it_is_told_to_and_the_database_is_away(tmp_path: Path, worker_shell: Shell) -> None:
    """The others learn by themselves that it is gone: it does not wait until it can tell them."""
    with postgres_server("fsync=on", "shared_buffers=32MB", "max_connections=80") as server:
        async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
            settings = many(telegram, server.make_database())
            assert server.program is not None
            async with program(worker_shell, settings) as first:
                await telegram.until(lambda: bool(telegram.polls_open), timeout=PATIENCE)
                await asyncio.to_thread(server.program.stop)
                first.process.send_signal(signal.SIGTERM)
                began = time.monotonic()
                done = await asyncio.to_thread(first.ends)
                assert time.monotonic() - began < 15
            assert done.code == 0
            assert "never retrieved" not in done.err


async def test_a_question_is_not_forgotten_when_lanes_are_divided_anew(tmp_path: Path, database: str) -> None:
    """Who was asked for a yes, or is incognito, stays with the worker that knows of it when another one comes."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram, PEOPLE)
        settings = many(telegram, database)
        await stack.enter_async_context(running(tmp_path, settings, paced=False))
        await crowd.say("hello")
        await crowd.hear("hello")
        for number, person in enumerate(crowd.people):
            asks = "/forgetme" if number % 2 else "/incognito on"
            await telegram.say(person, asks, chat=crowd.chats[person.id])
        await telegram.until(lambda: all(len(crowd.answers(person)) == 2 for person in crowd.people), timeout=PATIENCE)
        await stack.enter_async_context(running(tmp_path, settings, paced=False))
        await asyncio.sleep(2.5 * LEASE)
        for number, person in enumerate(crowd.people):
            asks = "yes" if number % 2 else "/incognito off"
            await telegram.say(person, asks, chat=crowd.chats[person.id])
        await telegram.until(lambda: all(len(crowd.answers(person)) == 3 for person in crowd.people), timeout=PATIENCE)
        for number, person in enumerate(crowd.people):
            answer = crowd.answers(person)[-1]
            assert ("erased" if number % 2 else "is off: what") in answer.lower(), answer


def free_port() -> int:
    """Give a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def balancer(backends: Sequence[str]) -> AsyncIterator[str]:
    """Hand each request to the next of several programs, as load balancers do; one that does not answer is left out."""
    turns = itertools.count()

    async def hand_on(request: web.Request) -> web.Response:
        body, first = await request.read(), next(turns)
        for number in range(len(backends)):
            backend = backends[(first + number) % len(backends)]
            with suppress(aiohttp.ClientConnectionError):
                async with client.post(f"{backend}{request.path}", data=body, headers=request.headers) as answer:
                    return web.Response(status=answer.status)
        return web.Response(status=502)

    application = web.Application()
    application.router.add_post("/{path:.*}", hand_on)
    runner = web.AppRunner(application)
    await runner.setup()
    async with aiohttp.ClientSession() as client:
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def test_a_webhook_behind_a_load_balancer_reaches_any_worker(tmp_path: Path, database: str) -> None:
    """Whichever gets an update stores it, the one that has the chat answers, in order; one can end meanwhile."""
    ports = [free_port(), free_port()]
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd = Crowd(telegram)
        url = await stack.enter_async_context(balancer([f"http://127.0.0.1:{port}" for port in ports]))
        settings = [
            many(
                telegram,
                database,
                PALAVER_TELEGRAM__MODE="webhook",
                PALAVER_TELEGRAM__WEBHOOK_URL=f"{url}/hook",
                PALAVER_TELEGRAM__WEBHOOK_LISTEN=f"127.0.0.1:{port}",
                PALAVER_TELEGRAM__WEBHOOK_SECRET="a-secret-for-tests",
            )
            for port in ports
        ]
        first = await stack.enter_async_context(running(tmp_path, settings[0], paced=False))
        async with running(tmp_path, settings[1], paced=False) as second:
            await all_share(first, second)
            for turn in range(3):
                await crowd.say(f"word {turn}")
            await crowd.hear("word 2")
        await crowd.say("word 3")
        await crowd.hear("word 3")
        crowd.check("word 0", "word 1", "word 2", "word 3")
        assert await first.sessions.verify() == []


async def test_a_button_finds_the_worker_that_asked(tmp_path: Path, database: str) -> None:
    """A question from a group that is put to somebody in private is known to the worker of the group."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        ann = telegram.person(42, "Ann")
        here = telegram.private_chat(ann)
        settings = many(telegram, database)
        bots = [await stack.enter_async_context(running(tmp_path, settings, paced=False)) for _ in range(2)]
        await all_share(*bots)
        group = group_elsewhere(telegram, ann, bots, here.id)
        await telegram.say(ann, "hello", chat=here)
        await telegram.wait_for(here, "hello", PATIENCE)
        asked = await telegram.say(ann, "/forgetme@palaver_bot", chat=group)
        await telegram.wait_for(group, "in private", PATIENCE, after=asked)
        question = telegram.messages(here)[-1]
        label = next(label for label, _ in question.buttons if label != "No")
        await telegram.press(ann, question, label)
        await telegram.wait_for(here, "erased", PATIENCE)
