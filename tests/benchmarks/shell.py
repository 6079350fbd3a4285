"""Shell: what an operator's commands take, each a process of its own, on a store that holds very many conversations."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.benchmarks.filled import Content, filled_path
from tests.benchmarks.own import KEY
from tests.benchmarks.stopwatch import Values
from tests.benchmarks.stores import OWN

TIMES = 5
COMMON = "000000000"  # stands in the first message of every conversation
NOWHERE = "zzyzx-nowhere"  # in none
_KIB = 1024


class Done(NamedTuple):
    """How a command went: seconds until its first output and until its end, and its peak memory."""

    first: float
    seconds: float
    peak_mib: float


def shell(work: Path, content: Content, root: Path, *, times: int = TIMES) -> Values:
    """Time start-up, listing, searching, exporting, importing and rotating. Rotating leaves the store changed."""
    store = filled_path(work, OWN, content)
    with tempfile.TemporaryDirectory(dir=work, prefix="shell-") as name:
        folder = Path(name)
        values = _short(root, store, times)
        start = values["start_ms"] / 1e3
        values |= _searches(root, store, content, start)
        return values | _moves(root, store, folder, content, start)


def _short(root: Path, store: Path, times: int) -> Values:
    commands = {"help_ms": ("--help",), "start_ms": ("config", "show"), "list_ms": ("sessions", "list", "-n", "20")}
    for command in commands.values():
        _run(root, store, *command)  # what is compiled and read from disk once is not counted
    taken = {
        name: median(_run(root, store, *command).seconds for _ in range(times)) * 1e3
        for name, command in commands.items()
    }
    return {**taken, "list_ms": taken["list_ms"] - taken["start_ms"]}


def _searches(root: Path, store: Path, content: Content, start: float) -> Values:
    everything = _run(root, store, "sessions", "search", NOWHERE, "--limit", "1")
    common = _run(root, store, "sessions", "search", COMMON, "--limit", "1000")
    return {
        "search_rate": content.total / (everything.seconds - start),
        "search_mib": everything.peak_mib,
        "first_hit_ms": (common.first - start) * 1e3,
    }


def _moves(root: Path, store: Path, folder: Path, content: Content, start: float) -> Values:
    file, other = folder / "all.json", folder / "other"
    other.mkdir()
    out = _run(root, store, "sessions", "export", "--all", "-o", str(file))
    taken = _run(root, other, "sessions", "import", str(file))
    file.unlink()
    shutil.rmtree(other)
    old, new = folder / "old.key", folder / "new.key"
    _write_key(old, KEY)
    _write_key(new, bytes(reversed(KEY)))
    turned = _run(root, store, "keys", "rotate", PALAVER_KEY_FILE=str(new), PALAVER_OLD_KEY_FILES=f'["{old}"]')
    return {
        "export_rate": content.total / (out.seconds - start),
        "export_mib": out.peak_mib,
        "import_rate": content.total / (taken.seconds - start),
        "import_mib": taken.peak_mib,
        "rotate_rate": content.sessions / (turned.seconds - start),
        "rotate_mib": turned.peak_mib,
    }


def _write_key(path: Path, key: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(base64.b64encode(key).decode() + "\n")


def _run(root: Path, store: Path, *command: str, **environ: str) -> Done:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", *command],
        cwd=root,
        env=_environment(store, environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("no output to read")
    process.stdout.read(1)
    first = time.perf_counter() - began
    while process.stdout.read(1 << 16):
        pass
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said.decode().strip().splitlines()[-1:] or process.returncode}")
    return Done(first, seconds, used.ru_maxrss / (_KIB if sys.platform != "darwin" else _KIB * _KIB))


def _environment(store: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the settings of an operator; with the compiled files that every installation has."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    key = {} if "PALAVER_KEY_FILE" in environ else {"PALAVER_KEY": base64.b64encode(KEY).decode()}
    ours = {"HOME": str(store), "PALAVER_HOME": str(store), "PALAVER_STORE__URL": f"sqlite:///{store / 'store.db'}"}
    return {**kept, **ours, **key, **environ}
