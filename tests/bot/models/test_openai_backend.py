"""OpenAI and the servers that speak like it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from bot.models.backend import Finished, ModelBackend, Prompt
from sessions.message import Usage
from tests.bot.models.talk import KEY, Vendor, ask, hear, says
from tests.fakes.model_server import Answer, ModelServer


@pytest.fixture
async def backend(server: ModelServer) -> AsyncIterator[ModelBackend]:
    vendor = Vendor("openai", server)
    yield vendor.backend()
    await vendor.close()


async def test_a_reply_streams_and_ends_with_usage(backend: ModelBackend) -> None:
    """Every word is a delta of its own, then come the provider's numbers."""
    heard = await hear(backend, ask("hi"))

    assert [piece for piece in heard.pieces if piece] == ["Hello", " there", "."]
    assert heard.finished == Finished(Usage(11, 3, 2), "end")


async def test_the_request_carries_key_model_and_conversation(server: ModelServer, backend: ModelBackend) -> None:
    """Instructions go first, the turns follow, and usage is asked for."""
    await hear(backend, Prompt(system="Be kind.", messages=ask("a", "b", "c").messages))
    request = server.requests[0]

    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (request.system, request.turns) == ("Be kind.", [("user", "a"), ("assistant", "b"), ("user", "c")])
    assert request.body["model"] == "fake-model"
    assert request.body["stream_options"] == {"include_usage": True}
    assert "max_tokens" not in request.body


async def test_a_prompt_may_name_its_model_and_limit(server: ModelServer, backend: ModelBackend) -> None:
    """What the prompt says wins, in the words that servers other than OpenAI know."""
    await hear(backend, Prompt(messages=[says("hi")], model="other", max_output_tokens=5))

    assert (server.requests[0].body["model"], server.requests[0].body["max_tokens"]) == ("other", 5)


@pytest.mark.parametrize(
    ("stop", "reason"), [("stop", "end"), ("length", "length"), ("content_filter", "refused"), ("tool_calls", "other")]
)
async def test_stop_reasons_are_translated(server: ModelServer, backend: ModelBackend, stop: str, reason: str) -> None:
    """The vendor's word for why the reply ended becomes ours."""
    server.then(Answer(stop=stop))
    finished = (await hear(backend, ask("hi"))).finished

    assert finished is not None
    assert finished.stop_reason == reason


async def test_a_server_that_counts_nothing_still_finishes(server: ModelServer, backend: ModelBackend) -> None:
    """Usage is None where the provider sends none."""
    server.then(Answer(usage=None))

    assert (await hear(backend, ask("hi"))).finished == Finished(None, "end")


async def test_a_complete_reply_does_not_wait_for_the_connection(server: ModelServer, backend: ModelBackend) -> None:
    """A server that keeps the connection open after the last word does not make the reply fail."""
    server.then(Answer(ending="linger"))

    assert (await hear(backend, ask("hi"))).finished == Finished(Usage(11, 3, 2), "end")


async def test_odd_chunks_are_survived(server: ModelServer, backend: ModelBackend) -> None:
    """Thinking, lists in place of text and numbers that are none are passed over."""
    chunks: list[dict[str, object]] = [
        {"choices": [{"delta": {"reasoning_content": "hmm"}}]},
        {"choices": [{"delta": {"content": ["no", "text"]}}]},
        {"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": "many"}},
    ]
    server.then(Answer(raw=b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)))
    heard = await hear(backend, ask("hi"))

    assert (heard.text, heard.finished) == ("Yes.", Finished(Usage(0, 0, 0), "end"))


async def test_a_key_of_the_environment_is_never_sent(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that lies around for OpenAI does not go to another server."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-environment")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-canary-admin")
    vendor = Vendor("openai", server)
    await hear(vendor.backend(api_key=None), ask("hi"))
    await vendor.close()

    assert server.requests[0].headers["Authorization"] == "Bearer no-key"
    assert "canary" not in str(server.requests[0].headers)


async def test_closing_twice_is_safe(backend: ModelBackend) -> None:
    """A backend that was used can be closed, and closed again."""
    await hear(backend, ask("hi"))
    await backend.close()
    await backend.close()
