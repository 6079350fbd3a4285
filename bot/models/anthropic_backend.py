"""Anthropic: replies from Claude through the Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from bot.models.backend import Delta, Finished, Prompt, StopReason, TextDelta
from bot.models.conversation import Said, as_conversation
from bot.models.errors import ModelBroken
from bot.models.failure import judged
from bot.models.vendor import (
    LONGEST_REQUEST,
    check_is_stream,
    checked_address,
    checked_key,
    keep_words_out_of_logs,
    missing_sdk,
    read_rest,
    whole_number,
)
from sessions.message import Usage

if TYPE_CHECKING:
    from anthropic import AsyncStream
    from anthropic.types import MessageDeltaUsage, MessageParam, RawMessageStreamEvent
    from anthropic.types import Usage as StartUsage

_ADDRESS = "https://api.anthropic.com"
_MAX_OUTPUT_TOKENS = 8192  # the API wants a number, and every current model can write as much
_STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}


class AnthropicBackend:
    """Stream messages through the official SDK."""

    name = "anthropic"

    def __init__(
        self, model: str, *, api_key: str | None = None, base_url: str | None = None, connect_timeout: float = 10.0
    ) -> None:
        key, address = checked_key(api_key, base_url=base_url), checked_address(base_url, default=_ADDRESS)
        try:
            import anthropic
        except ImportError:
            raise missing_sdk("anthropic") from None
        keep_words_out_of_logs()
        self._sdk, self._model = anthropic, model
        timeout = anthropic.Timeout(LONGEST_REQUEST, connect=connect_timeout)
        self._client = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=address,
            timeout=timeout,
            max_retries=0,  # patience.py decides, and knows whether a word was shown
            open_telemetry=False,  # the environment could make it record what people write
            http_client=anthropic.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False),
        )

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream one message."""
        return judged(self._deltas(prompt), backend=self.name)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _deltas(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        async with await self._request(prompt) as events:
            check_is_stream(events.response.headers, backend=self.name)
            yield TextDelta("")  # from here on a failure is a reply that broke off
            reply = _Reply()
            while not reply.stop_reason and (event := await anext(events, None)):
                yield TextDelta(reply.note(event))
            if not reply.stop_reason:
                raise ModelBroken(detail=f"{self.name}: the stream ended without a stop reason")
            await read_rest(events.__aiter__(), reply.note)
        yield Finished(reply.usage, reply.stop_reason)

    async def _request(self, prompt: Prompt) -> AsyncStream[RawMessageStreamEvent]:
        conversation = as_conversation(prompt)
        return await self._client.messages.create(
            model=prompt.model or self._model,
            max_tokens=prompt.max_output_tokens or _MAX_OUTPUT_TOKENS,
            system=conversation.system or self._sdk.omit,
            messages=[_message(said) for said in conversation.turns],
            stream=True,
        )


def _message(said: Said) -> MessageParam:
    if said.role == "user":
        return {"role": "user", "content": said.text}
    return {"role": "assistant", "content": said.text}


class _Reply:
    """What is known of a reply besides its text."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.stop_reason: StopReason | None = None

    def note(self, event: RawMessageStreamEvent) -> str:
        """Take in one event and give its text, which may be none."""
        if event.type == "message_start":
            self.usage = _at_start(event.message.usage)
        elif event.type == "message_delta":
            self.usage = _at_end(self.usage or Usage(), event.usage)
            if event.delta.stop_reason:
                self.stop_reason = _STOP_REASONS.get(event.delta.stop_reason, "other")
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            return event.delta.text
        return ""


def _at_start(counted: StartUsage) -> Usage:
    read = whole_number(counted.cache_read_input_tokens)
    written = whole_number(counted.cache_creation_input_tokens)
    return Usage(whole_number(counted.input_tokens) + read + written, whole_number(counted.output_tokens), read)


def _at_end(so_far: Usage, counted: MessageDeltaUsage) -> Usage:
    return so_far._replace(output_tokens=whole_number(counted.output_tokens))
