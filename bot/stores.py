"""Stores: the database that an address of the settings names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.address import check_store
from config.errors import SettingsError
from config.mask import masked
from sessions.errors import NoStoreYet, NotFound, SessionError

if TYPE_CHECKING:
    from config.settings import StoreSettings
    from sessions.store import Store


class NothingStored(NotFound):
    """Nothing was ever stored where the settings say."""

    def __init__(self, place: str) -> None:
        self.place = place
        SessionError.__init__(
            self,
            f"there is no store yet at {place}; palaver chat and palaver run make one. "
            "If there is one elsewhere, say where with --home or store.url",
        )


def store_of(settings: StoreSettings, *, read_only: bool = False) -> Store:
    """Give the store of the settings, not open yet."""
    if settings.file is not None:
        from sessions.sqlite.store import SqliteStore

        return SqliteStore(settings.file, read_only=read_only)
    from sessions.postgres.store import PostgresStore

    pooled, many = settings.connection == "pooled", settings.workers == "many"
    sole = not (read_only or pooled or many)
    return PostgresStore(
        settings.url, read_only=read_only, pooler=pooled, sole=sole, many=many, lifetime=settings.lease_seconds
    )


async def is_there(settings: StoreSettings) -> bool:
    """Tell whether anything was ever stored, without making anything. Raises `StoreError`."""
    if settings.file is not None:
        return settings.file.exists()
    store = store_of(settings, read_only=True)
    try:
        return await store.open() is not None
    except NoStoreYet:
        return False
    finally:
        await store.close()


def nothing_at(settings: StoreSettings) -> NotFound:
    """Give the error for a store in which nothing was ever stored."""
    return NothingStored(masked(settings.url).removeprefix("sqlite:///"))


def settings_at(address: str, like: StoreSettings) -> StoreSettings:
    """Give settings for a store at another address. Raises `SettingsError`."""
    try:
        return like.model_copy(update={"url": check_store(address)})
    except ValueError as error:
        raise SettingsError([f"the address {masked(address)} {error}"]) from None
