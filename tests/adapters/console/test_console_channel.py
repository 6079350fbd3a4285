"""The prompt, with a handler that stands in for the bot and a terminal made of two buffers."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from adapters.channel import Handler, Outlet, Suggestion
from adapters.console.console_channel import ConsoleChannel
from adapters.inbound import Inbound
from adapters.reply import Document, Reply
from sessions import Address
from tests.adapters.console.paper import Paper

ME = Address(platform="console", account="local", chat_id="console", user_id="me")
ENTER, CONTROL_C, CONTROL_D = "\r", "\x03", "\x04"
PATIENCE = 10.0


class Person:
    """Sits at the terminal: types, and waits for words."""

    def __init__(self, channel: ConsoleChannel, keys: PipeInput, screen: StringIO) -> None:
        self.channel, self._keys, self._screen = channel, keys, screen
        self._seen = 0

    @property
    def sees(self) -> str:
        """All that was written, without colours and movements."""
        return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", self._screen.getvalue()).replace("\r", "")

    @property
    def paper(self) -> Paper:
        """What stands there now."""
        return Paper(self._screen.getvalue())

    def types(self, keys: str) -> None:
        self._keys.send_text(keys)

    async def waits_for(self, words: str) -> None:
        """Look again and again, as a person does."""
        async with asyncio.timeout(PATIENCE):
            while (found := self.sees.find(words, self._seen)) < 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        self._seen = found + len(words)


async def suggest(address: Address, text: str) -> Sequence[Suggestion]:
    return [Suggestion("/checkpoint", "places to come back to")] if text.startswith("/che") else []


async def where() -> str:
    return "Trip to Rome"


@asynccontextmanager
async def at_the_terminal(
    handler: Handler, folder: Path, *, opening: str | None = None, greeting: str = "hello"
) -> AsyncIterator[Person]:
    """Run the channel; at the end the person leaves with Ctrl-D."""
    with create_pipe_input() as keys:
        screen = StringIO()
        output = Vt100_Output(screen, lambda: Size(rows=24, columns=80), term="xterm", enable_cpr=False)
        channel = ConsoleChannel(
            ME,
            exports=folder,
            suggester=suggest,
            status=where,
            greeting=greeting,
            opening=opening,
            source=keys,
            output=output,
        )
        running = asyncio.ensure_future(channel.run(handler))
        person = Person(channel, keys, screen)
        try:
            await person.waits_for("hello")
            await asyncio.sleep(0.05)
            yield person
            person.types(CONTROL_D)
            async with asyncio.timeout(PATIENCE):
                await running
        finally:
            running.cancel()
            await asyncio.wait({running})


class Endless:
    """A model that goes on for ever, until it is told to stop."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    async def __call__(self, inbound: Inbound, outlet: Outlet) -> None:
        if inbound.text.startswith("/"):
            await outlet.send(Reply(text=f"done {inbound.text}"))
            return
        try:
            for number in range(10_000):
                await outlet.feed(f"line {number}\n\n")
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.stopped.append(inbound.text)
            await outlet.finish(Reply(text=""))
            raise


async def answer(inbound: Inbound, outlet: Outlet) -> None:
    await outlet.send(Reply(text=f"heard {inbound.text}"))


async def test_what_is_typed_is_answered(tmp_path: Path) -> None:
    """A line ends with Enter; the opening is said by itself; Ctrl-D leaves."""
    async with at_the_terminal(answer, tmp_path, opening="first") as person:
        await person.waits_for("heard first")
        person.types("second" + ENTER)
        await person.waits_for("heard second")


async def test_blank_lines_are_not_sent(tmp_path: Path) -> None:
    """Enter on an empty prompt does nothing."""
    async with at_the_terminal(answer, tmp_path) as person:
        person.types(ENTER + "  " + ENTER)
        person.types("words" + ENTER)
        await person.waits_for("heard   words")
        assert person.sees.count("heard") == 1


