"""KeyHolder: the process that holds the store, be it the bot that runs or this one, for as long as a command takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.control import SOCKET, Answer, ask
from bot.operation_table import OPERATIONS
from bot.operations import operator, writing
from bot.operator.key_operations import ADOPT, FILE, HERE, PASSPHRASE
from bot.startup import key_provider
from bot.stores import is_there, nothing_at, store_of
from config.settings import Settings
from sessions.audit import acting
from sessions.errors import NoStoreYet
from sessions.keys import KeyProvider
from sessions.manager import SessionManager
from sessions.master_key import MasterKey
from sessions.message import JsonValue
from sessions.records import Foundation


class KeyHolder:
    """Carries out operations; `sessions` is None while a bot runs."""

    def __init__(self, settings: Settings, sessions: SessionManager | None) -> None:
        self._settings, self._sessions = settings, sessions

    async def do(self, name: str, **arguments: JsonValue) -> Answer:
        """Carry out an operation."""
        if self._sessions is None:
            return await OPERATIONS.carry_out(self._settings, name, **arguments)
        with acting(operator()):
            return await OPERATIONS.controls(self._sessions)[name]({"do": name, **arguments})

    async def adopt(self) -> str:
        """Have the key at hand there that the settings name, and give its id."""
        provider = key_provider(self._settings)
        if self._sessions is not None:
            return await self._sessions.keyring.adopt(provider)
        source = source_of(self._settings)
        if source is None:  # a key in the environment is not handed to another process
            return await kid_of(self._settings, provider)
        return str((await self.do(ADOPT, source=source[0], path=source[1]))["key"])


@asynccontextmanager
async def holding(settings: Settings) -> AsyncIterator[KeyHolder]:
    """Reach the process that holds the store, or hold it here. Raises `NotFound` where nothing was ever stored."""
    if not await is_there(settings.store):
        raise nothing_at(settings.store)
    if await ask(settings.home / SOCKET, {"do": HERE}) is not None:
        yield KeyHolder(settings, None)
        return
    async with writing(settings) as sessions:
        yield KeyHolder(settings, sessions)


def source_of(settings: Settings) -> tuple[str, str] | None:
    """Give the kind and the path of the file that gives the key; None for a key that stands in the settings."""
    if settings.key is not None:
        return None
    if settings.key_passphrase_file is not None:
        return PASSPHRASE, str(settings.key_passphrase_file)
    return FILE, str(settings.key_file)


async def foundation_of(settings: Settings) -> Foundation:
    """Read the keyring, for which no key is needed. Raises `NotFound`."""
    store = store_of(settings.store, read_only=True)
    try:
        foundation = await store.open()
    except NoStoreYet:
        foundation = None
    finally:
        await store.close()
    if foundation is None:
        raise nothing_at(settings.store)
    return foundation


async def kid_of(settings: Settings, provider: KeyProvider) -> str:
    """Give the id that a key has in this store."""
    return MasterKey(provider.find(""), (await foundation_of(settings)).salt).kid.hex()
