"""The default home on each platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.home import default_home

PERSON = Path.home()


@pytest.mark.parametrize(
    ("platform", "environ", "home"),
    [
        ("linux", {}, PERSON / ".local/share/palaver"),
        ("linux", {"XDG_DATA_HOME": "/srv/data"}, Path("/srv/data/palaver")),
        ("linux", {"XDG_DATA_HOME": "relative"}, PERSON / ".local/share/palaver"),
        ("linux", {"XDG_DATA_HOME": ""}, PERSON / ".local/share/palaver"),
        ("freebsd14", {}, PERSON / ".local/share/palaver"),
        ("darwin", {"XDG_DATA_HOME": "/srv/data"}, PERSON / "Library/Application Support/palaver"),
        ("win32", {}, PERSON / "AppData/Local/palaver"),
        ("win32", {"LOCALAPPDATA": "/srv/local"}, Path("/srv/local/palaver")),
    ],
)
def test_home_lies_where_the_platform_keeps_data(platform: str, environ: dict[str, str], home: Path) -> None:
    """Each platform has its folder for data, which the environment may move where that is the custom."""
    assert default_home(platform, environ) == home