async def test_a_paste_of_several_lines_is_one_message(tmp_path: Path) -> None:
    """Line feeds inside a bracketed paste do not send; Enter does."""
    heard: list[str] = []

    async def note(inbound: Inbound, outlet: Outlet) -> None:
        heard.append(inbound.text)
        await outlet.send(Reply(text="noted"))

    async with at_the_terminal(note, tmp_path) as person:
        person.types("\x1b[200~def f():\r\n    pass\n\x1b[201~")
        person.types("end" + ENTER)
        await person.waits_for("noted")
    assert heard == ["def f():\n    pass\nend"]


async def test_control_c_stops_the_reply_and_not_the_program(tmp_path: Path) -> None:
    """The running handler is cancelled, and the prompt takes the next message."""
    model = Endless()
    async with at_the_terminal(model, tmp_path) as person:
        person.types("tell me everything" + ENTER)
        await person.waits_for("line 3")
        person.types(CONTROL_C)
        await person.waits_for("Stopped.")
        person.types("/help" + ENTER)
        await person.waits_for("done /help")
    assert model.stopped == ["tell me everything"]


async def test_control_c_at_an_empty_prompt_says_how_to_leave(tmp_path: Path) -> None:
    """With something typed it empties the line; with nothing it hints."""
    async with at_the_terminal(answer, tmp_path) as person:
        person.types("never sent")
        await person.waits_for("never sent")
        person.types(CONTROL_C)
        await asyncio.sleep(0.1)
        person.types(CONTROL_C)
        await person.waits_for("Ctrl-D leaves.")
        person.types("other" + ENTER)
        await person.waits_for("heard other")


async def test_commands_work_while_a_reply_streams(tmp_path: Path) -> None:
    """The prompt stays: what is typed is answered beside the reply, which goes on."""
    model = Endless()
    async with at_the_terminal(model, tmp_path) as person:
        person.types("tell me everything" + ENTER)
        await person.waits_for("line 3")
        person.types("/session" + ENTER)
        await person.waits_for("done /session")
        await person.waits_for("line 30")
    assert model.stopped == ["tell me everything"]


async def test_leaving_breaks_off_what_runs_and_waits_for_it(tmp_path: Path) -> None:
    """Ctrl-D in the middle of a reply lets the handler keep what it has."""
    model = Endless()
    async with at_the_terminal(model, tmp_path) as person:
        person.types("go" + ENTER)
        await person.waits_for("line 3")
    assert model.stopped == ["go"]


async def test_a_long_reply_is_shown_whole(tmp_path: Path) -> None:
    """However high the reply, every line of it ends up above the prompt, once and in order."""
    lines = [f"number {n:03}" for n in range(200)]

    async def recite(inbound: Inbound, outlet: Outlet) -> None:
        text = "\n\n".join(lines)
        for start in range(0, len(text), 7):
            await outlet.feed(text[start : start + 7])
            await asyncio.sleep(0)
        await outlet.finish(Reply(text=text))
        await outlet.send(Reply(text="the end"))

    async with at_the_terminal(recite, tmp_path) as person:
        person.types("go" + ENTER)
        await person.waits_for("the end")
    assert [line for line in person.paper.lines if line.startswith("number")] == lines


async def test_a_growing_reply_leaves_nothing_behind(tmp_path: Path) -> None:
    """What was shown while a block grew is gone when it is settled: each line stands there once."""

    async def table(inbound: Inbound, outlet: Outlet) -> None:
        text = "Before.\n\n```\n" + "".join(f"code {n}\n" for n in range(40)) + "```\n\nAfter."
        for start in range(0, len(text), 9):
            await outlet.feed(text[start : start + 9])
            await asyncio.sleep(0.01)
        await outlet.finish(Reply(text=text))

    async with at_the_terminal(table, tmp_path) as person:
        person.types("go" + ENTER)
        await person.waits_for("After.")
        await asyncio.sleep(0.1)
    shown = [line.strip() for line in person.paper.lines if line.strip()]
    assert shown == ["hello", "> go", "Before.", *(f"code {n}" for n in range(40)), "After."]


