"""What `palaver config show` prints."""

from __future__ import annotations

import base64
from pathlib import Path

from config import describe, load_settings
from config.settings import fields_by_name

KEY = base64.b64encode(b"canary" * 5 + b"ca").decode()


def test_every_setting_is_listed_once_in_the_order_of_the_schema(tmp_path: Path) -> None:
    """The list is complete, whatever is set."""
    shown = describe(load_settings(environ={"PALAVER_HOME": str(tmp_path)}))
    assert [setting.name for setting in shown] == list(fields_by_name())
    assert all(setting.value for setting in shown)


def test_secrets_are_masked(tmp_path: Path) -> None:
    """Of a secret only whether it is set is told."""
    flags = {"key": KEY, "telegram.token": "canary", "discord.token": "canary", "model.api_key": "canary"}
    settings = load_settings(overrides=flags, environ={"PALAVER_HOME": str(tmp_path)})
    values = {shown.name: shown.value for shown in describe(settings)}
    assert {values[name] for name in flags} == {"set"}
    assert not any("canary" in value or KEY in value for value in values.values())
    assert "canary" not in repr(settings)
    assert KEY not in repr(settings)


def test_values_are_shown_the_way_they_are_written(tmp_path: Path) -> None:
    """Times, lists, numbers and what is off read as in the settings file."""
    flags = {
        "sessions.daily_reset": "04:30",
        "sessions.default_tags": ["a", "b"],
        "model.idle_timeout": 2.5,
        "model.system_prompt": "Be kind.\nBe brief.",
    }
    settings = load_settings(overrides=flags, environ={"PALAVER_HOME": str(tmp_path)})
    values = {shown.name: shown.value for shown in describe(settings)}
    assert values["sessions.daily_reset"] == "04:30"
    assert values["sessions.default_tags"] == "a, b"
    assert values["model.idle_timeout"] == "2.5"
    assert values["model.system_prompt"] == "Be kind. Be brief."
    assert values["sessions.idle_reset_minutes"] == "off"
    assert values["access.allow"] == "none"
    assert values["model.base_url"] == "the backend's own"
    assert values["key"] == "not set"
