"""Environment: a virtual environment for the peers, made on first use and again when their versions change."""

from __future__ import annotations

import platform
import sqlite3
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = (
    "openai-agents",
    "langgraph-checkpoint-sqlite",
    "langgraph-checkpoint-postgres",
    "langgraph-checkpoint",
    "aiosqlite",
    "asyncpg",
    "psycopg",
    "sqlalchemy",
    "cryptography",
)
_VERSIONS = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"


def prepare(folder: Path, requirements: Path) -> Path | None:
    """Give the interpreter of an environment with exactly the packages of `requirements`; None if that failed."""
    python = folder / "bin" / "python"
    done = folder / "installed.txt"  # written last, so a set-up that broke off is done again
    wanted = requirements.read_text()
    if done.exists() and done.read_text() == wanted and python.exists():
        return python
    done.unlink(missing_ok=True)
    print(f"Setting up {folder.name} for the peers (once; takes a minute) ...", file=sys.stderr)
    venv.create(folder, clear=True, symlinks=True, with_pip=True)
    (folder / ".gitignore").write_text("*\n")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    if subprocess.run([*install, "--requirement", str(requirements)], check=False).returncode:
        print("The peers could not be installed; going on without them.", file=sys.stderr)
        return None
    done.write_text(wanted)
    return python


def versions(peers: Path | None) -> dict[str, str]:
    """Give the versions in use: the peers' from their environment, ours from this one where they differ."""
    found = {} if peers is None else _installed(peers, *PACKAGES)
    ours = _installed(Path(sys.executable), "aiosqlite", "cryptography")
    different = {f"{name} (Palaver's)": used for name, used in ours.items() if found.get(name) != used}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found, **different}


def _installed(python: Path, *packages: str) -> dict[str, str]:
    command = [str(python), "-c", _VERSIONS, *packages]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(packages, found, strict=True))
