"""An attacker who owns the place: reads it, changes it, puts things there. It is never more than an error."""

from __future__ import annotations

import os
import random
import shutil
import zlib
from pathlib import Path

import pytest

from sessions.exchange.bundle import MOST_BUNDLE, seal_bundle
from sessions.exchange.folder import INSIDE, PARTIAL, FolderPlace
from sessions.exchange.header import Header, Kind
from sessions.exchange.identity import Identity
from sessions.exchange.state import write_state
from sessions.exchange.trouble import PlaceError
from sessions.export.json_format import to_json
from tests.sessions.exchange.conftest import ANN, Machine, Workshop


def files(machine: Machine) -> list[Path]:
    """Give the bundles in the place."""
    assert isinstance(machine.place, FolderPlace)
    root = machine.place._path / INSIDE
    return sorted(path for path in root.rglob("*") if path.is_file())


async def identity_of(machine: Machine) -> Identity:
    return await machine.sessions.exchange._keeper.identity()


async def troubles(machine: Machine) -> list[str]:
    machine.clock.advance(1)
    return (await machine.sessions.exchange.pull(machine.place)).troubles


async def test_nothing_readable_lies_in_the_place(workshop: Workshop) -> None:
    """No word, title, tag, name, id or key: not in the files, not in their names."""
    async with workshop.machines("desk-canary", "laptop-canary") as (desk, laptop):
        ident = await desk.begins("word-canary", title="title-canary")
        await desk.sessions.update_session(ident, tags=["tag-canary"], metadata={"meta-canary": 1})
        await desk.push()
        await desk.sessions.exchange.contacts.set_team("team-canary", ["laptop-canary"])
        await desk.sessions.exchange.share(desk.place, ident, [], "team-canary")
        publics = [await one.sessions.exchange.identity() for one in (desk, laptop)]
        found = files(desk)
        assert len(found) == 2
        keys = [key for public in publics for key in (public.receive, public.sign, public.ident.encode())]
        for path in found:
            data = path.read_bytes() + str(path.relative_to(workshop.folder)).encode()
            assert b"canary" not in data
            assert ident.encode() not in data
            assert ANN.user_id.encode() not in path.name.encode()
            for key in keys:
                assert key not in data
                assert key.hex().encode() not in data


async def test_a_changed_or_cut_bundle_is_left_out_and_told_of(workshop: Workshop) -> None:
    """The others come in; when the right one is back it comes in as well."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        await desk.begins("one")
        await desk.begins("two")
        await desk.push()
        victim, _ = files(desk)
        whole, chance = victim.read_bytes(), random.Random(1)
        for number in range(30):
            data = bytearray(whole)
            if number % 2:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            else:
                del data[chance.randrange(len(data)) :]
            victim.write_bytes(data)
            (told,) = await troubles(laptop)
            assert told.startswith(f"bundle {victim.name[:8]} from desk was left out: it ")
        assert len(await laptop.sessions.list_sessions(ANN)) == 1
        victim.write_bytes(whole)
        assert (await laptop.pull()).added == 1
        assert await laptop.sessions.verify() == []


async def test_swapped_and_copied_bundles_are_left_out(workshop: Workshop) -> None:
    """Whether within a box, or into that of another machine."""
    async with workshop.machines("desk", "laptop", "phone") as (desk, laptop, _phone):
        await desk.begins("one")
        await desk.begins("two")
        await desk.push()
        await laptop.begins("three")
        await laptop.push()
        by_box: dict[Path, list[Path]] = {}
        for path in files(desk):
            by_box.setdefault(path.parent, []).append(path)
        for paths in by_box.values():
            if len(paths) > 1:
                first, second = paths[0].read_bytes(), paths[1].read_bytes()
                paths[0].write_bytes(second)
                paths[1].write_bytes(first)
        told = await troubles(laptop)
        assert len(told) == 2
        assert all("another's place" in one for one in told)
        for path in files(desk):  # everything into every box
            for box in by_box:
                if not (box / path.name).exists():
                    shutil.copy(path, box / path.name)
        told = await troubles(laptop)
        assert told
        assert all("another's place" in one for one in told)
        assert len(await laptop.sessions.list_sessions(ANN)) == 1


async def test_an_older_bundle_that_is_put_back_changes_nothing(workshop: Workshop) -> None:
    """It is told of; what was taken in since stays."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one", title="Old")
        await desk.push()
        await laptop.pull()
        (path,) = files(desk)
        old = path.read_bytes()
        await desk.sessions.update_session(ident, title="New")
        await desk.says(ident, "two")
        await desk.push()
        await laptop.pull()
        path.write_bytes(old)
        (told,) = await troubles(laptop)
        assert "older than what was read" in told
        assert (await laptop.session(ident)).title == "New"
        assert await laptop.reads(ident) == ["one", "two"]


