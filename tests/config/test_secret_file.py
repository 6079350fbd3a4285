"""Tokens in files of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config import Settings, SettingsError, describe, load_settings

SECRETS = ["telegram.token", "discord.token", "model.api_key"]


def load(folder: Path, **settings: object) -> Settings:
    return load_settings(overrides=settings, environ={"PALAVER_HOME": str(folder)})


def problem(folder: Path, **settings: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, **settings)
    (line,) = caught.value.problems
    return line


def secret_of(settings: Settings, name: str) -> str:
    group, _, secret = name.partition(".")
    value: str = getattr(getattr(settings, group), secret).get_secret_value()
    return value


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("content", [b"123:abc", b"123:abc\n", b"  123:abc\r\n\n"])
def test_a_secret_is_read_from_its_file(tmp_path: Path, name: str, content: bytes) -> None:
    """Space around it does not count; it is shown as set, from where the file was named, and never in clear."""
    written(tmp_path / "secret", content)
    settings = load(tmp_path, **{f"{name}_file": "<home>/secret"})
    assert secret_of(settings, name) == "123:abc"
    shown = {one.name: one for one in describe(settings)}
    assert (shown[name].value, shown[name].source) == ("set", "flag")
    assert shown[f"{name}_file"].value == str(tmp_path / "secret")
    assert "123:abc" not in repr(settings)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_one_place(tmp_path: Path, name: str) -> None:
    """Given twice it is refused: nobody could tell which one holds."""
    path = written(tmp_path / "secret", b"123:abc")
    line = problem(tmp_path, **{name: "123:abc", f"{name}_file": str(path)})
    assert line.startswith(f"{name}_file and {name}: only one of them")
    assert "123:abc" not in line


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """What to do about it is said."""
    path = written(tmp_path / "secret", b"123:abc", mode)
    line = problem(tmp_path, **{"telegram.token_file": str(path)})
    assert line == (f"telegram.token_file: {path} is open to others (mode {mode:04o}); run: chmod 600 {path}")


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"canary canary", b"canary\ncanary", "c\u00e4nary".encode(), b"c\0nary", b"canary" * 1000]
)
def test_a_file_with_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """The file is named, and nothing of what it holds."""
    path = written(tmp_path / "secret", content)
    line = problem(tmp_path, **{"discord.token_file": str(path)})
    assert line.startswith(f"discord.token_file: {path} must hold ")
    assert "nary" not in line


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    """Missing files, folders and pipes are told at once, without waiting."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, words in ((tmp_path / "missing", "can not be read"), (tmp_path, "no"), (tmp_path / "pipe", "no")):
        line = problem(tmp_path, **{"model.api_key_file": str(path)})
        assert line.startswith(f"model.api_key_file: {path} ")
        assert words in line.removeprefix(f"model.api_key_file: {path}")


def test_a_link_to_a_secret_is_followed(tmp_path: Path) -> None:
    """Orchestrators hand secrets over as links; what counts is the file at their end."""
    (tmp_path / "link").symlink_to(written(tmp_path / "secret", b"123:abc"))
    assert secret_of(load(tmp_path, **{"telegram.token_file": str(tmp_path / "link")}), "telegram.token") == "123:abc"


def test_a_token_in_a_file_counts_like_any_other(tmp_path: Path) -> None:
    """One conversation for all is refused here as well once strangers can write."""
    path = written(tmp_path / "secret", b"123:abc")
    line = problem(tmp_path, **{"telegram.token_file": str(path), "sessions.scope": "main"})
    assert line.startswith("sessions.scope = 'main'")
