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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from sessions.cipher import KEY_SIZE, Entropy, RecordCipher, Secret
from sessions.errors import KeyRefused, SessionLocked, Tampered
from sessions.keys import KeyProvider
from sessions.master_key import (
    PRIMARY,
    WRAP_HEADER,
    WRAP_SIZE,
    MasterKey,
    find_masters,
    find_offered,
    primary_row,
)
from sessions.records import Foundation, KeyringRow
from sessions.session_key import length_prefixed

SALT_SIZE = 16
INDEX_SIZE = 16  # 128 bits: two of 10^9 ids collide with a chance of 10^-21
RECENT = 1024  # hashes that are remembered
_PURPOSES = ("index", "preferences", "census", "mail", "audit")


class Vault(Secret):
    """Opens and makes data keys. Holds derived keys only, and shows none."""

    def __init__(
        self,
        foundation: Foundation,
        masters: Sequence[MasterKey],
        entropy: Entropy,
        providers: Sequence[KeyProvider] = (),
    ) -> None:
        self.install_id, self._providers = foundation.install_id, providers
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
        master = MasterKey(key, salt)
        row = KeyringRow(
            kid=master.kid,
            provider=providers[0].name,
            parameters=parameters,
            state=PRIMARY,
            created_at=now_ms,
            check_value=b"",
        )
        wrapped = {
            purpose: master.wrap(secrets.token_bytes(KEY_SIZE), _wrap_aad(install_id, purpose), entropy.draw(32))
            for purpose in _PURPOSES
        }
        born = Foundation(install_id=install_id, salt=salt, created_at=now_ms, keyring=(), secrets=wrapped)
        foundation = replace(born, keyring=(master.seal(row, born),))
        return cls(foundation, [master], entropy, providers), foundation

    @classmethod
    def unlock(cls, foundation: Foundation, providers: Sequence[KeyProvider], entropy: Entropy) -> Vault:
        """Find the master keys of an existing installation among the providers.

        Raises `WrongKey` when the primary one is not among them, `KeyRefused` when a provider can not
        give its key at all, `Tampered` when the keyring was changed.
        """
        if len(foundation.salt) != SALT_SIZE:  # HMAC takes a salt with zeros behind it for the same
            raise Tampered("the keyring")
        found = find_masters(foundation, providers)
        primary = _primary(foundation)
        return cls(foundation, [found.pop(primary), *found.values()], entropy, providers)

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
        wrapped, key = self._drawn(session_id)
        return wrapped, RecordCipher(key, self._entropy)

    def session_cipher(self, session_id: str, wrapped: bytes, commitment: bytes) -> RecordCipher:
        """Open a session's data key. Raises `SessionLocked` or `Tampered`."""
        key = self._unwrap(wrapped, _wrap_aad(self.install_id, "session", session_id))
        cipher = RecordCipher(key, self._entropy)
        if not hmac.compare_digest(cipher.commitment, commitment):
            raise Tampered("a key")
        return cipher

    # -- other master keys ---------------------------------------------------------------------

    def knows(self, kid: bytes) -> bool:
        """Tell whether a master key is at hand."""
        return kid in self._masters

    def master(self, kid: bytes) -> MasterKey:
        """Give a master key that is at hand. Raises `SessionLocked`."""
        if kid not in self._masters:
            raise SessionLocked(kid.hex())
        return self._masters[kid]

    def adopt(self, master: MasterKey) -> None:
        """Open from now on what this key wrapped as well."""
        self._masters[master.kid] = master

    def known(self) -> frozenset[bytes]:
        """Name the master keys that are at hand."""
        return frozenset(self._masters)

    def follow(self, foundation: Foundation, known: frozenset[bytes]) -> None:
        """Take from the providers what the keyring has by now, and let go what it has no more; may take a second.

        `known` was at hand before the keyring was read. Raises `KeyRefused` if the primary key can not be had,
        `Tampered` when the keyring was changed.
        """
        primary = _primary(foundation)
        found = find_offered([row for row in foundation.keyring if row.kid not in known], foundation, self._providers)
        self._masters.update(found)
        if primary not in self._masters:
            raise KeyRefused(
                f"the conversations are wrapped with key {primary.hex()} by now, which is not at hand here; name its "
                "file in key_file and the one before it in old_key_files, and restart"
            )
        self._masters[primary].check(primary_row(foundation), foundation)
        self._primary = self._masters[primary]
        for kid in known - {row.kid for row in foundation.keyring}:
            self._masters.pop(kid, None)

    def promote(self, kid: bytes) -> None:
        """Wrap new keys with this one from now on."""
        self._primary = self.master(kid)

    def let_go(self, kid: bytes) -> None:
        """Forget a master key that nothing is wrapped with any more."""
        self._masters.pop(kid, None)

    def rewrapped(self, session_id: str, wrapped: bytes) -> bytes:
        """Wrap a session's data key with the primary master key. Raises `SessionLocked` or `Tampered`."""
        aad = _wrap_aad(self.install_id, "session", session_id)
        return self._primary.wrap(self._unwrap(wrapped, aad), aad, self._entropy.draw(32))

    def replacement_key(self, session_id: str) -> tuple[bytes, RecordCipher]:
        """Draw a data key as `new_session_key` does, for use by another thread."""
        wrapped, key = self._drawn(session_id)
        return wrapped, RecordCipher(key, self._entropy.another())

    def secrets_under(self, kid: bytes, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """Wrap the installation's own keys with a master key."""
        master, made = self.master(kid), {}
        for purpose, wrapped in secrets.items():
            aad = _wrap_aad(self.install_id, purpose)
            made[purpose] = master.wrap(self._unwrap(wrapped, aad), aad, self._entropy.draw(32))
        return made

    def check_secret(self, purpose: str, wrapped: bytes) -> None:
        """Unwrap one of the installation's own keys. Raises `SessionLocked` or `Tampered`."""
        self._unwrap(wrapped, _wrap_aad(self.install_id, purpose))

    def wrap_secret(self, purpose: str, key: bytes) -> bytes:
        """Wrap another key of the installation."""
        return self._primary.wrap(key, _wrap_aad(self.install_id, purpose), self._entropy.draw(32))

    def unwrap_secret(self, purpose: str, wrapped: bytes) -> bytes:
        """Give one of the installation's own keys. Raises `SessionLocked` or `Tampered`."""
        return self._unwrap(wrapped, _wrap_aad(self.install_id, purpose))

    # -- inside --------------------------------------------------------------------------------

    def _secret(self, foundation: Foundation, purpose: str) -> bytes:
        if purpose not in foundation.secrets:
            raise Tampered("the keyring")
        return self._unwrap(foundation.secrets[purpose], _wrap_aad(self.install_id, purpose))

    def _drawn(self, session_id: str) -> tuple[bytes, bytes]:
        key = secrets.token_bytes(KEY_SIZE)
        aad = _wrap_aad(self.install_id, "session", session_id)
        return self._primary.wrap(key, aad, self._entropy.draw(32)), key

    def _unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        if len(wrapped) != WRAP_SIZE or wrapped[:2] != WRAP_HEADER:
            raise Tampered("a key")
        return self.master(wrapped[2:10]).unwrap(wrapped, aad)


def _primary(foundation: Foundation) -> bytes:
    """Name the key that wraps new ones. Raises `Tampered`."""
    kid = primary_row(foundation).kid
    if any(wrapped[2:10] != kid for wrapped in foundation.secrets.values()):
        raise Tampered("the keyring")  # they change together, so one of both was put back
    return kid


def _wrap_aad(install_id: bytes, purpose: str, session_id: str | None = None) -> bytes:
    return WRAP_HEADER + install_id + length_prefixed("palaver/wrap", purpose, session_id)
