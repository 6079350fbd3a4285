"""What each failure of a service becomes, for both vendors, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncGenerator
from email.utils import formatdate

import pytest

from bot.models.backend import Delta, TextDelta
from bot.models.errors import (
    ContextTooLong,
    ModelBroken,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
)
from bot.models.failure import judged, retry_after
from bot.models.openai_backend import OpenAIBackend
from tests.bot.models.talk import KEY, Vendor, ask, hear
from tests.fakes.model_server import Answer

SECRETS = f"{KEY} and canary-words and the server's own story"


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (400, "invalid_request_error", ModelRefused, "model.name"),
        (401, "authentication_error", ModelRefused, "model.api_key"),
        (402, "billing_error", ModelRefused, "no credit"),
        (403, "permission_error", ModelRefused, "model.api_key"),
        (404, "not_found_error", ModelRefused, "/model"),
        (307, "moved", ModelRefused, "model.base_url"),
        (429, "insufficient_quota", ModelRefused, "no credit"),
        (413, "request_too_large", ContextTooLong, "/compact"),
        (400, "context_length_exceeded", ContextTooLong, "/compact"),
        (408, "timeout", ModelUnavailable, "/retry"),
        (500, "api_error", ModelUnavailable, "/retry"),
        (503, "nothing we know", ModelUnavailable, "/retry"),
        (529, "overloaded_error", ModelUnavailable, "/retry"),
        (429, "rate_limit_error", ModelRateLimited, "/retry"),
    ],
)
async def test_a_refused_request_says_what_to_do(
    vendor: Vendor, status: int, code: str, kind: type[ModelError], advice: str
) -> None:
    """Every status becomes the error that fits it, with advice and without the server's text."""
    vendor.server.then(Answer(status=status, error=code, message=SECRETS, headers={"Location": "/elsewhere"}))
    heard = await hear(vendor.backend(), ask("canary-words"))

    assert type(heard.error) is kind
    assert advice in heard.error.advice
    assert len(vendor.server.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "This model's maximum context length is 8192 tokens",
        "the request exceeds the available context size, try increasing it",
    ],
)
async def test_a_context_too_long_is_known_by_its_words(vendor: Vendor, message: str) -> None:
    """Servers say it with a plain 400; the words tell it from a wrong setting."""
    vendor.server.then(Answer(status=400, error="invalid_request_error", message=message))

    assert isinstance((await hear(vendor.backend(), ask("hi"))).error, ContextTooLong)


async def test_a_rate_limit_carries_the_wait(vendor: Vendor) -> None:
    """Retry-After reaches the error, and the person in words."""
    vendor.server.then(Answer(status=429, error="rate_limit_error", headers={"Retry-After": "120"}))
    error = (await hear(vendor.backend(), ask("hi"))).error

    assert isinstance(error, ModelRateLimited)
    assert error.retry_after == 120
    assert "in 2 minutes" in error.advice


async def test_a_reset_connection_keeps_what_came_before(vendor: Vendor) -> None:
    """The text before the cut is yielded, then the error."""
    vendor.server.then(Answer(words=("Half", " a"), ending="cut"))
    heard = await hear(vendor.backend(), ask("hi"))

    assert heard.text == "Half a"
    assert isinstance(heard.error, ModelBroken)
    assert heard.finished is None


async def test_a_stream_that_just_ends_is_not_taken_for_complete(vendor: Vendor) -> None:
    """A connection closed in good order, but before the end of the reply, is a broken reply."""
    vendor.server.then(Answer(words=("```python\nprint(",), ending="end"))
    heard = await hear(vendor.backend(), ask("hi"))

    assert heard.text == "```python\nprint("
    assert isinstance(heard.error, ModelBroken)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("overloaded_error", ModelUnavailable),
        ("rate_limit_error", ModelRateLimited),
        ("context_length_exceeded", ContextTooLong),
        ("503", ModelUnavailable),
        ("a name of its own", ModelBroken),
    ],
)
async def test_an_error_inside_the_stream_is_understood(vendor: Vendor, code: str, kind: type[ModelError]) -> None:
    """After a 200 the error has only a name, and text may have come before it."""
    vendor.server.then(Answer(words=("Half",), ending="error", error=code, message=SECRETS))
    heard = await hear(vendor.backend(), ask("hi"))

    assert heard.text == "Half"
    assert type(heard.error) is kind


