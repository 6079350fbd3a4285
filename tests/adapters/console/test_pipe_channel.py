"""A conversation through pipes, with a handler that stands in for the bot."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.channel import Handler, Outlet
from adapters.console.pipe_channel import PipeChannel
from adapters.inbound import Inbound
from adapters.reply import Document, Reply
from sessions import Address
from sessions.message import MAX_CONTENT

ME = Address(platform="console", account="local", chat_id="console", user_id="me")


class Pipes:
    """Three pipes: what is typed, what is answered, what is noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source, self.typed = os.pipe()
        self.answered, self.output = os.pipe()
        self.noted, self.errors = os.pipe()
        self._open = {self.source, self.typed, self.answered, self.output, self.noted, self.errors}

    def channel(self, *, opening: str | None = None, neutral: bool = False) -> PipeChannel:
        return PipeChannel(
            ME,
            exports=self.folder,
            opening=opening,
            source=self.source,
            output=self.output,
            errors=self.errors,
            neutral=neutral,
        )

    def close(self, *ends: int) -> None:
        for end in set(ends or self._open) & self._open:
            os.close(end)
            self._open.discard(end)

    async def run(self, handler: Handler, typed: bytes, *, opening: str | None = None, neutral: bool = False) -> str:
        """Type all of it, end the input, and give what was answered."""
        os.write(self.typed, typed)
        self.close(self.typed)
        await self.channel(opening=opening, neutral=neutral).run(handler)
        self.close(self.output)
        return self._all(self.answered)

    def notes(self) -> str:
        self.close(self.errors)
        return self._all(self.noted)

    def _all(self, end: int) -> str:
        return b"".join(iter(lambda: os.read(end, 65536), b"")).decode()


@pytest.fixture
async def pipes(tmp_path: Path) -> AsyncIterator[Pipes]:
    made = Pipes(tmp_path / "exports")
    yield made
    made.close()


async def repeat(inbound: Inbound, outlet: Outlet) -> None:
    """Say everything again, word by word, as a model would."""
    assert inbound.address == ME
    for word in inbound.text.split():
        await outlet.feed(f"{word} ")
    await outlet.finish(Reply(text="".join(f"{word} " for word in inbound.text.split())))


async def answer(inbound: Inbound, outlet: Outlet) -> None:
    await outlet.send(Reply(text=f"**{inbound.text}**\n"))


async def test_every_line_is_a_message_and_every_reply_ends_a_line(pipes: Pipes) -> None:
    """Blank lines are no messages; a line without an end is one; replies are plain text."""
    assert await pipes.run(repeat, b"one two\n\n   \nthree") == "one two \nthree \n"


async def test_a_complete_reply_is_written_as_it_is(pipes: Pipes) -> None:
    """Neither colours nor prompts: what a script gets is the text."""
    assert await pipes.run(answer, b"hi\n") == "**hi**\n"
    assert pipes.notes() == ""


async def test_the_opening_is_said_before_the_lines(pipes: Pipes) -> None:
    """Words on the command line come first, the input follows."""
    assert await pipes.run(answer, b"second\n", opening="first") == "**first**\n**second**\n"


async def test_nothing_in_gives_nothing_out(pipes: Pipes) -> None:
    """An empty input is a conversation without words."""
    assert await pipes.run(answer, b"") == ""


async def test_a_line_is_answered_before_the_next_is_read(pipes: Pipes) -> None:
    """A script may rely on the order; nothing runs side by side."""
    running = 0

    async def slow(inbound: Inbound, outlet: Outlet) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.01)
        running -= 1
        await outlet.send(Reply(text=inbound.text))

    assert await pipes.run(slow, b"1\n2\n3\n") == "1\n2\n3\n"


