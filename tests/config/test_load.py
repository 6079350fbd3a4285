"""The three sources: what each may hold, which one wins, and names that nobody knows."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from config import SettingsError, describe, load_settings
from config.sources import read_environment

KEY = base64.b64encode(bytes(32)).decode()


def write(folder: Path, text: str | bytes, *, mode: int = 0o600) -> Path:
    """Write a settings file into a folder."""
    path = folder / "palaver.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def problems(folder: Path, **environ: str) -> list[str]:
    """Load from a folder and variables, and give the lines about what is wrong."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"PALAVER_HOME": str(folder)} | environ)
    return list(caught.value.problems)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    """Each source overrules the one below it, setting by setting, and is remembered."""
    write(tmp_path, "[model]\nretries = 1\nidle_timeout = 1\ntotal_timeout = 1\n")
    environ = {
        "PALAVER_HOME": str(tmp_path),
        "PALAVER_MODEL__IDLE_TIMEOUT": "2",
        "PALAVER_MODEL__TOTAL_TIMEOUT": "2",
    }
    settings = load_settings(environ=environ, overrides={"model.total_timeout": 3, "sessions.scope": None})
    assert (settings.model.retries, settings.model.idle_timeout, settings.model.total_timeout) == (1, 2, 3)
    sources = {shown.name: shown.source for shown in describe(settings)}
    assert sources["model.retries"] == "file"
    assert sources["home"] == sources["model.idle_timeout"] == "environment"
    assert sources["model.total_timeout"] == "flag"
    assert sources["sessions.scope"] == "default"


def test_a_file_may_lie_anywhere_and_name_the_home(tmp_path: Path) -> None:
    """`--config` names the file, which may name the home, which the environment may overrule."""
    home = tmp_path / "data"
    path = write(tmp_path, f'home = "{home}"')
    assert load_settings(config_file=path, environ={}).store.path == home / "palaver.db"
    other = {"PALAVER_HOME": str(tmp_path / "other")}
    assert load_settings(config_file=path, environ=other).home == tmp_path / "other"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A missing file is an error when it was asked for, and none when it is only looked for."""
    with pytest.raises(SettingsError, match=r"absent\.toml: can not be read \(No such file"):
        load_settings(config_file=tmp_path / "absent.toml", environ={})
    assert load_settings(environ={"PALAVER_HOME": str(tmp_path)}).home == tmp_path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[sessions\n", "is not TOML: "),
        (b"key = 'canary\n", "is not TOML: "),
        (b'home = "\xff"', "must be UTF-8 text"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is not TOML gives its path and the place of the fault, nothing of its content."""
    path = write(tmp_path, content)
    (line,) = problems(tmp_path)
    assert line.startswith(f"{path}: {message}")
    assert "canary" not in line


def test_a_file_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors that leave a mark at the start do no harm."""
    write(tmp_path, b"\xef\xbb\xbf[model]\nretries = 1\n")
    assert load_settings(environ={"PALAVER_HOME": str(tmp_path)}).model.retries == 1


def test_a_key_in_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A master key that others can read is none; the same file for its owner alone is fine."""
    write(tmp_path, f'key = "{KEY}"', mode=0o640)
    (line,) = problems(tmp_path)
    assert "chmod 600" in line
    assert KEY not in line
    write(tmp_path, f'key = "{KEY}"')
    assert load_settings(environ={"PALAVER_HOME": str(tmp_path)}).key


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("[sessions]\nscpoe = 'canary'", "sessions.scpoe (file): no such setting; did you mean sessions.scope?"),
        ("[sesions]\nscope = 'canary'", "sesions (file): no such setting; did you mean sessions?"),
        ("token = 'canary'", "token (file): no such setting; did you mean telegram.token or discord.token?"),
        ("telegram = 'canary'", "telegram (file): is a group of settings, not a value"),
        ("[telegram]\nzzz = 'canary'", "telegram.zzz (file): no such setting"),
        ("[[sessions]]\nscope = 'canary'", "sessions (file): is a group of settings, not a value"),
    ],
)
def test_an_unknown_name_in_the_file_is_told_without_its_value(tmp_path: Path, content: str, line: str) -> None:
    """A misspelt setting is never ignored; its value is not shown, for it may be a secret."""
    write(tmp_path, content)
    assert problems(tmp_path) == [line]


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("PALAVER_SESSIONS__SCPOE", "PALAVER_SESSIONS__SCOPE"),
        ("PALAVER_SESSIONS_SCOPE", "PALAVER_SESSIONS__SCOPE"),
        ("PALAVER_SESION__SCOPE", "PALAVER_SESSIONS__SCOPE"),
        ("PALAVER_KEYFILE", "PALAVER_KEY_FILE"),
        ("PALAVER_TOKEN", "PALAVER_TELEGRAM__TOKEN or PALAVER_DISCORD__TOKEN"),
    ],
)
def test_a_misspelt_variable_is_told(tmp_path: Path, variable: str, hint: str) -> None:
    """A variable that was meant for a setting is never ignored, nor is its value shown."""
    assert problems(tmp_path, **{variable: "canary"}) == [
        f"{variable} (environment): no such setting; did you mean {hint}?"
    ]


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    """Other tools may share the prefix or leave a variable empty."""
    environ = {
        "PALAVER_HOME": str(tmp_path),
        "PALAVER_BACKUP_BUCKET": "x",
        "PALAVER_MODELS_FOLDER": "x",
        "PALAVER_SESSIONS__SCOPE": "",
        "LANG": "C",
    }
    assert load_settings(environ=environ).sessions.scope == "per-channel-peer"


def test_an_unknown_flag_is_told(tmp_path: Path) -> None:
    """A flag is checked like every other source."""
    with pytest.raises(SettingsError, match=r"sessions\.scop \(flag\): no such setting"):
        load_settings(overrides={"sessions.scop": "main"}, environ={"PALAVER_HOME": str(tmp_path)})


def test_a_wrong_home_is_told_once(tmp_path: Path) -> None:
    """A home that can not be is one line, though it is also where the file is looked for."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"PALAVER_HOME": "~nobody-of-this-name"})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("home = '~nobody-of-this-name' (environment): must be a path")


def test_a_secret_is_wrapped_where_it_is_read() -> None:
    """Nothing that prints what a source holds can print a secret."""
    reading = read_environment({"PALAVER_TELEGRAM__TOKEN": "canary", "PALAVER_KEY": "canary"})
    assert len(reading.values) == 2
    assert "canary" not in repr(reading)
