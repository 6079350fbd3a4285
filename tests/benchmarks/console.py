"""Console: the memory of `palaver chat`, both at a terminal and with input from a pipe."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.process import memory_mib
from tests.benchmarks.stopwatch import Values

LINES = ["Good morning", "What did I say first?", "/session", "/help"]
EXPECTED = b"/checkpoint restore"  # stands in the answer to the last line
QUIET, PATIENCE = 0.8, 20.0  # seconds without output after which an answer is over; with none at all


def console(work: Path, root: Path) -> Values:
    """Give the peak memory after a short conversation."""
    return {"pipe_mib": _at_pipe(work, root), "terminal_mib": _at_terminal(work, root)}


def _at_pipe(work: Path, root: Path) -> float:
    reader, writer = os.pipe()
    answers, output = os.pipe()
    return _converse(work, root, (reader, output), writer, answers)


def _at_terminal(work: Path, root: Path) -> float:
    ours, theirs = pty.openpty()
    return _converse(work, root, (theirs, os.dup(theirs)), ours, os.dup(ours))


def _converse(work: Path, root: Path, theirs: tuple[int, int], say: int, hear: int) -> float:
    """Start the program, say some lines, and read its memory while it waits for the next."""
    with tempfile.TemporaryDirectory(dir=work) as home:
        command = [sys.executable, "-m", "bot", "chat"]
        process = subprocess.Popen(
            command,
            cwd=root,
            env=_environment(home),
            stdin=theirs[0],
            stdout=theirs[1],
            stderr=subprocess.DEVNULL,
        )
        try:
            for handle in theirs:
                os.close(handle)
            heard = _talk(say, hear)
            if process.poll() is not None:
                raise RuntimeError(f"the console ended with exit code {process.returncode}")
            if EXPECTED not in heard:
                raise RuntimeError("the console did not answer")
            return memory_mib(process.pid).peak
        finally:
            os.close(say)
            _end(process)
            os.close(hear)


def _talk(say: int, hear: int) -> bytes:
    """Say the lines one by one and wait for each answer; give all that was heard."""
    everything = b""
    for line in LINES:
        os.write(say, f"{line}\n".encode())
        end = time.monotonic() + PATIENCE
        while select.select([hear], [], [], max(0.0, end - time.monotonic()))[0]:
            try:
                heard = os.read(hear, 65536)
            except OSError:  # a terminal whose other side is gone
                return everything
            if not heard:
                return everything
            everything += heard
            end = time.monotonic() + QUIET
    return everything


def _environment(home: str) -> dict[str, str]:
    """Give what a fresh user has: no settings, a home of their own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": home, "PALAVER_HOME": home, "TERM": "xterm-256color"}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
