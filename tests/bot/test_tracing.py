"""Spans: turns, the model and writes, within each other, and nothing about anybody in them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bot.otel_spans import OpenTelemetrySpans
from bot.spans import NOT_TRACED
from bot.watch import UNWATCHED
from bot.watched_store import WRITES
from bot.watching import watching
from config.load import load_settings
from sessions.sqlite.store import SqliteStore
from sessions.store import Store
from tests.bot.looking import looked_at
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN
from tests.bot.shell import ROOT
from tests.bot.test_canaries import LINES, NAME, USER, USERNAME, WORDS, _told
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_run import on_telegram
from tests.bot.test_telegram_visit import environ, playing
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.telegram.server import FakeTelegram

WAIT = 20.0
ATTRIBUTES = {"palaver.platform", "palaver.backend", "palaver.outcome", "palaver.operation", "error.type"}


class Traced:
    """An SDK that keeps the spans in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = OpenTelemetrySpans(self._provider.get_tracer("palaver"))

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.ended if span.name == name]

    def inside(self, outer: ReadableSpan) -> list[ReadableSpan]:
        """Give the spans that are directly within one."""
        return [span for span in self.ended if span.parent and outer.context and _within(span, outer)]


def _within(span: ReadableSpan, outer: ReadableSpan) -> bool:
    return bool(span.parent and outer.context and span.parent.span_id == outer.context.span_id)


@pytest.fixture
def traced() -> Traced:
    return Traced()


async def test_a_turn_holds_the_model_and_its_writes(tmp_path: Path, traced: Traced) -> None:
    """One trace for each turn; it says platform, backend and how the turn ended."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        looked_at(tmp_path, environ(telegram), spans=traced.spans),
    ):
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        for text in ("one", "two"):
            said = await telegram.say(ann, text, chat=chat)
            await telegram.wait_for(chat, text, WAIT, after=said)
        await telegram.until(lambda: telegram.pending == 0 and len(traced.named("palaver.turn")) == 2, timeout=WAIT)
    first, second = traced.named("palaver.turn")
    assert first.context
    assert second.context
    assert first.context.trace_id != second.context.trace_id
    for turn in (first, second):
        assert turn.parent is None
        about = {"palaver.platform": "telegram", "palaver.backend": "echo", "palaver.outcome": "completed"}
        assert dict(turn.attributes or {}) == about
        inner = traced.inside(turn)
        assert [dict(span.attributes or {}) for span in inner if span.name == "palaver.model"] == [
            {"palaver.backend": "echo"}
        ]
        writes = [dict(span.attributes or {})["palaver.operation"] for span in inner if span.name == "palaver.store"]
        assert writes.count("append") == 2
    assert {span.name for span in traced.ended} == {"palaver.turn", "palaver.model", "palaver.store"}


async def test_an_error_is_named_and_not_quoted(tmp_path: Path, traced: Traced) -> None:
    """The span of the model has failed and says by what kind of error; no event, no words."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        ModelServer.open() as server,
        looked_at(
            tmp_path,
            environ(telegram, **playing(server), PALAVER_MODEL__RETRIES="0"),
            backend="openai",
            spans=traced.spans,
        ),
    ):
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        server.answers.append(Answer(status=500, message="my secret diary"))
        await telegram.wait_for(chat, "not available", WAIT, after=await telegram.say(ann, "hi", chat=chat))
        await telegram.until(lambda: bool(traced.named("palaver.turn")), timeout=WAIT)
    (model,), (turn,) = traced.named("palaver.model"), traced.named("palaver.turn")
    assert (model.status.status_code, model.status.description) == (StatusCode.ERROR, None)
    assert dict(model.attributes or {}) == {"palaver.backend": "openai", "error.type": "ModelUnavailable"}
    assert dict(turn.attributes or {})["palaver.outcome"] == "failed"
    assert not any(span.events for span in traced.ended)
    assert "diary" not in _written(traced.ended)


async def test_a_turn_that_is_stopped_is_no_error(tmp_path: Path, traced: Traced) -> None:
    """Its person wanted it so."""
    async with (
        FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram,
        ModelServer.open() as server,
        looked_at(tmp_path, environ(telegram, **playing(server)), backend="openai", spans=traced.spans),
    ):
        ann = telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        server.answers.append(Answer(words=["slow "] * 200, word_delay=0.1))
        await telegram.say(ann, "hi", chat=chat)
        await asyncio.wait_for(server.arrived.wait(), WAIT)
        await telegram.say(ann, "/stop", chat=chat)
        await telegram.until(lambda: bool(traced.named("palaver.turn")), timeout=WAIT)
    (model,), (turn,) = traced.named("palaver.model"), traced.named("palaver.turn")
    assert dict(turn.attributes or {})["palaver.outcome"] == "stopped"
    assert model.status.status_code is StatusCode.UNSET