async def test_escape_sequences_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """Neither from a stream, where they may be cut in two, nor from a complete reply, nor from what was typed."""

    async def evil(inbound: Inbound, outlet: Outlet) -> None:
        await outlet.feed("\x1b")
        await outlet.feed("]0;owned\x07\n\nmore \x9b2J")
        await outlet.finish(Reply(text="\x1b]0;owned\x07\n\nmore \x9b2J"))
        await outlet.send(Reply(text="stored \x1b]52;c;AAAA\x07 text"))

    async with at_the_terminal(evil, tmp_path) as person:
        person.types("\x1b[200~typed \x1b]0;owned\x07\x1b[201~" + ENTER)
        await person.waits_for("stored ]52;c;AAAA text")
        raw = person._screen.getvalue()
    assert "\x1b]" not in raw
    assert "\x9b" not in raw
    assert "\x07" not in raw


async def test_a_document_becomes_a_file_whose_path_is_told(tmp_path: Path) -> None:
    """The path is shown as it is: no mark-up eats its underscores."""

    async def give(inbound: Inbound, outlet: Outlet) -> None:
        document = Document(name="a_b_c.md", content=b"words", media_type="text/markdown")
        await outlet.send(Reply(text="Here.", document=document))

    async with at_the_terminal(give, tmp_path / "exports") as person:
        person.types("/history export" + ENTER)
        await person.waits_for("a_b_c.md")
    assert (tmp_path / "exports" / "a_b_c.md").read_bytes() == b"words"


async def test_commands_are_completed(tmp_path: Path) -> None:
    """Tab takes a suggestion; what the suggestion is about stands beside it."""
    async with at_the_terminal(answer, tmp_path) as person:
        person.types("/che")
        await person.waits_for("places to come back to")
        person.types("\t")
        await asyncio.sleep(0.1)
        person.types(ENTER)
        await person.waits_for("heard /checkpoint")


async def test_what_was_typed_comes_back_with_the_arrow_keys(tmp_path: Path) -> None:
    """The last line is one key away, for as long as the program runs."""
    folder = tmp_path / "exports"
    async with at_the_terminal(answer, folder) as person:
        person.types("once" + ENTER)
        await person.waits_for("heard once")
        person.types("\x1b[A" + ENTER)
        await person.waits_for("heard once")
    assert not folder.exists()


async def test_the_prompt_says_where_one_is(tmp_path: Path) -> None:
    """The title of the conversation stands beside the prompt."""
    async with at_the_terminal(answer, tmp_path) as person:
        assert "Trip to Rom" in person.sees


async def test_notices_come_between_prompts(tmp_path: Path) -> None:
    """They stand above what is being typed, which is not disturbed."""
    async with at_the_terminal(answer, tmp_path) as person:
        person.types("half a mess")
        await person.waits_for("half a mess")
        await person.channel.notify(ME, Reply(text="This conversation began afresh. `/undo` brings it back."))
        await person.waits_for("began afresh. /undo brings it back.")
        person.types("age" + ENTER)
        await person.waits_for("heard half a message")


async def test_what_libraries_write_to_the_errors_comes_above_the_prompt(tmp_path: Path) -> None:
    """A log line does not run through what is being typed, and can not command the terminal."""
    async with at_the_terminal(answer, tmp_path) as person:
        person.types("half a mess")
        await person.waits_for("half a mess")
        logging.getLogger("some.library").error("something\x1b]0;owned\x07 happened")
        print("a warning", file=sys.stderr)  # noqa: T201
        await person.waits_for("a warning")
        person.types("age" + ENTER)
        await person.waits_for("heard half a message")
    assert "a warning" in person.paper.lines
    assert "\x1b]" not in person._screen.getvalue()
