"""Files that are read piece by piece, and change meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bot.operator.crew import CrewOptions, work_together
from bot.operator.encrypted_file import EncryptedWriter
from bot.operator.offered_files import keys_of
from bot.operator.offered_pieces import OfferedPieces, Piece
from bot.operator.sealing_work import SealingWork
from bot.operator.unread import Unread, UnreadTexts
from bot.startup import passphrase_in
from sessions.errors import InvalidValue, SessionError
from sessions.export.cuts import OtherLayout
from sessions.export.json_format import to_json
from tests.bot.operator.conversations import ME
from tests.bot.operator.crewed import ALONE, PAIR
from tests.bot.operator.machines import (
    archive,
    id_of,
    ten,
)
from tests.bot.operator.test_crew import opened
from tests.bot.shell import Shell
from tests.sessions.export.builders import a_transcript


async def numbers_for(count: int) -> Sequence[int]:
    return range(1, count + 1)


def offered(path: Path, batch: int = 1) -> OfferedPieces:
    return OfferedPieces([path], {}, numbers_for, batch=batch, single=False, cut=True)


def longer(path: Path) -> None:
    with path.open("a") as file:
        file.write(" ")


def touched(path: Path) -> None:
    text, state = path.read_text(), path.stat()
    path.write_text(text.replace("one", "eno"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def replaced(path: Path) -> None:
    other, state = path.with_suffix(".new"), path.stat()
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


def made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (longer, "it was changed while it was read; try again"),
        (touched, "it was changed while it was read; try again"),
        (replaced, "it was changed while it was read; try again"),
        (made_a_pipe, "it was changed while it was read; try again"),
        (Path.unlink, "it can not be read any more (No such file or directory)"),
    ],
)
async def test_a_file_that_changes_is_refused(tmp_path: Path, meddle: Callable[[Path], None], words: str) -> None:
    """Whoever cut it and whoever reads the piece must have seen the same file."""
    path = tmp_path / "ten.json"
    path.write_text(archive(ten()))
    with closing(offered(path, batch=10)) as pieces:
        found = await pieces.next()
    assert found is not None
    texts = archive(ten()).removesuffix("]}\n").partition('"sessions": [\n')[2].split("\n,\n")
    unread = [piece.value for piece in found if isinstance(piece.value, Unread)]
    with UnreadTexts() as reader:
        assert [reader.of(one).decode().strip() for one in unread] == [text.strip() for text in texts]
    meddle(path)
    with UnreadTexts() as reader, pytest.raises(InvalidValue, match=f"^{re.escape(words)}$"):
        reader.of(unread[3])


async def test_what_is_encrypted_is_sent(tmp_path: Path) -> None:
    """Whoever gets a piece has no key to read it from the file."""
    phrase, path = tmp_path / "phrase", tmp_path / "ten.json.enc"
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o600)
    with path.open("wb") as file, closing(EncryptedWriter(file, passphrase_in(phrase))) as writer:
        writer.write(archive(ten()).encode())
    keys = keys_of([path], lambda: passphrase_in(phrase))
    with closing(OfferedPieces([path], keys, numbers_for, batch=10, single=False, cut=True)) as pieces:
        found = await pieces.next()
    assert found is not None
    texts = [piece.value.text for piece in found if isinstance(piece.value, Unread)]
    assert [json.loads(text or b"")["session"]["id"] for text in texts] == [id_of(number) for number in range(10)]


@pytest.mark.parametrize("link", ["open", "named"])
async def test_what_this_process_has_open_is_found_by_another(tmp_path: Path, link: str) -> None:
    """By its own name; where that is gone the text itself is sent."""
    path, other = tmp_path / "ten.json", tmp_path / "link.json"
    path.write_text(archive(ten()))
    with path.open("rb") as file:
        other.symlink_to(path if link == "named" else f"/proc/{os.getpid()}/fd/{file.fileno()}")
        for gone in (False, True):
            if gone and link != "named":
                path.unlink()
            with closing(offered(other, batch=10)) as pieces:
                found = await pieces.next()
            unread = [piece.value for piece in found or () if isinstance(piece.value, Unread)]
            assert [one.text is None for one in unread] == [not gone or link == "named"] * 10
            assert {one.path for one in unread if one.text is None} <= {str(path)}
            with UnreadTexts() as reader:
                assert b"".join(map(reader.of, unread)).count(b'"palaver-session"') == 10


async def test_pieces_before_a_flaw_are_given_first(tmp_path: Path) -> None:
    """It is told to whoever asks for more, however many are read in one go."""
    path = tmp_path / "ten.json"
    path.write_text(archive(ten()) + "x")
    with closing(offered(path, batch=200)) as pieces:
        assert len(await pieces.next() or ()) == 9
        with pytest.raises(OtherLayout):
            await pieces.next()
    path.write_text(f"[{to_json(a_transcript('one'))}, nothing]")
    with closing(offered(path, batch=200)) as pieces:
        assert len(await pieces.next() or ()) == 1
        with pytest.raises(InvalidValue, match=r"^ten\.json: .*line \d+"):
            await pieces.next()


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """In words, by whoever reads it, which can be another than the one that was asked."""
    with closing(offered(tmp_path / "none.json")) as pieces, pytest.raises(InvalidValue, match="can not be read"):
        await pieces.next()


async def test_whoever_cancels_waits_for_what_is_read(tmp_path: Path) -> None:
    """A file is not closed under the hands of a thread that reads it."""
    path = tmp_path / "long.json"
    path.write_text(to_json(a_transcript(*(f"word {n}" for n in range(20_000)))))
    with closing(OfferedPieces([path], {}, numbers_for, batch=1, single=False, cut=False)) as pieces:
        reading = asyncio.create_task(pieces.next())
        await asyncio.sleep(0.005)
        assert reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


class Meddling:
    """Gives pieces, and makes the file longer after a few of them."""

    def __init__(self, path: Path, pieces: OfferedPieces) -> None:
        self._path, self._pieces, self._given = path, pieces, 0

    async def next(self) -> Sequence[Piece] | None:
        self._given += 1
        if self._given == 3:
            longer(self._path)
        return await self._pieces.next()

    def share(self) -> float:
        return self._pieces.share()


@pytest.mark.parametrize("crew", [ALONE, PAIR], ids=["alone", "crew"])
async def test_a_file_that_changes_is_named(here: Shell, tmp_path: Path, crew: CrewOptions) -> None:
    """By whoever notices, in the same words."""
    path = tmp_path / "ten.json"
    path.write_text(archive(ten()))
    work = SealingWork(owner=None, console=ME)
    async with opened() as sessions, asyncio.timeout(20):
        with closing(offered(path)) as pieces:
            answers = work_together(sessions, work, Meddling(path, pieces), crew)
            with pytest.raises(SessionError, match=r"^ten\.json: it was changed while it was read; try again$"):
                assert [one async for one in answers] == []
