"""OpenAI: replies from OpenAI, or from any server that speaks its chat completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from bot.models.backend import Delta, Finished, Prompt, StopReason, TextDelta
from bot.models.conversation import as_conversation
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
    from openai import AsyncStream, Omit
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

_ADDRESS = "https://api.openai.com/v1"
_STOP_REASONS: dict[str, StopReason] = {"stop": "end", "length": "length", "content_filter": "refused"}


class OpenAIBackend:
    """Stream chat completions through the official SDK."""

    name = "openai"

    def __init__(
        self, model: str, *, api_key: str | None = None, base_url: str | None = None, connect_timeout: float = 10.0
    ) -> None:
        key, address = checked_key(api_key, base_url=base_url), checked_address(base_url, default=_ADDRESS)
        try:
            import openai
        except ImportError:
            raise missing_sdk("openai") from None
        keep_words_out_of_logs()
        self._sdk, self._model, self._is_openai = openai, model, "//api.openai.com/" in address
        timeout = openai.Timeout(LONGEST_REQUEST, connect=connect_timeout)
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=address,
            timeout=timeout,
            max_retries=0,  # patience.py decides, and knows whether a word was shown
            http_client=openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False),
        )

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream one completion."""
        return judged(self._deltas(prompt), backend=self.name)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _deltas(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        async with await self._request(prompt) as chunks:
            check_is_stream(chunks.response.headers, backend=self.name)
            yield TextDelta("")  # from here on a failure is a reply that broke off
            reply = _Reply()
            while not reply.stop_reason and (chunk := await anext(chunks, None)):
                yield TextDelta(reply.note(chunk))
            if not reply.stop_reason:
                raise ModelBroken(detail=f"{self.name}: the stream ended without a finish reason")
            await read_rest(chunks.__aiter__(), reply.note)
        yield Finished(reply.usage, reply.stop_reason)

    async def _request(self, prompt: Prompt) -> AsyncStream[ChatCompletionChunk]:
        limit: int | Omit = prompt.max_output_tokens or self._sdk.omit
        return await self._client.chat.completions.create(
            model=prompt.model or self._model,
            messages=_messages(prompt),
            stream=True,
            stream_options={"include_usage": True},
            # OpenAI has given up the older name, other servers know no other
            max_completion_tokens=limit if self._is_openai else self._sdk.omit,
            max_tokens=self._sdk.omit if self._is_openai else limit,
        )


class _Reply:
    """What is known of a reply besides its text."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.stop_reason: StopReason | None = None

    def note(self, chunk: ChatCompletionChunk) -> str:
        """Take in one chunk and give its text, which may be none."""
        if chunk.usage:
            self.usage = _usage(chunk.usage)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        if choice.finish_reason:
            self.stop_reason = _STOP_REASONS.get(choice.finish_reason, "other")
        text = choice.delta.content or choice.delta.refusal
        return text if isinstance(text, str) else ""


def _messages(prompt: Prompt) -> list[ChatCompletionMessageParam]:
    conversation = as_conversation(prompt)
    messages: list[ChatCompletionMessageParam] = []
    if conversation.system:
        messages.append({"role": "system", "content": conversation.system})
    for said in conversation.turns:
        if said.role == "user":
            messages.append({"role": "user", "content": said.text})
        else:
            messages.append({"role": "assistant", "content": said.text})
    return messages


def _usage(counted: CompletionUsage) -> Usage:
    details = counted.prompt_tokens_details
    return Usage(
        input_tokens=whole_number(counted.prompt_tokens),
        output_tokens=whole_number(counted.completion_tokens),
        cached_tokens=whole_number(details.cached_tokens) if details else 0,
    )
