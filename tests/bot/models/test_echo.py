"""The backend without a model."""

from __future__ import annotations

import asyncio

from bot.models.backend import Prompt
from bot.models.echo import EchoBackend
from sessions.message import Usage
from tests.bot.models.talk import ask, hear, says


async def test_echo_repeats_and_tells_its_context() -> None:
    """The first line is the echo, the second says what came along."""
    heard = await hear(EchoBackend(), ask("the word is teal", "Noted.", "which word?"))

    assert heard.text == (
        "You said: “which word?”\n"
        "(Message 3 of this conversation. I was sent 3 messages of about 9 tokens; the oldest is “the word is teal”)"
    )


async def test_echo_counts_one_token_as_one() -> None:
    """A single token is no plural."""
    assert "of about 1 token;" in (await hear(EchoBackend(), ask("hi"))).text


async def test_echo_is_deterministic() -> None:
    """The same prompt gives the same reply and the same usage."""
    first, second = [await hear(EchoBackend(), ask("one")) for _ in range(2)]

    assert first == second
    assert "I was sent 1 message of" in first.text


async def test_echo_streams_word_by_word() -> None:
    """Every delta is one word with the space before it."""
    heard = await hear(EchoBackend(), ask("one two"))

    assert heard.pieces[:4] == ["You", " said:", " “one", " two”"]


async def test_echo_counts_about_four_bytes_a_token() -> None:
    """Usage covers the instructions, every message and the reply."""
    heard = await hear(EchoBackend(), Prompt(system="12345678", messages=[says("1234")]))

    assert heard.finished is not None
    assert heard.finished.usage == Usage(3, -(-len(heard.text.encode()) // 4))


async def test_echo_mentions_a_summary_and_leaves_out_the_unreadable() -> None:
    """It counts what a model would be sent, and nothing else."""
    messages = [
        says("They like teal.", role="system", kind="summary"),
        says("(not readable)", kind="unreadable", seq=2),
        says("hello", seq=3),
    ]
    heard = await hear(EchoBackend(), Prompt(messages=messages))

    assert "I was sent 2 messages, one of them a summary, of about" in heard.text
    assert "not readable" not in heard.text


async def test_echo_shortens_what_is_long() -> None:
    """A message of a megabyte is not thrown back whole, and one of many lines takes one."""
    heard = await hear(EchoBackend(), ask("a\nb " * 250_000))

    assert len(heard.text) < 700
    assert heard.text.startswith("You said: “a b a b")
    assert heard.text.count("\n") == 1


async def test_echo_answers_silence() -> None:
    """A prompt in which nobody spoke gets a reply too."""
    heard = await hear(EchoBackend(), Prompt(messages=[]))

    assert heard.text == "You have not said anything yet."
    assert heard.finished is not None


async def test_echo_can_be_slowed_down_and_cancelled() -> None:
    """With a delay between words a reply can be stopped in its middle."""
    task = asyncio.create_task(hear(EchoBackend(word_delay=30), ask("hello")))
    await asyncio.sleep(0.01)
    task.cancel()

    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
