"""Anthropic's Messages API."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.models.backend import Finished, ModelBackend, Prompt
from sessions.message import Usage
from tests.bot.models.talk import KEY, Vendor, ask, hear, says
from tests.fakes.model_server import Answer, ModelServer

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def backend(server: ModelServer) -> AsyncIterator[ModelBackend]:
    vendor = Vendor("anthropic", server)
    yield vendor.backend()
    await vendor.close()


async def test_a_reply_streams_and_ends_with_usage(backend: ModelBackend) -> None:
    """Input counts what was read from the cache as well, so both vendors mean the same by it."""
    heard = await hear(backend, ask("hi"))

    assert [piece for piece in heard.pieces if piece] == ["Hello", " there", "."]
    assert heard.finished == Finished(Usage(11, 3, 2), "end")


async def test_the_request_carries_key_model_and_conversation(server: ModelServer, backend: ModelBackend) -> None:
    """Instructions travel apart from the turns."""
    await hear(backend, Prompt(system="Be kind.", messages=ask("a", "b", "c").messages))
    request = server.requests[0]

    assert KEY in str(request.headers)
    assert request.body["system"] == "Be kind."
    assert request.body["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert (request.body["model"], request.body["max_tokens"]) == ("fake-model", 8192)


async def test_without_instructions_none_are_sent(server: ModelServer, backend: ModelBackend) -> None:
    """An empty system text would be refused, so it is left out."""
    await hear(backend, ask("hi"))

    assert "system" not in server.requests[0].body


async def test_a_prompt_may_name_its_model_and_limit(server: ModelServer, backend: ModelBackend) -> None:
    """What the prompt says wins."""
    await hear(backend, Prompt(messages=[says("hi")], model="other", max_output_tokens=5))

    assert (server.requests[0].body["model"], server.requests[0].body["max_tokens"]) == ("other", 5)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("pause_turn", "other"),
    ],
)
async def test_stop_reasons_are_translated(server: ModelServer, backend: ModelBackend, stop: str, reason: str) -> None:
    """The vendor's word for why the reply ended becomes ours."""
    server.then(Answer(stop=stop))
    finished = (await hear(backend, ask("hi"))).finished

    assert finished is not None
    assert finished.stop_reason == reason


async def test_a_complete_reply_does_not_wait_for_the_connection(server: ModelServer, backend: ModelBackend) -> None:
    """A server that keeps the connection open after the last word does not make the reply fail."""
    server.then(Answer(ending="linger"))

    assert (await hear(backend, ask("hi"))).finished == Finished(Usage(11, 3, 2), "end")


async def test_a_key_of_the_environment_is_never_sent(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key or token that lies around for Anthropic does not go to another server."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary-environment")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "canary-token")
    vendor = Vendor("anthropic", server)
    await hear(vendor.backend(api_key=None), ask("hi"))
    await vendor.close()

    assert "canary" not in str(server.requests[0].headers)


def test_nothing_is_traced() -> None:
    """The SDK can hand whole conversations to OpenTelemetry; here it does not even ask for a tracer."""
    code = (
        "import asyncio\n"
        "from opentelemetry import trace\n"
        "from tests.bot.models.talk import ask, hear\n"
        "from bot.models.anthropic_backend import AnthropicBackend\n"
        "class Provider(trace.TracerProvider):\n"
        "    def get_tracer(self, *args, **kwargs): print('traced'); return trace.NoOpTracer()\n"
        "trace.set_tracer_provider(Provider())\n"
        "backend = AnthropicBackend('m', base_url='http://127.0.0.1:1')\n"
        "print(type(asyncio.run(hear(backend, ask('hi'))).error).__name__)"
    )
    environment = {**os.environ, "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "ModelUnavailable\n"


async def test_closing_twice_is_safe(backend: ModelBackend) -> None:
    """A backend that was used can be closed, and closed again."""
    await hear(backend, ask("hi"))
    await backend.close()
    await backend.close()
