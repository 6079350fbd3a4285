"""What can be set: one typed schema over a file, the environment and flags.

    settings = load_settings(overrides={"sessions.scope": "per-peer"})
    settings.sessions.scope, settings.store.path, settings.model.backend

Every setting is listed with its default in `palaver.toml` beside this file.
"""

from __future__ import annotations

from config.describe import Shown, describe
from config.errors import SettingsError
from config.load import load_settings
from config.settings import Settings

__all__ = ["Settings", "SettingsError", "Shown", "describe", "load_settings"]
