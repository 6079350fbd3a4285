"""ConsoleChannel: a prompt that stays while replies stream above it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, AnyFormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.output.vt100 import Vt100_Output

from adapters.channel import Handler, Outlet, Suggester
from adapters.console.completion import CommandCompleter, is_command
from adapters.console.plain import plain
from adapters.console.screen import AboveThePrompt, LiveReply, Screen
from adapters.inbound import Inbound
from adapters.reply import Reply
from sessions.address import Address

log = logging.getLogger(__name__)

REDRAW = 0.05  # seconds between two redraws
HINT = "Ctrl-D leaves."

StatusLine = Callable[[], Awaitable[str]]
"""Says beside the prompt which conversation this is."""


class ConsoleChannel:
    """One person at a terminal.

    The prompt never goes away, so commands work while a reply streams. What was typed is remembered
    for the arrow keys as long as the program runs, and never written down.
    """

    platform = "console"

    def __init__(
        self,
        address: Address,
        *,
        exports: Path,
        suggester: Suggester,
        status: StatusLine,
        greeting: str = "",
        opening: str | None = None,
        source: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._address, self._exports = address, exports
        self._suggester, self._status = suggester, status
        self._greeting, self._opening = greeting, opening
        self._source = source or create_input()
        self._output = output or _terminal()
        self._screen = Screen(self._output)
        self._replies: dict[asyncio.Task[None], LiveReply] = {}
        self._where = ""
        self._handler: Handler = _nobody
        self._stopping: asyncio.Task[None] | None = None
        self._prompt = self._make_prompt()
        self._screen.stand_above(self._prompt.app)

    async def run(self, handler: Handler) -> None:
        """Answer what is typed until the person leaves."""
        self._handler = handler
        self._screen.show(self._greeting, style="dim")
        await self._refresh()
        above = AboveThePrompt(self._screen, asyncio.get_running_loop())
        try:
            with redirect_stderr(above), suppress(EOFError):
                await self._prompt.prompt_async(pre_run=self._open, set_exception_handler=False)
        finally:
            await self._break_off()

    async def notify(self, address: Address, reply: Reply) -> None:
        """Say something that answers no message."""
        self._screen.show(reply.text, style="cyan")
        await self._refresh()

    # -- what is typed ---------------------------------------------------------------------------

    def _open(self) -> None:
        if self._opening is not None:
            self._take(self._opening)

    def _take(self, text: str) -> None:
        """Let a message be answered, beside those that still are."""
        self._screen.echo(text)
        live = LiveReply(self._screen, self._exports, self._prompt.app.invalidate)
        task = asyncio.ensure_future(self._answer(text, live))
        self._replies[task] = live
        task.add_done_callback(self._answered)

    async def _answer(self, text: str, live: LiveReply) -> None:
        await self._handler(Inbound(address=self._address, text=text), live)
        await self._refresh()

    def _answered(self, task: asyncio.Task[None]) -> None:
        del self._replies[task]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a message could not be answered: %s", type(error).__name__)

    def _interrupt(self) -> None:
        """Do what Ctrl-C asks for: stop the reply, else empty the line, else say how to leave."""
        if self._replies:
            self._stopping = asyncio.ensure_future(self._stop())
        elif self._prompt.default_buffer.text:
            self._prompt.default_buffer.reset()
        else:
            self._screen.show(HINT, style="dim")

    async def _stop(self) -> None:
        await self._break_off()
        self._screen.show("Stopped.", style="dim")

    async def _break_off(self) -> None:
        """Break off the replies that are being made, and wait until what there is of them is kept."""
        running = list(self._replies)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _refresh(self) -> None:
        self._where = plain(await self._status())
        self._prompt.app.invalidate()

    # -- the prompt ------------------------------------------------------------------------------

    def _make_prompt(self) -> PromptSession[str]:
        prompt: PromptSession[str] = PromptSession(
            message=self._message,
            multiline=True,  # a paste of several lines is one message
            prompt_continuation="  ",
            rprompt=self._beside,
            history=InMemoryHistory(),
            completer=CommandCompleter(self._suggester, self._address),
            complete_while_typing=Condition(lambda: is_command(self._prompt.default_buffer.text)),
            key_bindings=self._keys(),
            erase_when_done=True,
            enable_suspend=True,
            input=self._source,
            output=self._output,
        )
        prompt.app.min_redraw_interval = REDRAW
        return prompt

    def _message(self) -> AnyFormattedText:
        growing = next((text for live in self._replies.values() if (text := live.preview())), "")
        return ANSI(f"{growing}> ")

    def _beside(self) -> AnyFormattedText:
        text = "Ctrl-C stops the reply" if self._replies else self._where
        return [("fg:ansibrightblack", text)]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def send(event: KeyPressEvent) -> None:
            text = event.current_buffer.text
            if text.strip():
                event.current_buffer.reset(append_to_history=True)
                self._take(text)

        @keys.add("escape", "enter")
        def begin_a_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        @keys.add("<sigint>")
        def interrupt(event: KeyPressEvent) -> None:
            self._interrupt()

        @keys.add("c-d", filter=Condition(lambda: not self._prompt.default_buffer.text))
        def leave(event: KeyPressEvent) -> None:
            if not event.app.is_done:
                event.app.exit(exception=EOFError)

        return keys


async def _nobody(inbound: Inbound, outlet: Outlet) -> None:
    """Answer nothing: the channel does not run yet."""


def _terminal() -> Output:
    output = Vt100_Output.from_pty(sys.stdout, term=os.environ.get("TERM"))
    # Asking where the cursor is would cost a round trip for every line; some terminals never answer.
    output.enable_cpr = False
    return output
