"""Home: the folder that keeps the database, the key file and exports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath


def default_home(platform: str, environ: Mapping[str, str]) -> Path:
    """Give the folder where programs keep a person's data on this platform (a `sys.platform`)."""
    if platform == "win32":
        return _absolute(environ.get("LOCALAPPDATA"), Path.home() / "AppData" / "Local") / "palaver"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "palaver"
    return _absolute(environ.get("XDG_DATA_HOME"), Path.home() / ".local" / "share") / "palaver"


def _absolute(path: str | None, fallback: Path) -> Path:
    # The XDG specification tells to ignore a relative path.
    return Path(path) if path and PurePath(path).is_absolute() else fallback