@pytest.mark.parametrize(
    "raw",
    [b"event: message_start\ndata: \xff\xfe\n\n", b'event: message_start\ndata: {"choi\n\n'],
    ids=["utf-8", "json"],
)
async def test_a_stream_that_is_not_what_it_should_be_breaks_off(vendor: Vendor, raw: bytes) -> None:
    """Bytes that are not UTF-8 and events that are not JSON end in an error of ours."""
    vendor.server.then(Answer(raw=raw))

    assert isinstance((await hear(vendor.backend(), ask("hi"))).error, ModelBroken)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
async def test_a_page_in_place_of_a_stream_points_at_the_address(vendor: Vendor, kind: str) -> None:
    """A base_url that leads to a web page is named as the cause."""
    vendor.server.then(Answer(raw=b"{}", content_type=kind))
    error = (await hear(vendor.backend(), ask("hi"))).error

    assert isinstance(error, ModelRefused)
    assert "model.base_url" in error.advice


async def test_no_server_is_unavailable() -> None:
    """A port where nobody listens is a passing failure."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        backend = OpenAIBackend("m", base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        error = (await hear(backend, ask("hi"))).error

    assert isinstance(error, ModelUnavailable)


async def test_a_connection_that_is_never_accepted_is_given_up() -> None:
    """The time limit for connecting holds where the other side does not even answer the handshake."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        backend = OpenAIBackend("m", base_url=f"http://127.0.0.1:{full.getsockname()[1]}/v1", connect_timeout=0.2)
        async with asyncio.timeout(5):
            error = (await hear(backend, ask("hi"))).error
        for filler in fillers:
            filler.close()

    assert isinstance(error, ModelUnavailable)
    assert "Timeout" in error.detail


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=401, error="authentication_error", message=SECRETS),
        Answer(status=400, error=SECRETS, message=SECRETS),
        Answer(ending="error", error=SECRETS, message=SECRETS),
        Answer(raw=b"event: message_start\ndata: {" + SECRETS.encode() + b"\n\n"),
        Answer(status=307, headers={"Location": f"http://127.0.0.1:9/{KEY}"}),
    ],
    ids=["401", "400", "in the stream", "not JSON", "redirect"],
)
async def test_no_error_tells_a_secret(vendor: Vendor, answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither key, nor words, nor the server's text is in an error, its traceback or the debug log."""
    caplog.set_level(logging.DEBUG)
    vendor.server.then(answer)
    error = (await hear(vendor.backend(), ask("canary-words"))).error

    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None
    told = [str(error), repr(error), error.advice, error.detail, *traceback.format_exception(error), caplog.text]
    for secret in (KEY, "canary-words", "own story"):
        assert secret not in "\n".join(told)


async def test_a_redirect_is_not_followed(vendor: Vendor) -> None:
    """Key and words go where base_url says and nowhere else."""
    path = "/v1/chat/completions" if vendor.name == "openai" else "/v1/messages"
    vendor.server.then(Answer(status=307, headers={"Location": f"{vendor.server.url}{path}"}))
    await hear(vendor.backend(), ask("hi"))

    assert len(vendor.server.requests) == 1


async def test_closing_closes_what_is_below_before_it_returns() -> None:
    """Closing does not leave it to the garbage collector to close the connection some time later."""
    closed: list[bool] = []

    async def below() -> AsyncGenerator[Delta, None]:
        try:
            yield TextDelta("a")
        finally:
            closed.append(True)

    held = below()
    deltas = judged(held, backend="test")
    await anext(deltas)
    await deltas.aclose()

    assert closed


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": formatdate(1_000_060, usegmt=True), "date": formatdate(1_000_000, usegmt=True)}, 60.0),
        ({"retry-after": formatdate(1_000_000, usegmt=True), "date": formatdate(1_000_060, usegmt=True)}, 0.0),
        ({"retry-after": formatdate(1_000_060, usegmt=True)}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are understood, nonsense counts as not said."""
    assert retry_after(headers) == seconds
