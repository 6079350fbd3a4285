"""Identity: the secret half of an exchange identity."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sessions.cipher import KEY_SIZE, Secret, derive
from sessions.exchange.mailbox_key import MailboxKey
from sessions.exchange.public import Public

SEED_SIZE = KEY_SIZE


class Identity(Secret):
    """Receives with X25519 and signs with Ed25519; both keys come from one seed."""

    __slots__ = ("_sign", "public", "receive")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise ValueError(f"a seed has {SEED_SIZE} bytes")
        self.receive = X25519PrivateKey.from_private_bytes(derive(seed, b"", "palaver/exchange/v1/receive"))
        self._sign = Ed25519PrivateKey.from_private_bytes(derive(seed, b"", "palaver/exchange/v1/sign"))
        form = (Encoding.Raw, PublicFormat.Raw)
        self.public = Public(self.receive.public_key().public_bytes(*form), self._sign.public_key().public_bytes(*form))

    def sign(self, statement: bytes) -> bytes:
        """Sign something: 64 bytes."""
        return self._sign.sign(statement)

    def outgoing(self, receiver: Public) -> MailboxKey:
        """Give the mailbox for what goes to somebody."""
        return self._mailbox(receiver, self.public.whole + receiver.whole)

    def incoming(self, sender: Public) -> MailboxKey:
        """Give the mailbox for what comes from somebody."""
        return self._mailbox(sender, sender.whole + self.public.whole)

    def _mailbox(self, other: Public, direction: bytes) -> MailboxKey:
        return MailboxKey(self.receive.exchange(X25519PublicKey.from_public_bytes(other.receive)), direction)


def is_signed(by: Public, statement: bytes, signature: bytes) -> bool:
    """Tell whether somebody signed this."""
    try:
        Ed25519PublicKey.from_public_bytes(by.sign).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True
