"""Zone: the name of a time zone."""

from __future__ import annotations

import difflib
import warnings
from zoneinfo import ZoneInfo, available_timezones

_UTC = frozenset(f"{area}{name}" for area in ("", "Etc/") for name in ("UTC", "UCT", "Universal", "Zulu"))


def plain(name: str) -> str:
    """Call UTC by the one name that people know it by."""
    return "UTC" if name in _UTC else name


def system_zone() -> str:
    """Name the zone of this machine; UTC where it has none."""
    from tzlocal import get_localzone_name

    with warnings.catch_warnings(action="ignore"):  # it warns about odd set-ups; UTC is our answer to those
        try:
            name = get_localzone_name()
        except (LookupError, ValueError, OSError):
            return "UTC"
    return plain(name) if name and is_zone(name) else "UTC"


def is_zone(name: str) -> bool:
    """Tell whether the tz database has this zone."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: a folder of zones, like Europe
        return False
    return True


def read_zone(value: object) -> object:
    """Read the name of a zone, or `system`."""
    if not isinstance(value, str):
        return value
    name = value.strip()
    if name.lower() == "system":
        return system_zone()
    if is_zone(name):
        return plain(name)
    near = difflib.get_close_matches(name, available_timezones(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"must be a zone of the tz database like Europe/Berlin, or system{hint}")