async def test_an_erased_session_does_not_come_back_by_an_old_bundle(workshop: Workshop) -> None:
    """Neither here, where it was erased, nor there, where the tombstone was read."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ident = await desk.begins("one")
        await desk.push()
        (path,) = files(desk)
        old = path.read_bytes()
        await laptop.pull()
        await laptop.push(force=True)
        await desk.sessions.delete_session(ident)
        await desk.push()
        await laptop.pull()
        path.write_bytes(old)
        await troubles(laptop)
        await troubles(desk)
        for one in (desk, laptop):
            assert await one.sessions.list_sessions(ANN) == []


async def test_a_stranger_who_knows_all_public_lines_gets_nothing_in(workshop: Workshop) -> None:
    """Neither in the name of one of my machines nor in their own."""
    async with workshop.machines("desk", "laptop", "eve") as (desk, laptop, eve):
        await laptop.sessions.exchange.contacts.remove("eve")
        ident = await eve.begins("poison")
        await eve.push()
        assert (await laptop.pull()).added == 0
        stranger, mine = await identity_of(eve), await laptop.sessions.exchange.identity()
        ours = await identity_of(desk)
        header = Header(Kind.STATE, ident, 1, 0, bytes(32))
        content = write_state(await eve.sessions.transcript(ident), {})
        forged = seal_bundle(stranger, mine, header, content)
        box = ours.outgoing(mine)
        await desk.place.write(box.box, box.slot(Kind.STATE, ident), forged)
        (told,) = await troubles(laptop)
        assert "left out" in told
        real = seal_bundle(ours, mine, header, content)  # the twin: what really comes from the desk
        await desk.place.write(box.box, box.slot(Kind.STATE, ident), real)
        assert (await laptop.pull()).added == 1


async def test_somebody_else_who_is_known_can_not_change_what_is_here(workshop: Workshop) -> None:
    """States and tombstones are taken from machines of mine alone; a contact may share and nothing else."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        line, own = (await desk.sessions.exchange.identity()).line, await laptop.sessions.exchange.identity()
        ident = await desk.begins("one")
        await desk.push()
        await laptop.pull()
        await laptop.sessions.exchange.contacts.add("desk", line, mine=False, own=own)
        other = await identity_of(desk)
        await laptop.sessions.exchange.contacts.add("phone", Identity(bytes(32)).public.line, mine=True, own=own)
        await desk.begins("poison")
        await desk.sessions.delete_session(ident)
        await desk.push()
        pulled = await laptop.pull()
        assert (pulled.added, pulled.erased) == (0, 0)
        assert await laptop.reads(ident) == ["one"]
        assert other.public.line == line
        await laptop.sessions.exchange.contacts.add("desk", line, mine=True, own=own)  # the twin
        pulled = await laptop.pull()
        assert (pulled.added, pulled.erased) == (1, 1)


