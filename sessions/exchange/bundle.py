"""Bundle: one session on its way, sealed for one receiver and signed by the sender.

    bundle   = "PALX" 01 | nonce (12) | header, sealed with the key of the mailbox | sealed content
    sealed   = HPKE (RFC 9180), base mode, X25519, HKDF-SHA256, AES-256-GCM, of: signature (64) | content, packed
    info     = label | sender | receiver | header
    signed   = label | sender | receiver | header | SHA-256 of the packed content

The header says what kind of bundle it is, which session, and its sequence. The signature stands inside, so that the
place can not tell who sent something; nothing is unpacked before it was verified.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sessions.exchange.header import Header
from sessions.exchange.identity import Identity, is_signed
from sessions.exchange.mailbox_key import SEALED_HEADER
from sessions.exchange.packing import MOST_PACKED, pack, unpack
from sessions.exchange.public import Public
from sessions.exchange.trouble import BadBundle

MOST_BUNDLE: Final = MOST_PACKED + MOST_PACKED // 8 + 1024  # bytes
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_INFO, _SIGNED = b"palaver/exchange/v1/seal", b"palaver/exchange/v1/sign"
_SIGNATURE = 64


def seal_bundle(sender: Identity, receiver: Public, header: Header, content: bytes) -> bytes:
    """Seal content for one receiver. Raises `InvalidValue` for what is too large."""
    packed = pack(content)
    signature = sender.sign(_statement(sender.public, receiver, header, packed))
    key = X25519PublicKey.from_public_bytes(receiver.receive)
    sealed = _SUITE.encrypt(signature + packed, key, _info(sender.public, receiver, header))
    return sender.outgoing(receiver).seal_header(header) + sealed


def open_bundle(receiver: Identity, sender: Public, slot: str, data: bytes) -> tuple[Header, bytes]:
    """Open what the sender sealed for us and put into this slot. Raises `BadBundle` for anything else."""
    header = receiver.incoming(sender).open_header(slot, data)
    try:
        plain = _SUITE.decrypt(data[SEALED_HEADER:], receiver.receive, _info(sender, receiver.public, header))
    except (InvalidTag, ValueError):
        raise BadBundle("it was changed, or is not whole") from None
    signature, packed = plain[:_SIGNATURE], plain[_SIGNATURE:]
    if not is_signed(sender, _statement(sender, receiver.public, header, packed), signature):
        raise BadBundle("it was not signed by whom it seems to come from")
    return header, unpack(packed)


def _info(sender: Public, receiver: Public, header: Header) -> bytes:
    return _INFO + sender.whole + receiver.whole + header.encode()


def _statement(sender: Public, receiver: Public, header: Header, packed: bytes) -> bytes:
    return _SIGNED + sender.whole + receiver.whole + header.encode() + hashlib.sha256(packed).digest()
