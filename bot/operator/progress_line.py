"""ProgressLine: a line at the terminal that tells how far something has come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.live import Live

PER_SECOND = 8


class ProgressLine:
    """Shows on standard error what `said` gives at the time; nothing where that is no terminal."""

    def __init__(self, said: Callable[[], str]) -> None:
        self._said = said
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            from rich.text import Text

            self._live = Live(
                console=Console(stderr=True),
                get_renderable=lambda: Text(self._said(), no_wrap=True, overflow="ellipsis"),
                refresh_per_second=PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the line away while something else is written."""
        if self._live is None:
            yield
            return
        self._live.stop()
        yield
        self._live.start()
