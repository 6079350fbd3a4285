"""Places: the place that an address names: a folder, or a database on a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

from sessions.errors import InvalidValue
from sessions.exchange.folder import FolderPlace
from sessions.exchange.place import Place

_SERVERS = ("postgresql:", "postgres:")


def is_server(address: str) -> bool:
    """Tell whether an address names a database, and no folder."""
    return address.startswith(_SERVERS)


def place_at(address: str) -> Place:
    """Give the place at an address. Raises `InvalidValue`."""
    if is_server(address):
        from sessions.postgres.exchange_place import DatabasePlace

        return DatabasePlace(address)
    if not address.strip() or "\0" in address or "://" in address:
        raise InvalidValue(
            "an exchange place is the path of a folder, or an address like postgresql://user@host/database"
        )
    return FolderPlace(Path(address).expanduser().absolute())
