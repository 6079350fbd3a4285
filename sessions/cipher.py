"""RecordCipher: sealed records, bytes in and bytes out.

A record is `C5 01 | algorithm | flags | nonce (12) | ciphertext | tag (16)`: 32 bytes more than its
content. The only algorithm so far is 1, AES-256-GCM with a hedged nonce. There is no plaintext
form and no second format to fall back to.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from hashlib import blake2b
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
MAC_SIZE = 16
HEADER = bytes((0xC5, 1, 1, 0))
OVERHEAD = len(HEADER) + NONCE_SIZE + TAG_SIZE
_BODY = len(HEADER) + NONCE_SIZE

RandomSource = Callable[[int], bytes]


class Unopened(Exception):
    """A record is not of the one known form, or its tag does not fit. Never says which."""


class Entropy:
    """Random bytes drawn in blocks, because a system call per record is the dearest step of a write.

    A forked child throws its inherited block away, so that two processes never share bytes.
    """

    _BLOCK = 4096
    _forks = 0  # how many forks lie between the first process and this one

    def __init__(self, source: RandomSource = os.urandom) -> None:
        self._source = source
        self._block, self._used = b"", 0
        self._process = Entropy._forks

    def draw(self, size: int) -> bytes:
        """Give `size` (at most 4096) bytes that nobody was given before."""
        start = self._used
        if start + size > len(self._block) or self._process != Entropy._forks:
            self._block, self._process, start = self._source(self._BLOCK), Entropy._forks, 0
        self._used = start + size
        return self._block[start : self._used]

    def another(self) -> Entropy:
        """Give one of the same source for another thread: one instance is for one thread."""
        return Entropy(self._source)

    @classmethod
    def count_fork(cls) -> None:
        """Make every instance of a forked child start a new block."""
        cls._forks += 1


os.register_at_fork(after_in_child=Entropy.count_fork)


def derive(key: bytes, salt: bytes, label: str, size: int = KEY_SIZE) -> bytes:
    """Derive a key for one purpose from a master key (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), size, salt, label.encode()).derive(key)


def _expand(key: bytes, label: bytes) -> bytes:
    """Expand a key (HKDF-SHA256, RFC 5869, 2.3) to the 32 bytes of one block, four times for each session opened."""
    return hmac.digest(key, label + b"\x01", "sha256")


class Secret:
    """Base of whatever holds a key."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: keys stay where they are."""
        raise TypeError("keys are not serialised")


def hedged_nonce(key: bytes, random: bytes, aad: bytes, content: bytes) -> bytes:
    """Work out a nonce that differs for different records even if `random` is the same."""
    return blake2b(random + len(aad).to_bytes(4, "big") + aad + content, key=key, digest_size=NONCE_SIZE).digest()


class RecordCipher(Secret):
    """Seals and opens the records of one data key.

    The associated data of a record must be unique within the key (it names the place of the record).
    The nonce is BLAKE2b(nonce key, random | associated data | content), RFC 7693: with a working random source it
    is as good as random, with a repeated one (a virtual machine resumed twice) two different records
    still never share it. BLAKE2b and not HMAC-SHA256, because OpenSSL's lets go of Python's lock for every
    digest, and taking it back from a busy thread takes ten times as long as the digest.
    """

    __slots__ = ("_aead", "_entropy", "_mac_key", "_nonce_key", "commitment")

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a data key has {KEY_SIZE} bytes")
        self._aead = AESGCM(_expand(key, b"palaver/v1/enc"))
        self._nonce_key = _expand(key, b"palaver/v1/nonce")
        self._mac_key = _expand(key, b"palaver/v1/mac")
        # Stored in clear and compared before use: AES-GCM alone does not commit to its key.
        self.commitment = _expand(key, b"palaver/v1/commit")
        self._entropy = entropy

    def seal(self, aad: bytes, content: bytes) -> bytes:
        """Encrypt `content` so that it opens only with the same associated data."""
        nonce = hedged_nonce(self._nonce_key, self._entropy.draw(32), aad, content)
        return HEADER + nonce + self._aead.encrypt(nonce, content, aad)

    def open(self, aad: bytes, record: bytes) -> bytes:
        """Give the content back, or raise `Unopened` for anything but the record that was sealed."""
        if record[:4] != HEADER:
            raise Unopened
        try:
            return self._aead.decrypt(record[4:_BODY], record[_BODY:], aad)
        except (InvalidTag, ValueError):
            raise Unopened from None

    def mac(self, data: bytes) -> bytes:
        """Authenticate data that stays in clear: 16 bytes of keyed BLAKE2b."""
        return blake2b(data, key=self._mac_key, digest_size=MAC_SIZE).digest()

    def verify(self, data: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.mac(data), mac)
