"""Sources: the file, the environment and the flags, each read into values by dotted name."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from config.kinds import Secret
from config.settings import fields_by_name
from config.unknown import is_group, looks_like_ours, unknown

PREFIX = "PALAVER_"


class Reading(NamedTuple):
    """What one source holds: values of known settings, and a line for everything that is wrong."""

    values: dict[str, object]
    problems: list[str]


def read_flags(flags: Mapping[str, object]) -> Reading:
    """Read flags; one that was not given is None."""
    return _sorted_out({name: value for name, value in flags.items() if value is not None}, origin="flag")


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Read variables such as PALAVER_SESSIONS__SCOPE.

    An empty one counts as not set: that is how compose files and shells pass on what is missing.
    """
    ours = {name.upper(): value for name, value in environ.items() if name.upper().startswith(PREFIX) and value}
    found = {_from_variable(name): value for name, value in ours.items()}
    return _sorted_out(
        {name: value for name, value in found.items() if name in fields_by_name() or looks_like_ours(name)},
        origin="environment",
        spell=to_variable,
    )


def read_file(path: Path) -> Reading:
    """Read a TOML file."""
    try:
        with path.open("rb") as file:
            exposed = os.name == "posix" and bool(os.fstat(file.fileno()).st_mode & 0o077)
            table = tomllib.loads(file.read().decode("utf-8-sig"))
    except OSError as error:
        return Reading({}, [f"{path}: can not be read ({error.strerror})"])
    except UnicodeDecodeError:
        return Reading({}, [f"{path}: must be UTF-8 text"])
    except tomllib.TOMLDecodeError as error:
        return Reading({}, [f"{path}: is not TOML: {error}"])
    reading = _sorted_out(dict(_flat(table)), origin="file")
    if exposed and reading.values.get("key"):
        reading.problems.append(f"key (file): others can read the master key in {path}; run: chmod 600 {path}")
    return reading


def to_variable(name: str) -> str:
    """Spell a setting as its variable."""
    return PREFIX + name.replace(".", "__").upper()


def _from_variable(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower().replace("__", ".")


def _flat(table: Mapping[str, object], group: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if not group and is_group(name) and isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            yield group + name, value


def _sorted_out(values: Mapping[str, object], *, origin: str, spell: Callable[[str], str] = str) -> Reading:
    known = {name: _guarded(name, value) for name, value in values.items() if name in fields_by_name()}
    problems = [unknown(name, origin=origin, spell=spell) for name in values if name not in known]
    return Reading(known, problems)


def _guarded(name: str, value: object) -> object:
    # Wrapped at once: whatever prints a layer, a log of pydantic-settings for one, prints stars.
    secret = any(isinstance(mark, Secret) for mark in fields_by_name()[name].metadata)
    return SecretStr(value) if secret and value and isinstance(value, str) else value
