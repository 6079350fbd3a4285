"""Echo: the backend that needs no key and no network, and shows what a model would be sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from bot.models.backend import Delta, Finished, Prompt, TextDelta
from bot.models.conversation import is_sendable
from sessions.message import Message, Usage

_WORDS = re.compile(r"\s*\S+")
_BYTES_PER_TOKEN = 4  # near enough for English; nothing is billed by it


class EchoBackend:
    """Repeat what was said and tell how much context came with it, word by word."""

    name = "echo"

    def __init__(self, *, word_delay: float = 0.0) -> None:
        self._word_delay = word_delay

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Answer in two lines: the echo, then the context."""
        tokens = _input_tokens(prompt)
        answer = _answer(prompt, tokens)
        for word in _WORDS.findall(answer):
            if self._word_delay:
                await asyncio.sleep(self._word_delay)
            yield TextDelta(word)
        yield Finished(Usage(tokens, _tokens(answer)))

    async def close(self) -> None:
        """Do nothing: there is nothing open."""


def _answer(prompt: Prompt, tokens: int) -> str:
    seen = [message for message in prompt.messages if is_sendable(message)]
    said = [message for message in seen if message.role == "user"]
    if not said:
        return "You have not said anything yet."
    return f"You said: “{_shortened(said[-1].content, 400)}”\n{_context(seen, said[-1].seq, tokens)}"


def _context(seen: Sequence[Message], seq: int, tokens: int) -> str:
    summary = ", one of them a summary," if any(message.kind == "summary" for message in seen) else ""
    messages = "1 message" if len(seen) == 1 else f"{len(seen)} messages"
    size = "1 token" if tokens == 1 else f"{tokens} tokens"
    return (
        f"(Message {seq} of this conversation. I was sent {messages}{summary} of about {size}; "
        f"the oldest is “{_shortened(seen[0].content, 60)}”)"
    )


def _shortened(text: str, length: int) -> str:
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length and len(text) <= 4 * length else f"{line[:length].rstrip()}…"


def _input_tokens(prompt: Prompt) -> int:
    sent = sum(_tokens(message.content) for message in prompt.messages if is_sendable(message))
    return sent + _tokens(prompt.system or "")


def _tokens(text: str) -> int:
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)
