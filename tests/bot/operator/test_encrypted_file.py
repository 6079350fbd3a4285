"""Encrypted files: they open with the passphrase alone, and only as they were written."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.operator.encrypted_file import CHUNK, EncryptedReader, EncryptedWriter, file_key, is_encrypted
from sessions.cipher import TAG_SIZE
from sessions.errors import KeyRefused, SessionError, Tampered
from sessions.keys import MAX_MEMORY_KIB, MAX_PASSES, Passphrase

PHRASE = Passphrase("correct horse battery staple", memory_kib=64, passes=1, lanes=1)
OTHER = Passphrase("correct horse battery stable", memory_kib=64, passes=1, lanes=1)
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5)


def sealed(content: bytes, piece: int = 1 << 20) -> bytes:
    target = io.BytesIO()
    writer = EncryptedWriter(target, PHRASE)
    for start in range(0, len(content), piece):
        writer.write(content[start : start + piece])
    writer.close()
    return target.getvalue()


def opened(data: bytes, phrase: Passphrase = PHRASE) -> bytes:
    reader = EncryptedReader(io.BytesIO(data), file_key(io.BytesIO(data), phrase))
    return b"".join(iter(lambda: reader.read(1), b""))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, 1 << 20])
def test_what_was_written_is_read_back(size: int, piece: int) -> None:
    """Whatever its length, and nothing of it can be seen."""
    content = random.Random(size).randbytes(size)
    data = sealed(content, piece)
    assert is_encrypted(data)
    assert opened(data) == content
    assert content[:16] not in data or size < 16


def test_another_passphrase_does_not_open_it() -> None:
    """And that is said before anything is read."""
    with pytest.raises(KeyRefused, match="the passphrase does not open this file"):
        opened(sealed(b"x"), OTHER)


def split(data: bytes) -> tuple[bytes, list[bytes]]:
    head, _, rest = data.partition(b"\n")
    size = CHUNK + TAG_SIZE
    return head + b"\n", [rest[start : start + size] for start in range(0, len(rest), size)]


@pytest.mark.parametrize(
    "order", [[0], [0, 1], [0, 1, 2, 2], [1, 0, 2], [0, 2], [1, 2], [2], [0, 1, 1, 2], []], ids=str
)
def test_chunks_that_are_missing_moved_or_doubled_are_noticed(order: list[int]) -> None:
    """Also when the file ends where a chunk does."""
    head, chunks = split(sealed(bytes(2 * CHUNK + 5)))
    assert len(chunks) == 3
    with pytest.raises(Tampered):
        opened(head + b"".join(chunks[index] for index in order))


def test_chunks_of_two_files_are_not_mixed() -> None:
    """Each file has a key of its own."""
    (head, (first, *_)), (_, (_, *others)) = split(sealed(bytes(2 * CHUNK))), split(sealed(bytes(2 * CHUNK)))
    with pytest.raises(Tampered):
        opened(head + first + b"".join(others))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_byte_anywhere_is_noticed(data: st.DataObject) -> None:
    """In the first line, in a chunk or in its tag."""
    good = sealed(b"some words" * 20)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SessionError):
        opened(bytes(changed))


@pytest.mark.parametrize("end", [0, 10, 200, -1, -TAG_SIZE, -TAG_SIZE - 1])
def test_a_file_that_was_cut_off_is_noticed(end: int) -> None:
    """Wherever that was."""
    with pytest.raises(SessionError):
        opened(sealed(b"some words" * 20)[:end])


@pytest.mark.parametrize(
    "change", [{"m": MAX_MEMORY_KIB + 1}, {"t": MAX_PASSES + 1}, {"p": 1000}, {"m": 10**30}, {"salt": "00"}, {"t": 0}]
)
def test_a_file_does_not_make_us_work_without_end(change: dict[str, object]) -> None:
    """Costs beyond the bounds are refused before anything is worked out."""
    head, chunks = split(sealed(b"x"))
    said = json.dumps({**json.loads(head), **change}).encode() + b"\n"
    with pytest.raises(KeyRefused, match="first line"):
        opened(said + b"".join(chunks))


def test_a_version_to_come_is_named(tmp_path: Path) -> None:
    """It may be read by a newer program."""
    head, chunks = split(sealed(b"x"))
    said = json.dumps({**json.loads(head), "version": 2}).encode() + b"\n"
    with pytest.raises(SessionError, match="another version"):
        opened(said + b"".join(chunks))
