"""Stores: the database that an address of the settings names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.address import check_store
from config.errors import SettingsError

if TYPE_CHECKING:
    from sessions.store import Store

SQLITE = "sqlite:///"


def path_of(address: str) -> Path | None:
    """Give the file of a SQLite address; None for a database server."""
    return Path(address.removeprefix(SQLITE)).expanduser().absolute() if address.startswith(SQLITE) else None


def store_at(address: str, *, read_only: bool = False) -> Store:
    """Give the store at an address, not open yet. Raises `SettingsError`."""
    try:
        check_store(address)
    except ValueError as error:
        raise SettingsError([f"{address.partition(':')[0]}: {error}"]) from None
    path = path_of(address)
    if path is not None:
        from sessions.sqlite.store import SqliteStore

        return SqliteStore(path, read_only=read_only)
    from sessions.postgres.store import PostgresStore

    return PostgresStore(address, read_only=read_only)
