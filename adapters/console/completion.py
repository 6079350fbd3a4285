"""Completion: what the bot suggests for a command that is being typed, as the prompt wants it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from adapters.channel import Suggester
from adapters.console.plain import plain
from sessions.address import Address


class CommandCompleter(Completer):
    """Completes lines that begin with a slash."""

    def __init__(self, suggester: Suggester, address: Address) -> None:
        self._suggester, self._address = suggester, address

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Give nothing: suggestions come from the store, which is not waited for here."""
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Give the suggestions for the word at the cursor."""
        line = document.text_before_cursor
        if not is_command(line):
            return
        word = len(line) - next((at + 1 for at in reversed(range(len(line))) if line[at].isspace()), 0)
        for suggestion in await self._suggester(self._address, line):
            yield Completion(plain(suggestion.text), start_position=-word, display_meta=plain(suggestion.hint))


def is_command(line: str) -> bool:
    """Tell whether a line is a command; `//` sends a text that begins with a slash."""
    return line.startswith("/") and not line.startswith("//") and "\n" not in line
