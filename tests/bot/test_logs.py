"""What is logged: lines of text or JSON, those of a turn held together, and nothing about anybody in either form."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.logs import log_to_standard_error, make_handler
from bot.redaction import HIDDEN
from bot.turn_facts import facts, within_turn
from config.settings import LogSettings
from tests.bot import where
from tests.bot.log_state import log_state_kept
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, running
from tests.bot.test_canaries import LINES, NAME, USER, USERNAME, WORDS, _told
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_run import on_telegram
from tests.bot.test_telegram_visit import environ, playing
from tests.bot.visit import offered
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram

WAIT = 20.0
FORMS = ("text", "json")
PLAIN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING telegram.ext: words\n")


@contextmanager
def logging_as(form: str, level: str = "info") -> Iterator[io.StringIO]:
    """Log as the program does, into what is given; afterwards as before."""
    written = io.StringIO()
    with log_state_kept():
        log_to_standard_error(LogSettings.model_validate({"format": form, "level": level}))
        logging.getLogger().handlers[:] = [make_handler(form, written)]
        yield written


def objects(text: str) -> list[dict[str, str]]:
    """Read one JSON object a line, all of it."""
    return [json.loads(line) for line in text.splitlines()]


# -- forms -------------------------------------------------------------------------------------------


def test_text_is_a_line_as_it_always_was() -> None:
    """Outside of a turn nothing is added."""
    with logging_as("text") as written:
        logging.getLogger("telegram.ext").warning("words")
    assert PLAIN.fullmatch(written.getvalue())


@pytest.mark.parametrize("name", ["bot.run", "telegram.ext.Application", "discord.client", "aiohttp.server", "asyncio"])
def test_json_is_one_object_a_line_whoever_writes(name: str) -> None:
    """Libraries too: when, how grave, by whom, and what, with its line feeds inside."""
    with logging_as("json") as written:
        logging.getLogger(name).warning("first %s", "word")
    (line,) = objects(written.getvalue())
    assert (line["level"], line["logger"], line["event"]) == ("warning", name, "first word")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert set(line) == {"time", "level", "logger", "event"}


@pytest.mark.parametrize("form", FORMS)
def test_a_line_of_a_turn_says_which_turn(form: str) -> None:
    """A random id, the platform and the backend; two turns side by side are told apart, and after them is nothing."""

    async def turn(backend: str) -> None:
        with within_turn("telegram", backend):
            await asyncio.sleep(0)
            await asyncio.ensure_future(_speak())  # what a turn starts belongs to it

    async def both() -> None:
        await asyncio.gather(turn("one"), turn("two"))
        await _speak()

    with logging_as(form) as written:
        asyncio.run(both())
    assert facts() == {}
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    ids = re.findall(r"turn[=\": ]+([0-9a-f]{8})\b", written.getvalue())
    assert len(set(ids)) == 2
    assert "backend" not in lines[2]
    if form == "json":
        assert [line.get("backend") for line in objects(written.getvalue())] == ["one", "two", None]
    else:
        assert lines[0].endswith(f"bot.test: words [turn={ids[0]} platform=telegram backend=one]")


async def _speak() -> None:
    logging.getLogger("bot.test").warning("words")


@pytest.mark.parametrize("form", FORMS)
def test_no_token_and_no_text_of_an_error_in_either_form(form: str) -> None:
    """Redaction holds whatever the form, also for arguments and for tracebacks."""
    with logging_as(form) as written, within_turn("telegram", "echo"):
        logging.getLogger("httpx").warning("POST https://api.telegram.org/bot%s/getMe", TELEGRAM_TOKEN)
        try:
            raise ValueError(f"my secret diary {TELEGRAM_TOKEN}")  # noqa: TRY301
        except ValueError:
            logging.getLogger("bot.run").exception("it failed", extra={"said": "my secret diary"})
    assert HIDDEN in written.getvalue()
    assert "it failed (ValueError)" in written.getvalue()
    assert TELEGRAM_TOKEN not in written.getvalue()
    assert "diary" not in written.getvalue()
    assert "Traceback" not in written.getvalue()


@pytest.mark.parametrize("form", FORMS)
async def test_a_task_that_nobody_waits_for_tells_no_text_of_its_error(form: str) -> None:
    """The event loop would show the task with its error, text and all."""

    async def fail() -> None:
        raise ValueError("my secret diary")

    with logging_as(form) as written:
        task = asyncio.ensure_future(fail())
        await asyncio.wait({task})
        error = task.exception()
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": error, "future": task}
        )
    assert "Task exception was never retrieved (ValueError)" in written.getvalue()
    assert "diary" not in written.getvalue()


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", {"bot.x DEBUG", "bot.x INFO", "other INFO", "bot.x WARNING", "other WARNING", "telegram WARNING"}),
        ("info", {"bot.x INFO", "other INFO", "bot.x WARNING", "other WARNING", "telegram WARNING"}),
        ("warning", {"bot.x WARNING", "other WARNING", "telegram WARNING"}),
        ("error", set()),
    ],
)
def test_the_level_holds_for_this_program_and_never_lets_libraries_chatter(level: str, heard: set[str]) -> None:
    """At `debug` libraries would log whole updates and requests."""
    with logging_as("json", level) as written:
        for name in ("bot.x", "other", "telegram"):
            for grade in (logging.DEBUG, logging.INFO, logging.WARNING):
                logging.getLogger(name).log(grade, "words")
    assert {f"{line['logger']} {line['level'].upper()}" for line in objects(written.getvalue())} == heard


# -- the program -------------------------------------------------------------------------------------


async def test_the_program_writes_json_and_nothing_else(tmp_path: Path) -> None:
    """From its first line on, the notice of a new key as well; lines of a turn that failed belong together."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, ModelServer.open() as server:
        ann = telegram.person(USER, NAME, username=USERNAME)
        chat = telegram.private_chat(ann)
        server.default = Answer(status=500)
        more = {**playing(server), "PALAVER_MODEL__RETRIES": "0", "PALAVER_LOGS__FORMAT": "json"}
        home = on_telegram(telegram, tmp_path, **more, PALAVER_LOGS__LEVEL="debug")
        async with home.program() as program:
            for word in WORDS[:2]:
                said = await telegram.say(ann, word, chat=chat)
                await telegram.wait_for(chat, "not available", WAIT, after=said)
            code, errors = await program.end()
    assert code == 0
    lines = objects(errors)
    assert where.SHARED or "A new key was made" in lines[0]["event"]  # of several workers none makes one
    turns = [line for line in lines if "did not answer" in line["event"]]
    assert [(line["platform"], line["backend"]) for line in turns] == [("telegram", "openai")] * 2
    assert len({line["turn"] for line in turns}) == 2
    assert all("turn" not in line for line in lines if line["event"].startswith("starting"))
    assert _told(errors.encode(), str(USER)) == set()