async def test_a_reply_that_is_dropped_only_ends_its_line(pipes: Pipes) -> None:
    """What was written can not be taken back, but nothing is added to it."""

    async def late(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("half")
        await outlet.finish(Reply(text=""))

    assert await pipes.run(late, b"x\n") == "half\n"


async def test_a_reply_that_was_only_fed_in_part_is_completed(pipes: Pipes) -> None:
    """`finish` carries the whole text; what was not fed yet is written then."""

    async def hasty(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("one ")
        await outlet.finish(Reply(text="one two"))
        await outlet.finish(Reply(text="never fed"))

    assert await pipes.run(hasty, b"x\n") == "one two\nnever fed\n"


async def test_notices_do_not_mix_with_replies(pipes: Pipes) -> None:
    """What answers no message goes to the errors, without control characters."""
    await pipes.channel().notify(ME, Reply(text="a new day\x1b[2J"))

    assert pipes.notes() == "a new day[2J\n"
    assert await pipes.run(answer, b"") == ""


async def test_a_document_becomes_a_file_whose_path_is_told(pipes: Pipes) -> None:
    """The path stands on a line of its own, so that a script can take it."""

    async def give(inbound: Inbound, outlet: Outlet) -> None:
        document = Document(name="session.md", content=b"words", media_type="text/markdown")
        await outlet.send(Reply(text="Here.", document=document))

    path = pipes.folder / "session.md"
    assert await pipes.run(give, b"x\n") == f"Here.\n{path}\n"
    assert path.read_bytes() == b"words"


async def test_a_document_that_can_not_be_written_is_told(pipes: Pipes) -> None:
    """A folder that is a file is said in words, and the conversation goes on."""
    pipes.folder.write_text("in the way")

    async def give(inbound: Inbound, outlet: Outlet) -> None:
        document = Document(name="session.md", content=b"words", media_type="text/markdown")
        await outlet.send(Reply(text="Here.", document=document))

    said = await pipes.run(give, b"x\nx\n")
    assert said.count("The file could not be written") == 2


async def test_a_line_longer_than_a_message_is_refused(pipes: Pipes) -> None:
    """It is counted, answered with what is allowed, and the next line is heard."""
    reading = asyncio.ensure_future(pipes.channel().run(answer))
    from adapters.console.descriptors import Writer

    await Writer(pipes.typed).write("x" * (MAX_CONTENT + 10) + "\nshort\n")
    pipes.close(pipes.typed)
    await reading
    pipes.close(pipes.output)

    refusal, reply, _ = os.read(pipes.answered, 65536).decode().split("\n")
    assert "4,194,314 bytes" in refusal
    assert "4,194,304" in refusal
    assert reply == "**short**"


async def test_on_a_terminal_escape_sequences_are_neutralised(pipes: Pipes) -> None:
    """What a model says can not move the cursor of whoever looks at it."""

    async def evil(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("\x1b")
        await outlet.feed("[2Jwiped")
        await outlet.finish(Reply(text="\x1b[2Jwiped"))

    assert await pipes.run(evil, b"x\n", neutral=True) == "[2Jwiped\n"


async def test_into_a_pipe_the_words_are_written_as_they_are(pipes: Pipes) -> None:
    """A script gets the very text; only terminals need protection."""
    assert await pipes.run(answer, b"tab\tand \x1b[1m\n") == "**tab\tand \x1b[1m**\n"


async def test_when_nobody_reads_any_more_the_reply_is_broken_off(pipes: Pipes) -> None:
    """The handler is cancelled, so that it keeps what there is; no further line is read."""
    heard: list[str] = []

    async def endless(inbound: Inbound, outlet: Outlet) -> None:
        try:
            while True:
                await outlet.feed("word ")
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            heard.append(inbound.text)
            raise

    pipes.close(pipes.answered)
    os.write(pipes.typed, b"first\nsecond\n")
    async with asyncio.timeout(5):
        await pipes.channel().run(endless)

    assert heard == ["first"]


async def test_cancelling_the_channel_cancels_the_handler(pipes: Pipes) -> None:
    """Whoever ends the program lets the running turn keep what it has, and waits for it."""
    kept = False

    async def slow(inbound: Inbound, outlet: Outlet) -> None:
        nonlocal kept
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            kept = True

    os.write(pipes.typed, b"go\n")
    running = asyncio.ensure_future(pipes.channel().run(slow))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kept