def _written(spans: Sequence[ReadableSpan]) -> str:
    return "\n".join(span.to_json() for span in spans)


@pytest.fixture
async def visited(tmp_path: Path, traced: Traced) -> AsyncIterator[tuple[Traced, set[str], str]]:
    """Give the spans of all that people do on two platforms, the ids of the chats, and the id of one of the people."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        here, there = telegram.person(USER, NAME, username=USERNAME), fake.person(NAME)
        chat, dm = telegram.private_chat(here), fake.dm(there)
        group = telegram.group("Marquetry", members=[here])
        settings = {**environ(telegram), **on_discord(fake), "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
        async with looked_at(tmp_path, settings, platforms=("telegram", "discord"), spans=traced.spans):
            await fake.connected(timeout=WAIT)
            for line in LINES:
                said = line.format(*WORDS)
                await telegram.say(here, said, chat=chat)
                await telegram.say(here, f"@palaver_bot {said}", chat=group)
                await fake.say(there, said, channel=dm)
            await telegram.until(lambda: telegram.pending == 0, timeout=30)
            await asyncio.sleep(1)
        yield traced, {str(chat.id), str(group.id), str(dm.id)}, str(there.id)


async def test_no_span_tells_who_or_what(visited: tuple[Traced, set[str], str]) -> None:
    """Names of spans and attributes are few and known; no word, name, id or token is in any of them."""
    traced, chats, discord_id = visited
    assert len(traced.named("palaver.turn")) > 5
    assert {name for span in traced.ended for name in span.attributes or {}} <= ATTRIBUTES
    # Span and trace ids are random digits, and times are long numbers: they are taken out before the search.
    text = "\n".join(map(_without_numbers, traced.ended))
    assert _told(text.encode(), discord_id) == set()
    assert {chat for chat in chats if chat in text} == set()
    assert _told(f"{text}{USERNAME}".encode(), discord_id) == {USERNAME}  # the search finds what there is


def _without_numbers(span: ReadableSpan) -> str:
    return json.dumps([span.name, dict(span.attributes or {}), span.status.description, len(span.events)])


# -- where nobody traces -----------------------------------------------------------------------------


def test_every_write_that_is_watched_is_one_of_the_store() -> None:
    """And where nobody looks the store is used as it is."""
    assert [name for name in WRITES if not hasattr(Store, name)] == []
    store = SqliteStore(None)
    assert UNWATCHED.over(store) is store


def test_an_api_without_an_sdk_is_not_used(tmp_path: Path) -> None:
    """The API is loaded here, and there is no SDK behind it."""
    assert "opentelemetry.trace" in sys.modules
    assert watching(load_settings(environ={"PALAVER_HOME": str(tmp_path)})).watch.spans is NOT_TRACED


def test_nobody_pays_for_what_is_not_used() -> None:
    """Starting loads neither OpenTelemetry nor Prometheus nor structlog, nor a server."""
    program = (
        "import sys, bot.run\n"
        "from bot.watching import watching\n"
        "from config.load import load_settings\n"
        "watching(load_settings(environ={'PALAVER_HOME': '/nowhere'}))\n"
        "costly = ('opentelemetry', 'prometheus_client', 'structlog', 'aiohttp')\n"
        "print([name for name in costly if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_an_sdk_that_is_set_up_before_gets_the_spans_of_the_program(tmp_path: Path) -> None:
    """As `opentelemetry-instrument palaver run` does it; nobody has to tell Palaver."""
    program = (
        "import sys\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor\n"
        "provider = TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))\n"
        "trace.set_tracer_provider(provider)\n"
        "from bot.__main__ import main\n"
        "sys.argv = ['palaver', 'run']\n"
        "sys.exit(main())\n"
    )
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home, ann = on_telegram(telegram, tmp_path), telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PALAVER_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            cwd=ROOT,
            env={**kept, "PALAVER_HOME": str(home.path), **home.environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await telegram.wait_for(chat, "hello", WAIT, after=await telegram.say(ann, "hello", chat=chat))
        finally:
            process.send_signal(signal.SIGTERM)
            out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    names = set(re.findall(r'"name": "(palaver\.[a-z]+)"', out.decode()))
    assert names == {"palaver.turn", "palaver.model", "palaver.store"}
