"""Vault: the keys of one installation.

    master key (outside the store)
      kid   = HKDF(master, salt, "kid")      names the key, is no secret
      kek   = HKDF(master, salt, "kek")      wraps, with AES-256-GCM:
        index, preferences, census, mail, audit    keys of the installation
        data key of each session             random, 32 bytes

A wrapped key is `C5 01 | kid (8) | nonce (12) | key (32) | tag (16)`, 70 bytes, bound to what it is for.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions.cipher import KEY_SIZE, Entropy, RecordCipher, Secret, derive, hedged_nonce
from sessions.errors import KeyRefused, SessionLocked, Tampered, WrongKey
from sessions.keys import KeyProvider
from sessions.records import Foundation, KeyringRow
from sessions.session_key import length_prefixed

WRAP_HEADER = bytes((0xC5, 1))
WRAP_SIZE = 70
SALT_SIZE = 16
INDEX_SIZE = 16  # 128 bits: two of 10^9 ids collide with a chance of 10^-21
RECENT = 1024  # hashes that are remembered
_PURPOSES = ("index", "preferences", "census", "mail", "audit")


class _MasterKey(Secret):
    """One master key of this installation, reduced to what it derives."""

    __slots__ = ("_check", "_kek", "_nonce_key", "kid")

    def __init__(self, master: bytes, salt: bytes) -> None:
        self.kid = derive(master, salt, "palaver/v1/kid", 8)
        self._kek = AESGCM(derive(master, salt, "palaver/v1/kek"))
        self._nonce_key = derive(master, salt, "palaver/v1/kek-nonce")
        self._check = derive(master, salt, "palaver/v1/check")

    def check_value(self, row: KeyringRow, install_id: bytes, created_at: int) -> bytes:
        fields = length_prefixed(row.provider, row.parameters, row.state)
        times = struct.pack(">qq", row.created_at, created_at)
        return hmac.digest(self._check, install_id + self.kid + times + fields, "sha256")

    def wrap(self, key: bytes, aad: bytes, random: bytes) -> bytes:
        nonce = hedged_nonce(self._nonce_key, random, aad, key)
        return WRAP_HEADER + self.kid + nonce + self._kek.encrypt(nonce, key, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        try:
            return self._kek.decrypt(wrapped[10:22], wrapped[22:], aad)
        except InvalidTag:
            raise Tampered("a key") from None


class Vault(Secret):
    """Opens and makes data keys. Holds derived keys only, and shows none."""

    def __init__(self, foundation: Foundation, masters: Sequence[_MasterKey], entropy: Entropy) -> None:
        self.install_id = foundation.install_id
        self._masters = {master.kid: master for master in masters}
        self._primary = masters[0]
        self._entropy = entropy
        keys = {purpose: self._secret(foundation, purpose) for purpose in _PURPOSES}
        self._index = keys["index"]
        self._recent = lru_cache(RECENT)(self._hash)  # each message asks for the same few several times
        self.preferences = RecordCipher(keys["preferences"], entropy)
        self.census = RecordCipher(keys["census"], entropy)
        self.mail = RecordCipher(keys["mail"], entropy)
        self.audit = RecordCipher(keys["audit"], entropy)

    @classmethod
    def found(cls, providers: Sequence[KeyProvider], now_ms: int, entropy: Entropy) -> tuple[Vault, Foundation]:
        """Make the keys of a new installation; the first provider's key becomes the primary one."""
        install_id, salt = secrets.token_bytes(16), secrets.token_bytes(SALT_SIZE)
        key, parameters = providers[0].create()
        master = _MasterKey(key, salt)
        row = KeyringRow(
            kid=master.kid,
            provider=providers[0].name,
            parameters=parameters,
            state="primary",
            created_at=now_ms,
            check_value=b"",
        )
        row = replace(row, check_value=master.check_value(row, install_id, now_ms))
        wrapped = {
            purpose: master.wrap(secrets.token_bytes(KEY_SIZE), _wrap_aad(install_id, purpose), entropy.draw(32))
            for purpose in _PURPOSES
        }
        foundation = Foundation(install_id=install_id, salt=salt, created_at=now_ms, keyring=(row,), secrets=wrapped)
        return cls(foundation, [master], entropy), foundation

    @classmethod
    def unlock(cls, foundation: Foundation, providers: Sequence[KeyProvider], entropy: Entropy) -> Vault:
        """Find the master keys of an existing installation among the providers.

        Raises `WrongKey` when the primary one is not among them, `KeyRefused` when a provider can not
        give its key at all, `Tampered` when the keyring was changed.
        """
        if len(foundation.salt) != SALT_SIZE:  # HMAC takes a salt with zeros behind it for the same
            raise Tampered("the keyring")
        found: dict[bytes, _MasterKey] = {}
        offered: list[str] = []
        for row in foundation.keyring:
            for provider in providers:
                master = _try(provider, row, foundation.salt, len(providers) > 1)
                if master is None:
                    continue
                offered.append(master.kid.hex())
                if master.kid == row.kid:
                    found[row.kid] = master
                    _check(master, row, foundation)
        primary = [row.kid for row in foundation.keyring if row.state == "primary"]
        if len(primary) != 1:
            raise Tampered("the keyring")
        if primary[0] not in found:
            raise WrongKey([row.kid.hex() for row in foundation.keyring], sorted(set(offered)))
        ordered = [found.pop(primary[0]), *found.values()]
        return cls(foundation, ordered, entropy)

    @property
    def kid(self) -> str:
        """Name of the primary master key: 16 hex digits, not a secret."""
        return self._primary.kid.hex()

    def index(self, label: str, data: bytes) -> bytes:
        """Hash an id with a key, so that rows can be found by it and a stolen store tells nothing."""
        return self._recent(label, data)

    def _hash(self, label: str, data: bytes) -> bytes:
        return hmac.digest(self._index, length_prefixed(label) + data, "sha256")[:INDEX_SIZE]

    def new_session_key(self, session_id: str) -> tuple[bytes, RecordCipher]:
        """Draw a data key: give it wrapped, and ready for use."""
        key = secrets.token_bytes(KEY_SIZE)
        wrapped = self._primary.wrap(key, _wrap_aad(self.install_id, "session", session_id), self._entropy.draw(32))
        return wrapped, RecordCipher(key, self._entropy)

    def session_cipher(self, session_id: str, wrapped: bytes, commitment: bytes) -> RecordCipher:
        """Open a session's data key. Raises `SessionLocked` or `Tampered`."""
        key = self._unwrap(wrapped, _wrap_aad(self.install_id, "session", session_id))
        cipher = RecordCipher(key, self._entropy)
        if not hmac.compare_digest(cipher.commitment, commitment):
            raise Tampered("a key")
        return cipher

    def _secret(self, foundation: Foundation, purpose: str) -> bytes:
        if purpose not in foundation.secrets:
            raise Tampered("the keyring")
        return self._unwrap(foundation.secrets[purpose], _wrap_aad(self.install_id, purpose))

    def _unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        if len(wrapped) != WRAP_SIZE or wrapped[:2] != WRAP_HEADER:
            raise Tampered("a key")
        master = self._masters.get(wrapped[2:10])
        if master is None:
            raise SessionLocked(wrapped[2:10].hex())
        return master.unwrap(wrapped, aad)


def _try(provider: KeyProvider, row: KeyringRow, salt: bytes, several: bool) -> _MasterKey | None:
    """Ask one provider for the key of one row; with several providers one that can not is passed over."""
    try:
        return _MasterKey(provider.find(row.parameters), salt)
    except KeyRefused:
        if several:
            return None
        raise


def _check(master: _MasterKey, row: KeyringRow, foundation: Foundation) -> None:
    expected = master.check_value(row, foundation.install_id, foundation.created_at)
    if not hmac.compare_digest(expected, row.check_value):
        raise Tampered("the keyring")


def _wrap_aad(install_id: bytes, purpose: str, session_id: str | None = None) -> bytes:
    return WRAP_HEADER + install_id + length_prefixed("palaver/wrap", purpose, session_id)
