"""The program itself, run as from a shell."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.bot import where

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Running:
    """A program that runs."""

    process: subprocess.Popen[bytes]

    def says(self, line: str) -> None:
        """Type a line into it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def writes(self, words: str) -> str:
        """Wait until it has written the words; give all that was written up to them."""
        assert self.process.stdout is not None
        until, written = time.monotonic() + PATIENCE, b""
        while words.encode() not in written:
            left = until - time.monotonic()
            assert left > 0, f"{words!r} did not come after {written!r}"
            if select.select([self.process.stdout], [], [], left)[0]:
                chunk = os.read(self.process.stdout.fileno(), 4096)
                assert chunk, f"it ended before {words!r} came, after {written!r}"
                written += chunk
        return written.decode()

    def ends(self) -> Done:
        """End its input if that is still open, and wait for its end."""
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.stdin = None
        out, err = self.process.communicate(timeout=PATIENCE)
        return Done(self.process.returncode, out.decode(), err.decode())


@dataclass(frozen=True)
class Shell:
    """A home folder, and programs that are started in it."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What a program is told: nothing of the developer's own settings."""
        # COLUMNS and LINES would hide how wide the terminal of a test is; tests that run side by side have them set.
        left_out = ("COLUMNS", "LINES")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PALAVER_")}
        kept = {name: value for name, value in kept.items() if name not in left_out}
        ours = {"PALAVER_HOME": str(self.home), "PALAVER_SESSIONS__TIMEZONE": "UTC", **where.environ()}
        return {**kept, **ours, **self.settings}

    def run(self, *arguments: str, typed: str | bytes = "", **settings: str) -> Done:
        """Run `palaver` to its end, with these lines typed into it."""
        data = typed.encode() if isinstance(typed, str) else typed
        done = subprocess.run(
            self.command(*arguments),
            input=data,
            capture_output=True,
            cwd=ROOT,
            env=self.environ | settings,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def chat(self, *lines: str, options: Sequence[str] = (), **settings: str) -> Done:
        """Hold a conversation and leave; it has to go well."""
        done = self.run("chat", *options, typed="".join(f"{line}\n" for line in lines), **settings)
        assert done.code == 0, done
        return done

    @contextmanager
    def start(self, *arguments: str, **settings: str) -> Iterator[Running]:
        """Start `palaver` and go on; it does not outlive the block."""
        process = subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=self.environ | settings,
        )
        try:
            yield Running(process)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bot", *arguments]
