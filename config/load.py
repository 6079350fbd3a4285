"""Load: settings from the file, the environment and flags, in rising order."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from config.errors import SettingsError
from config.home import default_home
from config.layer import Layer
from config.problems import problems
from config.readers import read_path
from config.settings import Settings
from config.sources import Reading, read_environment, read_file, read_flags

FILE_NAME = "palaver.toml"


def load_settings(
    *,
    config_file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Load the settings, or raise `SettingsError` with a line for everything that is wrong.

    Without `config_file`, `palaver.toml` in the home folder is read if it is there. `overrides` are
    flags by dotted name (`sessions.scope`); None means not given. `environ` stands in for `os.environ`.
    """
    variables = os.environ if environ is None else environ
    flags, environment = read_flags(overrides or {}), read_environment(variables)
    default = Reading({"home": default_home(sys.platform, variables)}, [])
    path = config_file or _default_file(flags, environment, default)
    file = read_file(path) if path else Reading({}, [])
    readings = {"flag": flags, "environment": environment, "file": file, "default": default}
    layers = tuple(Layer(Settings, origin, reading.values) for origin, reading in readings.items())
    wrong = [problem for reading in readings.values() for problem in reading.problems]
    settings = None
    try:
        settings = Settings.from_layers(layers)
    except ValidationError as error:
        wrong += problems(error, layers)
    # Raised out here, so that no traceback carries the values that pydantic saw.
    if settings is None or wrong:
        raise SettingsError(wrong)
    return settings


def _default_file(*readings: Reading) -> Path | None:
    home = next(reading.values["home"] for reading in readings if "home" in reading.values)
    try:
        path = Path(str(read_path(home)), FILE_NAME)
    except ValueError:
        return None  # told by the schema
    return path if path.exists() else None
