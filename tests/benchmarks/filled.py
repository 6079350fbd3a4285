"""Filled: stores with content, made once a run through each store's own API, and copied for each measurement."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.store import Store
from tests.benchmarks.stores import STORES
from tests.benchmarks.workload import history


@dataclass(frozen=True, slots=True)
class Content:
    """So many sessions of so many messages each."""

    sessions: int
    messages: int

    @property
    def total(self) -> int:
        """How many messages that makes."""
        return self.sessions * self.messages

    def names(self) -> list[str]:
        """Name the sessions."""
        return [f"s{number}" for number in range(self.sessions)]


def filled_path(work: Path, store: str, content: Content) -> Path:
    """Give the folder of a filled store."""
    return work / f"{STORES[store].filled_as or store}-{content.sessions}x{content.messages}"


async def fill(work: Path, name: str, content: Content) -> None:
    """Fill a store, unless it was done."""
    final = filled_path(work, name, content)
    if final.exists():
        return
    folder = final.with_name(final.name + ".part")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    store = STORES[name].load()(folder)
    await store.open()
    names = iter(content.names())
    texts = history(content.messages)
    await asyncio.gather(*(_fill_next(store, names, texts) for _ in range(store.at_once)))
    await store.close()
    folder.rename(final)


async def _fill_next(store: Store, names: Iterator[str], texts: list[tuple[str, str]]) -> None:
    """Fill one session after the other until none is left."""
    for name in names:
        for start in range(0, len(texts), store.chunk):
            await store.fill(name, texts[start : start + store.chunk])
        await store.forget(name)


@contextmanager
def copied(work: Path, name: str, content: Content) -> Iterator[Path]:
    """Give a copy of a filled store to spoil."""
    folder = Path(tempfile.mkdtemp(dir=work, prefix="copy-"))
    try:
        shutil.copytree(filled_path(work, name, content), folder, dirs_exist_ok=True)
        settle(folder)
        yield folder
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def opened(work: Path, name: str, content: Content) -> AsyncIterator[Store]:
    """Open a copy of a filled store."""
    with copied(work, name, content) as folder:
        store = STORES[name].load()(folder)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


def settle(folder: Path) -> None:
    """Have what is in a folder written out now, and not while something is timed."""
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