async def test_a_machine_of_mine_gone_bad_does_no_harm_beyond_its_sessions(workshop: Workshop) -> None:
    """A bomb, nonsense, another session than it says, times of the future: each is left out and told of."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ours, mine = await identity_of(desk), await laptop.sessions.exchange.identity()
        box = ours.outgoing(mine)
        ident = await desk.begins("one")
        text = "{}\n" + to_json(await desk.sessions.transcript(ident))
        contents = {
            "aaaaaaaaaaaa": text.replace(ident, "aaaaaaaaaaaa").replace("{}", "[]", 1).encode(),
            "bbbbbbbbbbbb": b"{}",
            "cccccccccccc": b"\xff\xfe",
            "dddddddddddd": text.encode(),
            "eeeeeeeeeeee": text.replace(ident, "eeeeeeeeeeee").replace("2026-", "2036-").encode(),
            "ffffffffffff": b"{}\n" + b"[" * 100_000,
            "hhhhhhhhhhhh": b'{"title": [9999999999999, ""]}' + text[2:].replace(ident, "hhhhhhhhhhhh").encode(),
            "iiiiiiiiiiii": text.replace(ident, "iiiiiiiiiiii").replace("2026-", "1926-").encode(),
            "gggggggggggg": text.replace(ident, "gggggggggggg").replace('"telegram"', '"a\\u0000b"').encode(),
        }
        for name, content in contents.items():
            header = Header(Kind.STATE, name, 1, 0, bytes(32))
            await desk.place.write(box.box, box.slot(Kind.STATE, name), seal_bundle(ours, mine, header, content))
        told = await troubles(laptop)
        assert len(told) == len(contents)
        assert await laptop.sessions.list_sessions(ANN) == []
        assert await laptop.sessions.verify() == []


async def test_a_bomb_from_a_machine_of_mine_is_not_unpacked(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops at what a session may have at most."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        ours, mine = await identity_of(desk), await laptop.sessions.exchange.identity()
        box = ours.outgoing(mine)
        bomb = zlib.compress(bytes(200 * 1024 * 1024), 9)
        packed = len(bomb).to_bytes(4, "big") + bomb
        monkeypatch.setattr("sessions.exchange.bundle.pack", lambda content: packed)
        header = Header(Kind.STATE, "bbbbbbbbbbbb", 1, 0, bytes(32))
        data = seal_bundle(ours, mine, header, b"")
        assert len(data) < 1_000_000
        await desk.place.write(box.box, box.slot(Kind.STATE, "bbbbbbbbbbbb"), data)
        (told,) = await troubles(laptop)
        assert "there are more than" in told


async def test_what_is_no_plain_file_is_not_followed_or_waited_for(workshop: Workshop) -> None:
    """Links, pipes, folders and files without an end in the place of a bundle."""
    secret = workshop.folder / "secret"
    secret.write_bytes(b"secret" * 100)
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        for turn in ("one", "two", "three", "four"):
            await desk.begins(turn)
        await desk.push()
        link, pipe, folder, long = files(desk)
        whole = link.read_bytes()
        for path in (link, pipe, folder):
            path.unlink()
        link.symlink_to(secret)
        os.mkfifo(pipe)
        folder.mkdir()
        os.truncate(long, MOST_BUNDLE + 1)
        told = await troubles(laptop)
        assert len(told) == 4
        assert "plain file" in "".join(told)
        assert "larger than" in "".join(told)
        assert secret.read_bytes() == b"secret" * 100
        link.unlink()
        (workshop.folder / "elsewhere").write_bytes(whole)
        link.symlink_to(workshop.folder / "elsewhere")  # also a whole bundle is not read through a link
        assert len(await troubles(laptop)) == 4


async def test_a_folder_that_leads_elsewhere_is_not_entered(workshop: Workshop) -> None:
    """Nothing is written or read outside of the place."""
    outside = workshop.folder / "outside"
    outside.mkdir()
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        await desk.begins("one")
        await desk.push()
        (path,) = files(desk)
        for folder in (path.parent, path.parent.parent):
            moved = folder.rename(outside / folder.name)
            folder.symlink_to(moved, target_is_directory=True)
            with pytest.raises(PlaceError):
                await laptop.sessions.exchange.pull(laptop.place)
            with pytest.raises(PlaceError):
                await desk.sessions.exchange.push(desk.place, force=True)
            folder.unlink()
            moved.rename(folder)
        assert (await laptop.pull()).added == 1


async def test_other_names_and_halves_are_passed_over(workshop: Workshop) -> None:
    """What a folder that is synchronised leaves lying about is none of ours; our own halves go after an hour."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        await desk.begins("one")
        await desk.push()
        (path,) = files(desk)
        strays = [
            path.with_name(f"{path.name} (conflicted copy)"),
            path.with_name(".DS_Store"),
            path.with_name(path.name.upper() + ".tmp"),
        ]
        halves = [path.with_name(f"{PARTIAL}old"), path.with_name(f"{PARTIAL}young")]
        for stray in (*strays, *halves):
            stray.write_bytes(b"half")
        os.utime(halves[0], (1, 1))
        assert (await laptop.pull()).added == 1
        await desk.begins("two")
        desk.place = FolderPlace(workshop.folder / "place")
        await desk.push()
        assert [half.exists() for half in halves] == [False, True]
        assert all(stray.exists() for stray in strays)


async def test_a_place_that_is_not_there_is_an_error_and_is_not_made(workshop: Workshop) -> None:
    """The stick may not be in its slot: nothing must be written to the folder that it is seen in."""
    async with workshop.machines("desk", "laptop") as (desk, _):
        await desk.begins("one")
        missing = FolderPlace(workshop.folder / "stick")
        with pytest.raises(PlaceError, match="no folder"):
            await desk.sessions.exchange.push(missing)
        assert not (workshop.folder / "stick").exists()


async def test_what_is_missing_from_the_place_is_sent_once_more(workshop: Workshop) -> None:
    """Until the other machine has told that it has it."""
    async with workshop.machines("desk", "laptop") as (desk, laptop):
        await desk.begins("one")
        await desk.push()
        for path in files(desk):
            path.unlink()
        assert (await desk.push()).sessions == 1
        await laptop.pull()
        await laptop.push(force=True)
        await desk.pull()
        for path in files(desk):
            path.unlink()
        assert (await desk.push()).sessions == 0
