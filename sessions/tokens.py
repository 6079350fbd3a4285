"""TokenCounter: how many tokens a text will cost, before a provider has counted it."""

from __future__ import annotations

from typing import Protocol

from sessions.message import Message

OVERHEAD = 4  # tokens around each message: role and separators (OpenAI's cookbook counts 3 to 4)


class TokenCounter(Protocol):
    """Estimates the tokens of a text."""

    def count(self, text: str) -> int:
        """Give the tokens of `text`; never less than 0."""


class ByteEstimate:
    """Four bytes of UTF-8 a token: what English averages, and on the safe side for most other scripts."""

    def count(self, text: str) -> int:
        """Give a quarter of the bytes, rounded up."""
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        return (size + 3) // 4


def cost(message: Message, counter: TokenCounter) -> int:
    """Give the tokens of a message: what the provider counted for a reply, else the estimate."""
    if message.role == "assistant" and message.usage is not None and message.usage.output_tokens:
        return message.usage.output_tokens + OVERHEAD
    return counter.count(message.content) + OVERHEAD
