"""Places: folders and databases keep bundles whole, for several machines at once."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from sessions.errors import InvalidValue
from sessions.exchange.bundle import MOST_BUNDLE
from sessions.exchange.folder import FolderPlace
from sessions.exchange.place import Place
from sessions.exchange.places import is_server, place_at
from sessions.exchange.trouble import BadBundle, PlaceError
from sessions.postgres.exchange_place import DatabasePlace
from tests.postgres_server import PostgresServer
from tests.sessions.exchange.conftest import Workshop

BOX, OTHER, SLOT, NEXT = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)


async def test_what_was_put_there_is_there(each_workshop: Workshop) -> None:
    """By box and slot, whole or its beginning, until it is replaced or removed."""
    place = each_workshop.place()
    assert await place.slots(BOX) == []
    with pytest.raises(BadBundle):
        await place.read(BOX, SLOT)
    await place.remove(BOX, SLOT)
    await place.write(BOX, NEXT, b"next")
    await place.write(BOX, SLOT, b"one")
    await place.write(BOX, SLOT, b"other")
    assert await place.slots(BOX) == [SLOT, NEXT]
    assert await place.slots(OTHER) == []
    assert await place.read(BOX, SLOT) == b"other"
    assert await place.head(BOX, SLOT, 2) == b"ot"
    await place.remove(BOX, SLOT)
    assert await place.slots(BOX) == [NEXT]
    with pytest.raises(BadBundle):
        await place.head(BOX, SLOT, 2)
    await place.close()


async def test_many_write_at_once(each_workshop: Workshop) -> None:
    """Each finds the place new, as it is when all begin on the same day."""
    places: list[Place] = [each_workshop.place() for _ in range(6)]
    await asyncio.gather(*(place.write(BOX, f"{number:032x}", b"x") for number, place in enumerate(places)))
    assert await places[0].slots(BOX) == [f"{number:032x}" for number in range(6)]
    for place in places:
        await place.close()


async def test_a_reader_never_sees_a_half(workshop: Workshop) -> None:
    """While a bundle is replaced again and again it is always one of those that were put there."""
    place = workshop.place()
    whole = [bytes([letter]) * 300_000 for letter in b"xy"]

    async def write() -> None:
        for number in range(40):
            await place.write(BOX, SLOT, whole[number % 2])

    await place.write(BOX, SLOT, whole[1])
    writing = asyncio.create_task(write())
    while not writing.done():
        assert await place.read(BOX, SLOT) in whole
    await writing


async def test_what_is_too_large_in_a_database_is_not_fetched(postgres: PostgresServer, database: str) -> None:
    """It is told by its size alone."""
    place = DatabasePlace(database)
    await place.write(BOX, SLOT, b"x")
    await place.write(BOX, SLOT, bytes(MOST_BUNDLE + 1))
    with pytest.raises(BadBundle, match="larger than"):
        await place.read(BOX, SLOT)
    await place.close()
    postgres.execute("DROP SCHEMA palaver_exchange CASCADE", address=database)


async def test_a_database_that_is_not_there_is_an_error_in_words(postgres: PostgresServer) -> None:
    """Without the password of its address."""
    address = postgres.address_of("nowhere").replace("postgres@", "postgres:canary@")
    place = DatabasePlace(address)
    with pytest.raises(PlaceError, match="exchange place") as caught:
        await place.slots(BOX)
    assert "canary" not in str(caught.value)
    await place.close()


@pytest.mark.parametrize("name", ["", "..", "../x", "A" * 32, "c" * 31, f"{'c' * 31}/"])
async def test_no_other_names_are_used(workshop: Workshop, name: str) -> None:
    """A box is never left by its name."""
    with pytest.raises(ValueError, match="no name of a box"):
        await workshop.place().slots(name)


async def test_a_folder_that_may_not_be_written_to_is_an_error_in_words(workshop: Workshop) -> None:
    """It names the place and what the system said."""
    path = workshop.folder / "file"
    path.write_bytes(b"")
    with pytest.raises(PlaceError, match="no folder"):
        await FolderPlace(path).write(BOX, SLOT, b"x")
    inside = workshop.folder / "taken"
    inside.mkdir()
    (inside / "palaver-exchange").write_bytes(b"")
    with pytest.raises(PlaceError, match="can not be used"):
        await FolderPlace(inside).write(BOX, SLOT, b"x")


async def test_others_may_read_what_is_for_them(workshop: Workshop) -> None:
    """Files in a common folder get the rights that its users have chosen by their umask."""
    before = os.umask(0o022)
    try:
        await workshop.place().write(BOX, SLOT, b"x")
    finally:
        os.umask(before)
    path = workshop.folder / "place" / "palaver-exchange" / BOX / SLOT
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("address", ["", " ", "mysql://host/db", "file:///x", "a\0b"])
def test_what_is_no_address_of_a_place_is_refused(address: str) -> None:
    """It says what is one."""
    with pytest.raises(InvalidValue, match="the path of a folder"):
        place_at(address)
    assert not is_server(address)


def test_an_address_names_a_folder_or_a_database(tmp_path: Path) -> None:
    """By how it begins."""
    assert isinstance(place_at(str(tmp_path)), FolderPlace)
    assert isinstance(place_at("postgresql://user@host/database"), DatabasePlace)
