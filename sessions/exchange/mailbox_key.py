"""MailboxKey: what two identities know of the way from one to the other, and nobody else."""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions.cipher import NONCE_SIZE, TAG_SIZE, Secret, derive
from sessions.exchange.header import HEADER_SIZE, Header, Kind
from sessions.exchange.trouble import BadBundle

MAGIC: Final = b"PALX\x01"
SEALED_HEADER: Final = len(MAGIC) + NONCE_SIZE + HEADER_SIZE + TAG_SIZE  # bytes at the beginning of a bundle


class MailboxKey(Secret):
    """Names the box and the slots of one direction, and seals what a bundle is about.

    The names are derived from a key that both agree upon, so that whoever owns the place learns neither who exchanges
    something nor what it is about.
    """

    __slots__ = ("_header", "_slots", "box")

    def __init__(self, agreed: bytes, direction: bytes) -> None:
        self.box = derive(agreed, direction, "palaver/exchange/v1/box", 16).hex()
        self._slots = derive(agreed, direction, "palaver/exchange/v1/slots")
        self._header = AESGCM(derive(agreed, direction, "palaver/exchange/v1/header"))

    def slot(self, kind: Kind, session_id: str) -> str:
        """Name the slot of a session: what is shared stands in another one than what is synchronised."""
        said = f"{'share' if kind is Kind.SHARED else 'sync'}/{session_id}".encode()
        return hmac.digest(self._slots, said, "sha256")[:16].hex()

    def seal_header(self, header: Header) -> bytes:
        """Seal what a bundle is about, for its slot alone."""
        nonce = os.urandom(NONCE_SIZE)
        slot = self.slot(header.kind, header.session_id)
        return MAGIC + nonce + self._header.encrypt(nonce, header.encode(), MAGIC + bytes.fromhex(slot))

    def open_header(self, slot: str, data: bytes) -> Header:
        """Read what the bundle in a slot is about, from its first bytes. Raises `BadBundle`."""
        if len(data) < SEALED_HEADER:
            raise BadBundle("it is not whole")
        if not data.startswith(MAGIC):
            raise BadBundle("it is no bundle, or one of a newer Palaver")
        start = len(MAGIC) + NONCE_SIZE
        try:
            plain = self._header.decrypt(
                data[len(MAGIC) : start], data[start:SEALED_HEADER], MAGIC + bytes.fromhex(slot)
            )
        except InvalidTag:
            raise BadBundle("it was changed, or put in another's place") from None
        header = Header.decode(plain)
        if self.slot(header.kind, header.session_id) != slot:
            raise BadBundle("it was put in another's place")
        return header
