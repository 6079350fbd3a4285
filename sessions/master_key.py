"""MasterKey: one master key of an installation, reduced to what it derives."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions.cipher import Secret, derive, hedged_nonce
from sessions.errors import KeyRefused, Tampered, WrongKey
from sessions.keys import KeyProvider
from sessions.records import Foundation, KeyringRow
from sessions.session_key import length_prefixed

WRAP_HEADER = bytes((0xC5, 1))
WRAP_SIZE = 70
KID_SIZE = 8
PRIMARY, READABLE = "primary", "readable"  # the states a key can be in


class MasterKey(Secret):
    """Wraps and unwraps keys, and seals its own row of the keyring."""

    __slots__ = ("_check", "_kek", "_nonce_key", "kid")

    def __init__(self, master: bytes, salt: bytes) -> None:
        self.kid = derive(master, salt, "palaver/v1/kid", KID_SIZE)
        self._kek = AESGCM(derive(master, salt, "palaver/v1/kek"))
        self._nonce_key = derive(master, salt, "palaver/v1/kek-nonce")
        self._check = derive(master, salt, "palaver/v1/check")

    def wrap(self, key: bytes, aad: bytes, random: bytes) -> bytes:
        """Encrypt a key for what the associated data names."""
        nonce = hedged_nonce(self._nonce_key, random, aad, key)
        return WRAP_HEADER + self.kid + nonce + self._kek.encrypt(nonce, key, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """Give the key back. Raises `Tampered`."""
        try:
            return self._kek.decrypt(wrapped[10:22], wrapped[22:], aad)
        except InvalidTag:
            raise Tampered("a key") from None

    def seal(self, row: KeyringRow, foundation: Foundation) -> KeyringRow:
        """Give this key's row of the keyring with the value that authenticates it."""
        return replace(row, check_value=self._check_value(row, foundation))

    def check(self, row: KeyringRow, foundation: Foundation) -> None:
        """Compare with what this key once sealed. Raises `Tampered`."""
        if not hmac.compare_digest(self._check_value(row, foundation), row.check_value):
            raise Tampered("the keyring")

    def _check_value(self, row: KeyringRow, foundation: Foundation) -> bytes:
        fields = length_prefixed(row.provider, row.parameters, row.state)
        times = struct.pack(">qq", row.created_at, foundation.created_at)
        return hmac.digest(self._check, foundation.install_id + self.kid + times + fields, "sha256")


def names_a_key(kid: bytes) -> bool:
    """Tell whether this can be the id of a key; what is cut out of a damaged wrapped key need not be."""
    return len(kid) == KID_SIZE


def primary_row(foundation: Foundation) -> KeyringRow:
    """Give the row of the key that wraps new keys; there must be one."""
    rows = [row for row in foundation.keyring if row.state == PRIMARY]
    if len(rows) != 1:
        raise Tampered("the keyring")
    return rows[0]


def find_masters(foundation: Foundation, providers: Sequence[KeyProvider]) -> dict[bytes, MasterKey]:
    """Find keys of the keyring among what the providers give, by their ids.

    A provider that has none of them is passed over. Raises `WrongKey` when the primary key is not there, `KeyRefused`
    when the first provider could not give it, `Tampered` when a row was changed.
    """
    found: dict[bytes, MasterKey] = {}
    offered: set[str] = set()
    refusals: list[KeyRefused] = []
    for row in foundation.keyring:
        for provider in providers:
            try:
                master = MasterKey(provider.find(row.parameters), foundation.salt)
            except KeyRefused as error:
                refusals += [error] * (row.state == PRIMARY and provider is providers[0])
                continue
            offered.add(master.kid.hex())
            if master.kid == row.kid and master.kid not in found:
                master.check(row, foundation)
                found[row.kid] = master
    primary = primary_row(foundation).kid
    if primary not in found:
        raise next(iter(refusals), None) or WrongKey([primary.hex()], sorted(offered))
    return found


def find_offered(
    rows: Sequence[KeyringRow], foundation: Foundation, providers: Sequence[KeyProvider]
) -> dict[bytes, MasterKey]:
    """Find those keys of these rows that the providers give. Raises `Tampered` when a row was changed."""
    found: dict[bytes, MasterKey] = {}
    for row in rows:
        for provider in providers:
            try:
                master = MasterKey(provider.find(row.parameters), foundation.salt)
            except KeyRefused:
                continue
            if master.kid == row.kid:
                master.check(row, foundation)
                found[row.kid] = master
                break
    return found


def find_raw(foundation: Foundation, providers: Sequence[KeyProvider]) -> bytes:
    """Give the primary master key itself, for paper. Raises as `find_masters` does."""
    row, refusals = primary_row(foundation), list[KeyRefused]()
    for provider in providers:
        try:
            key = provider.find(row.parameters)
        except KeyRefused as error:
            refusals.append(error)
            continue
        master = MasterKey(key, foundation.salt)
        if master.kid == row.kid:
            master.check(row, foundation)
            return key
    raise next(iter(refusals), None) or WrongKey([row.kid.hex()], [])
