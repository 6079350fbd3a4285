"""A terminal with a program in it, driven by a test: type keys, wait for what appears."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
CONTROL_C, CONTROL_D, ENTER, TAB = "\x03", "\x04", "\r", "\t"
PATIENCE = 20.0
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>78()][0B]?")


class Terminal:
    """80 columns and 24 rows, and all that was ever written to them."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        self._leader, self.process = leader, process
        self.raw = b""
        self._seen = 0

    @classmethod
    @contextmanager
    def open(
        cls, arguments: Sequence[str], environ: Mapping[str, str], *, term: str = "xterm-256color"
    ) -> Iterator[Terminal]:
        """Run `python -m bot` with these arguments; whatever happens, it does not outlive the block."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *arguments],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            cwd=ROOT,
            env={**environ, "TERM": term},
            start_new_session=True,
        )
        os.close(follower)
        try:
            yield cls(leader, process)
        finally:
            process.kill()
            process.wait()
            os.close(leader)

    @property
    def text(self) -> str:
        """What was written, without colours and movements of the cursor."""
        return _SEQUENCES.sub("", self.raw.decode("utf-8", "replace")).replace("\r", "")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._leader, keys.encode())

    def say(self, line: str) -> None:
        """Type a line and press Enter."""
        self.type(line + ENTER)

    def wait_for(self, words: str) -> None:
        """Wait until the words are written after those that were waited for before."""
        until = time.monotonic() + PATIENCE
        while (found := self.text.find(words, self._seen)) < 0:
            left = until - time.monotonic()
            assert left > 0, f"{words!r} did not appear after:\n{self.text}"
            assert self._read(left), f"the program ended before {words!r} appeared:\n{self.text}"
        self._seen = found + len(words)

    def ends(self) -> int:
        """Wait until the program has ended; give its exit code."""
        until = time.monotonic() + PATIENCE
        while self._read(0.2) or self.process.poll() is None:
            assert time.monotonic() < until, f"the program did not end after:\n{self.text}"
        return self.process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    def _read(self, seconds: float) -> bool:
        """Read what there is; tell whether there may be more."""
        if not select.select([self._leader], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            chunk = os.read(self._leader, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False  # the other side was closed
        self.raw += chunk
        return True
