"""Encrypted file: what was exported, readable only with a passphrase, written and read as a stream.

The first line is JSON in clear: the format, salt and cost of Argon2id, the beginning of the nonces, and a value that
tells whether a passphrase fits. Chunks of 64 KiB follow, each sealed by AES-256-GCM. The nonce of a chunk is its number
and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar), and the first line is
part of all associated data: a chunk that is changed, moved, missing or cut off is noticed, as is a changed first line.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions.cipher import KEY_SIZE, TAG_SIZE, derive
from sessions.errors import InvalidValue, KeyRefused, Tampered
from sessions.keys import Passphrase

FORMAT: Final = "palaver-encrypted"
VERSION: Final = 1
CHUNK: Final = 64 * 1024
MAX_HEADER = 1024  # bytes
_BEGINNING = b'{"format": "palaver-encrypted"'
_PREFIX = 7  # bytes of a nonce that are the same in one file
_MAX_CHUNKS = 1 << 32


class _Chunks:
    """Seals and opens the chunks of one file in their order."""

    def __init__(self, master: bytes, header: bytes, prefix: bytes) -> None:
        self._aead = AESGCM(derive(master, prefix, "palaver/v1/file"))
        self._header, self._prefix, self._number = header, prefix, 0

    def seal(self, content: bytes, *, last: bool) -> bytes:
        return self._aead.encrypt(self._nonce(last), content, self._header)

    def open(self, record: bytes, *, last: bool) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(last), record, self._header)
        except (InvalidTag, ValueError):
            raise Tampered("the encrypted file") from None

    def _nonce(self, last: bool) -> bytes:
        if self._number >= _MAX_CHUNKS:
            raise InvalidValue("an encrypted file holds at most 256 TiB")
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes((last,))
        self._number += 1
        return nonce


class EncryptedWriter:
    """Encrypts what is written; `close` must come at the end, or the file is incomplete."""

    def __init__(self, target: BinaryIO, passphrase: Passphrase) -> None:
        master, parameters = passphrase.create()
        prefix = secrets.token_bytes(_PREFIX)
        said = {"format": FORMAT, "version": VERSION, **json.loads(parameters), "nonce": prefix.hex()}
        header = json.dumps({**said, "check": _check(master, prefix)}).encode() + b"\n"
        self._target, self._chunks, self._held = target, _Chunks(master, header, prefix), bytearray()
        target.write(header)

    def write(self, data: bytes) -> None:
        """Encrypt what fills a chunk, and hold the rest."""
        self._held += data
        while len(self._held) > CHUNK:  # a full one is kept back: it may be the last
            self._target.write(self._chunks.seal(bytes(self._held[:CHUNK]), last=False))
            del self._held[:CHUNK]

    def close(self) -> None:
        """Write the last chunk."""
        self._target.write(self._chunks.seal(bytes(self._held), last=True))
        self._held.clear()


class EncryptedReader:
    """Gives back what was written. Raises `Tampered` where the file is not as it was written, `KeyRefused`."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        header = source.readline(MAX_HEADER)
        prefix, check = _read(header)
        if not hmac.compare_digest(_check(key, prefix), check):
            raise KeyRefused("the passphrase does not open this file")
        self._source, self._chunks = source, _Chunks(key, header, prefix)
        self._ahead = source.read(CHUNK + TAG_SIZE)
        self._ended = False

    def read(self, size: int) -> bytes:
        """Give the next chunk, whatever the size asked for; nothing at the end."""
        while not self._ended:
            record, self._ahead = self._ahead, self._source.read(CHUNK + TAG_SIZE)
            self._ended = not self._ahead
            if content := self._chunks.open(record, last=self._ended):
                return content
        return b""


def is_encrypted(beginning: bytes) -> bool:
    """Tell by its first bytes whether a file was written here."""
    return beginning.startswith(_BEGINNING)


def file_key(source: BinaryIO, passphrase: Passphrase) -> bytes:
    """Give the key of one file, from its passphrase; costs beyond 1 GiB or 10 passes are refused."""
    said = _header(source.readline(MAX_HEADER))
    try:
        key = passphrase.find(json.dumps({name: said.get(name) for name in ("kdf", "salt", "m", "t", "p")}))
    except KeyRefused:
        raise KeyRefused("the first line of the encrypted file was changed: it asks for what no file needs") from None
    prefix, check = _parts(said)
    if not hmac.compare_digest(_check(key, prefix), check):
        raise KeyRefused("the passphrase does not open this file")
    return key


def key_of_hex(text: str) -> bytes:
    """Read a key that came as text. Raises `KeyRefused`."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise KeyRefused("this is no key of an encrypted file")
    return key


def _check(master: bytes, prefix: bytes) -> str:
    """Commit to the key: AES-GCM alone opens under several keys what was made for that."""
    return derive(master, prefix, "palaver/v1/file-check").hex()


def _read(header: bytes) -> tuple[bytes, str]:
    return _parts(_header(header))


def _header(header: bytes) -> dict[str, object]:
    try:
        said = json.loads(header)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not header.endswith(b"\n"):
        raise Tampered("the first line of the encrypted file")
    if said.get("version") != VERSION:
        raise InvalidValue("the encrypted file is of another version; install the Palaver that wrote it")
    return said


def _parts(said: dict[str, object]) -> tuple[bytes, str]:
    try:
        prefix = bytes.fromhex(str(said.get("nonce")))
    except ValueError:
        prefix = b""
    check = said.get("check")
    if len(prefix) != _PREFIX or not isinstance(check, str) or not check.isascii():
        raise Tampered("the first line of the encrypted file")
    return prefix, check
