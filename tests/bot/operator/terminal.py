"""A terminal: what a program shows on one, and keys typed there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.bot.shell import PATIENCE, ROOT, Shell


@dataclass
class Terminal:
    """A program at a terminal of its own."""

    process: subprocess.Popen[bytes]
    screen: int
    shown: str = ""

    def types(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    def shows(self, words: str) -> None:
        """Wait until the words were written since the last look."""
        until = time.monotonic() + PATIENCE
        while words not in self.shown:
            assert time.monotonic() < until, f"{words!r} did not come after {self.shown!r}"
            assert self._read(), f"it ended before {words!r} came, after {self.shown!r}"
        self.shown = self.shown.partition(words)[2]

    def ends(self) -> int:
        """Wait for the end; give the exit code."""
        until = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < until, f"it did not end after {self.shown!r}"
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        if select.select([self.screen], [], [], 0.2)[0]:
            with suppress(OSError):  # the other side is closed
                chunk = os.read(self.screen, 4096)
                self.shown += chunk.decode(errors="replace")
                return bool(chunk)
            return False
        return self.process.poll() is None


@contextmanager
def at_terminal(shell: Shell, *arguments: str, width: int = 120) -> Iterator[Terminal]:
    """Start `palaver` at a terminal of 24 lines; it does not outlive the block."""
    screen, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        shell.command(*arguments),
        stdin=side,
        stdout=side,
        stderr=side,
        cwd=ROOT,
        env=shell.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        start_new_session=True,
    )
    os.close(side)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
