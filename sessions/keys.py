"""KeyProvider: where the master key comes from.

A provider is asked at the start, and again when another program has let in a key that is not known here. What it needs
to find the same key again and may be public (the salt and cost of a passphrase, a blob wrapped by a key service) is
kept in the store as text.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sessions.cipher import KEY_SIZE, Secret
from sessions.errors import KeyRefused

# OWASP's floor for Argon2id is 19 MiB; this runs once per start, so it may cost 0.7 s.
ARGON2_MEMORY_KIB = 256 * 1024
ARGON2_PASSES = 3
ARGON2_LANES = 4
# Read back from the store, so capped: a changed row must not make us allocate 64 GiB.
MAX_MEMORY_KIB = 1024 * 1024
MAX_PASSES = 10
MAX_LANES = 16


class KeyProvider(Protocol):
    """Finds one 32-byte master key."""

    name: str

    def create(self) -> tuple[bytes, str]:
        """Give the key for a new store, and the public parameters to keep with it."""

    def find(self, parameters: str) -> bytes:
        """Give the key of an existing store. Raises `KeyRefused` if it can not be had."""


class RawKey(Secret):
    """A key handed over as 32 bytes."""

    name = "raw"

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise KeyRefused(f"a key has exactly {KEY_SIZE} bytes; make one with secrets.token_bytes({KEY_SIZE})")
        self._key = key

    @classmethod
    def from_base64(cls, text: str) -> RawKey:
        """Read the form an environment variable carries: base64 of 32 random bytes, never a phrase."""
        return cls(_decode(text.strip(), "the key"))

    def create(self) -> tuple[bytes, str]:
        """Give the key."""
        return self._key, ""

    def find(self, parameters: str) -> bytes:
        """Give the key."""
        return self._key


class KeyFile:
    """A file of 32 bytes or their base64 form, readable by its owner alone.

    With `create` a missing file is made (0600) for a new store; never for a store that exists, since
    a fresh key could not open it.
    """

    name = "file"

    def __init__(self, path: str | Path, *, create: bool = False) -> None:
        self.path = Path(path)
        self.created = False
        self._may_create = create

    def create(self) -> tuple[bytes, str]:
        """Read the file, or make it if that is allowed and it is missing."""
        if self._may_create and not os.path.lexists(self.path):
            write_secret(self.path, base64.b64encode(secrets.token_bytes(KEY_SIZE)))
            self.created = True
        return self.find(""), ""

    def find(self, parameters: str) -> bytes:
        """Read the file after checking what it is and who may read it."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK)
        except FileNotFoundError:
            raise KeyRefused(
                f"the key file {self.path} does not exist; put back the file this store was made with"
            ) from None
        except OSError as error:
            reason = "is a symbolic link" if self.path.is_symlink() else f"can not be read ({error.strerror})"
            raise KeyRefused(f"the key file {self.path} {reason}") from None
        try:
            self._check(os.fstat(handle))
            data = os.read(handle, 1024)
        finally:
            os.close(handle)
        return data if len(data) == KEY_SIZE else _decode_bytes(data, f"the key file {self.path}")

    def _check(self, info: os.stat_result) -> None:
        if not stat.S_ISREG(info.st_mode):
            raise KeyRefused(f"the key file {self.path} is not a regular file")
        if info.st_uid not in (os.geteuid(), 0):
            raise KeyRefused(f"the key file {self.path} belongs to somebody else; it must be yours or root's")
        if info.st_mode & 0o077:
            mode = stat.S_IMODE(info.st_mode)
            raise KeyRefused(
                f"the key file {self.path} is open to others (mode {mode:04o}); run: chmod 600 {self.path}"
            )


class Passphrase(Secret):
    """A phrase stretched with Argon2id (RFC 9106); salt and cost are kept with the store."""

    name = "passphrase"

    def __init__(
        self,
        phrase: str,
        *,
        memory_kib: int = ARGON2_MEMORY_KIB,
        passes: int = ARGON2_PASSES,
        lanes: int = ARGON2_LANES,
    ) -> None:
        if len(phrase) < 12:
            raise KeyRefused("a passphrase needs at least 12 characters; several random words are best")
        self._phrase = phrase.encode()
        self._cost = (memory_kib, passes, lanes)

    def create(self) -> tuple[bytes, str]:
        """Draw a salt and derive."""
        memory, passes, lanes = self._cost
        salt = secrets.token_bytes(16)
        text = json.dumps({"kdf": "argon2id", "salt": salt.hex(), "m": memory, "t": passes, "p": lanes})
        return self._derive(salt, memory, passes, lanes), text

    def find(self, parameters: str) -> bytes:
        """Derive with the stored salt and cost, refusing costs beyond 1 GiB or 10 passes."""
        try:
            stored = json.loads(parameters)
            salt = bytes.fromhex(stored["salt"])
            memory, passes, lanes = (int(stored[name]) for name in ("m", "t", "p"))
            known = stored["kdf"] == "argon2id" and len(salt) == 16
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            known = False
        if not known:
            raise KeyRefused("this store was not made with a passphrase; use the key it was made with")
        if not (8 * lanes <= memory <= MAX_MEMORY_KIB and 1 <= passes <= MAX_PASSES and 1 <= lanes <= MAX_LANES):
            raise KeyRefused("the stored cost of the passphrase is out of bounds; the store was changed")
        return self._derive(salt, memory, passes, lanes)

    def _derive(self, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
        kdf = Argon2id(salt=salt, length=KEY_SIZE, iterations=passes, lanes=lanes, memory_cost=memory)
        return kdf.derive(self._phrase)


class KeyService:
    """The hook for a key management service: the store keeps only what the service wrapped.

    `wrap` and `unwrap` turn 32 bytes into an opaque blob and back; they run when a provider is asked.
    """

    name = "service"

    def __init__(self, *, wrap: Callable[[bytes], bytes], unwrap: Callable[[bytes], bytes]) -> None:
        self._wrap, self._unwrap = wrap, unwrap

    def create(self) -> tuple[bytes, str]:
        """Draw a key and let the service wrap it."""
        key = secrets.token_bytes(KEY_SIZE)
        return key, base64.b64encode(self._wrap(key)).decode()

    def find(self, parameters: str) -> bytes:
        """Let the service unwrap what it wrapped."""
        try:
            wrapped = base64.b64decode(parameters, validate=True)
        except ValueError:
            raise KeyRefused("this store was not made with a key service; use the key it was made with") from None
        key = self._unwrap(wrapped)
        if len(key) != KEY_SIZE:
            raise KeyRefused("the key service gave back something that is not a key")
        return key


def write_secret(path: Path, text: bytes) -> None:
    """Write a line into a new file of the owner's alone. Raises `KeyRefused` if there is anything by that name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyRefused(f"{path} is there already; it was left as it is") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()  # half a key is worse than none
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name must survive a power cut as well, or the store is lost
    finally:
        os.close(folder)


def _decode_bytes(data: bytes, what: str) -> bytes:
    try:
        return _decode(data.decode("ascii").strip(), what)
    except UnicodeDecodeError:
        raise KeyRefused(
            f"{what} must hold {KEY_SIZE} bytes or their base64 form, it holds {len(data)} bytes"
        ) from None


def _decode(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_SIZE:
        raise KeyRefused(
            f"{what} must be base64 of {KEY_SIZE} random bytes (44 characters); make one with: openssl rand -base64 32"
        )
    return key