@pytest.fixture
async def chatter(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, str]]:
    """Give all that is logged at `debug` while people do everything on two platforms, and an id of one of them."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        FakeDiscord.running(token=DISCORD_TOKEN) as fake,
        ModelServer.open() as server,
    ):
        here, there = telegram.person(USER, NAME, username=USERNAME), fake.person(NAME)
        chat, dm = telegram.private_chat(here), fake.dm(there)
        settings = {**environ(telegram, **playing(server)), **on_discord(fake), "PALAVER_ACCESS__OPERATORS": ""}
        settings |= {"PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0", "PALAVER_MODEL__RETRIES": "0"}
        server.default = Answer(status=500, message=WORDS[0])
        telegram.faults.fail("sendMessage", 502, times=2, description=WORDS[1])
        telegram.faults.fail("getUpdates", 502, times=1, description=WORDS[1])
        with logging_as(str(request.param), "debug") as written:
            async with running(tmp_path, settings, paced=False):
                await fake.connected(timeout=WAIT)
                for line in LINES:
                    await telegram.say(here, line.format(*WORDS), chat=chat)
                    await fake.say(there, line.format(*WORDS), channel=dm)
                await offered(fake)
                await telegram.until(lambda: telegram.pending == 0, timeout=30)
                # The replies of before may belong to conversations that were left meanwhile: those are told nothing.
                said = await telegram.say(here, f"say {WORDS[0]}", chat=chat)
                await telegram.wait_for(chat, "not available", 30, after=said)
                await asyncio.sleep(1)
        yield written.getvalue(), str(there.id)


@pytest.mark.parametrize("chatter", FORMS, indirect=True)
async def test_a_whole_visit_leaves_nothing_of_anybody_in_the_log(chatter: tuple[str, str]) -> None:
    """Also where the model and the platform fail, and at the lowest level."""
    text, discord_id = chatter
    assert "did not answer" in text
    assert "no updates from Telegram" in text
    assert _told(text.encode(), discord_id) == set()
    assert _told(f"{text}{USERNAME}".encode(), discord_id) == {USERNAME}  # the search finds what there is
