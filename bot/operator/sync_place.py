"""Sync place: where bundles are exchanged, as the command line or the settings say."""

from __future__ import annotations

from config.address import check_place
from config.errors import SettingsError
from config.mask import masked
from config.settings import Settings


def place_for(settings: Settings, named: str | None) -> str:
    """Give the address of the place. Raises `SettingsError` where there is none, or none that can be."""
    if named is None:
        if settings.sync.place is None:
            raise SettingsError(
                ["sync.place: not set; set it to a folder or a database that both sides reach, or name it with --place"]
            )
        return settings.sync.place
    try:
        return check_place(named)
    except ValueError as error:
        raise SettingsError([f"the place {masked(named)} {error}"]) from None
