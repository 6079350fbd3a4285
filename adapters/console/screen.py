"""Screen: what stands above the prompt, and what of a reply is still growing."""

from __future__ import annotations

import asyncio
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit.output import Output

from adapters.console.exports import write_document
from adapters.console.markdown import MarkdownView
from adapters.console.plain import plain
from adapters.reply import Reply

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

ROOM = 8  # rows that stay free of a growing reply: prompt, menu
PACE = 0.05  # seconds between two looks at what of a growing reply is settled
WIDEST = 100  # columns; longer lines are hard to read


class Screen:
    """Writes above the prompt: takes it away, writes, and puts it back before anything else can happen."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._prompt: Application[str] | None = None
        self.view = MarkdownView()

    def stand_above(self, prompt: Application[str]) -> None:
        """Name the prompt that is at the bottom, while it runs."""
        self._prompt = prompt

    @property
    def width(self) -> int:
        """Columns for text."""
        return max(20, min(WIDEST, self._size()[0] - 1))

    @property
    def height(self) -> int:
        """Rows for a reply that is still growing."""
        return max(3, self._size()[1] - ROOM)

    def write(self, text: str) -> None:
        """Write text that is ready for the terminal."""
        prompt = self._prompt
        if not text:
            return
        if prompt is not None and prompt.is_running:
            prompt.renderer.erase()
        self._output.write_raw(text.replace("\n", "\r\n"))
        self._output.flush()
        if prompt is not None and prompt.context is not None and prompt.is_running and not prompt.is_done:
            prompt.context.copy().run(prompt.renderer.render, prompt, prompt.layout)

    def show(self, text: str, *, style: str = "none") -> None:
        """Write Markdown, and an empty line after it."""
        rendered = self.view.render(text, width=self.width, style=style)
        self.write(rendered and f"{rendered}\n")

    def echo(self, text: str) -> None:
        """Write what the person said."""
        first, *more = plain(text).split("\n")
        lines = [f"\x1b[1m> {first}\x1b[0m", *(f"\x1b[1m  {line}\x1b[0m" for line in more)]
        self.write("\n".join(lines) + "\n")

    def _size(self) -> tuple[int, int]:
        try:
            size = self._output.get_size()
        except (OSError, ValueError):
            return shutil.get_terminal_size()
        return size.columns, size.rows


class AboveThePrompt(io.TextIOBase):
    """Standard error while there is a prompt: what libraries and logs write goes above it."""

    def __init__(self, screen: Screen, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._screen, self._loop = screen, loop
        self._begun = ""

    def write(self, text: str) -> int:
        """Write whole lines as soon as the event loop gets to them; may be called by any thread."""
        ended, feed, self._begun = (self._begun + text).rpartition("\n")
        if feed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._screen.write, plain(ended + feed))
        return len(text)


class LiveReply:
    """The answers to one message: what is settled moves up, the rest grows above the prompt."""

    def __init__(self, screen: Screen, exports: Path, redraw: Callable[[], None]) -> None:
        self._screen, self._exports, self._redraw = screen, exports, redraw
        self._fed, self._open = "", ""
        self._next_look = 0.0
        self._shown: tuple[str, int, int, str] | None = None

    async def send(self, reply: Reply) -> None:
        """Show a complete reply, and where the file is that goes with it."""
        self._screen.show(reply.text, style="yellow" if reply.error else "none")
        if reply.document is None:
            return
        try:
            path = write_document(self._exports, reply.document)
        except OSError as error:
            self._screen.show(f"The file could not be written: {error.strerror}.", style="yellow")
        else:
            self._screen.write(f"{plain(str(path))}\n\n")

    async def feed(self, delta: str) -> None:
        """Let the reply grow."""
        text = plain(delta)
        self._fed += text
        self._open += text
        began = time.monotonic()
        if "\n" in text and began >= self._next_look:
            self._settle()
            # A long block takes long to look at, and nothing of it settles meanwhile.
            self._next_look = time.monotonic() + max(PACE, 10 * (time.monotonic() - began))
        self._redraw()

    def promise(self, reply: Reply) -> None:
        """Keep nothing: what is said here is shown at once or not at all."""

    async def finish(self, reply: Reply) -> None:
        """Show the rest; an empty reply drops it."""
        text = plain(reply.text)
        rest = self._open + text.removeprefix(self._fed) if text.startswith(self._fed) else text
        self._fed = self._open = ""
        self._redraw()
        self._screen.show(rest)

    def preview(self) -> str:
        """Give what is still growing, as it looks now, ended by an empty line."""
        width, height = self._screen.width, self._screen.height
        if self._shown is None or self._shown[:3] != (self._open, width, height):
            text = self._screen.view.preview(self._open, width=width, height=height) if self._open.strip() else ""
            self._shown = (self._open, width, height, f"{text}\n\n" if text else "")
        return self._shown[3]

    def _settle(self) -> None:
        cut = self._screen.view.settled(self._open)
        if cut:
            settled, self._open = self._open[:cut], self._open[cut:]
            self._screen.show(settled)
