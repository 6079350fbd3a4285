"""Buttons: what a button carries, signed, for one person in one chat and for a while."""

from __future__ import annotations

import math
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from hmac import compare_digest

from sessions.session_key import length_prefixed

_VERSION = b"\x01"
_EXPIRY_BYTES = 4
_NONCE_BYTES = 3
_MAC_BYTES = 10
_STAMP_BYTES = len(_VERSION) + _EXPIRY_BYTES + _NONCE_BYTES
_HEAD_LETTERS = (_STAMP_BYTES + _MAC_BYTES) * 4 // 3  # 18 bytes are 24 letters without padding
_MINUTE = 60
_LAST_MINUTE = 2 ** (8 * _EXPIRY_BYTES) - 1


class Refusal(Enum):
    """Why a press counts for nothing."""

    FORGED = "forged"
    FOREIGN = "forged"  # noqa: PIE796 - meant: another person's button can not be told from a made-up one
    EXPIRED = "expired"


class ButtonRefused(Exception):
    """A press that counts for nothing."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"button refused: {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press that counts: the text it stands for, and what tells this button from every other one."""

    text: str
    nonce: str


@dataclass(frozen=True, slots=True)
class ButtonSigner:
    """Signs what buttons carry, and opens what presses bring back.

    A payload is 24 letters, then the text: version, the minute of expiry, random bytes and a MAC over
    these, the person, the chat and the text.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 16 <= len(self.key) <= blake2b.MAX_KEY_SIZE:
            raise ValueError("the key of buttons has 16 to 64 bytes")

    def sign(self, text: str, *, person: str, chat: str, now: float, lifetime: float, max_bytes: int) -> str | None:
        """Make what a button carries, or None if that does not fit."""
        expiry = min(_LAST_MINUTE, math.ceil((now + lifetime) / _MINUTE))
        stamp = _VERSION + expiry.to_bytes(_EXPIRY_BYTES, "big") + secrets.token_bytes(_NONCE_BYTES)
        head = urlsafe_b64encode(stamp + self._mac(stamp, person, chat, text.encode())).decode()
        payload = head + text
        return payload if len(payload.encode()) <= max_bytes else None

    def open(self, payload: str, *, person: str, chat: str, now: float) -> Pressed:
        """Give what was signed, or raise ButtonRefused. That it is expired is said only of what was signed."""
        head, text = payload[:_HEAD_LETTERS], payload[_HEAD_LETTERS:]
        stamp, mac, data = _taken_apart(head, text)
        if not compare_digest(mac, self._mac(stamp, person, chat, data)):
            raise ButtonRefused(Refusal.FORGED)
        expiry = int.from_bytes(stamp[len(_VERSION) : len(_VERSION) + _EXPIRY_BYTES], "big")
        if now >= expiry * _MINUTE:
            raise ButtonRefused(Refusal.EXPIRED)
        return Pressed(text, head)

    def _mac(self, stamp: bytes, person: str, chat: str, text: bytes) -> bytes:
        mac = blake2b(key=self.key, digest_size=_MAC_BYTES, person=b"palaver button")
        mac.update(stamp + length_prefixed(person, chat) + text)
        return mac.digest()


def used_up(payload: str, pressed: str) -> bool:
    """Tell whether a button of a message has had its time when one of them was pressed.

    They are ways to answer one question. Only what stands behind the two words of a command, such as one of several
    people, makes a question of its own.
    """
    its_subject, subject = (carried[_HEAD_LETTERS:].split()[2:] for carried in (payload, pressed))
    return not its_subject or not subject or its_subject == subject


def _taken_apart(head: str, text: str) -> tuple[bytes, bytes, bytes]:
    """Give what was signed, the MAC and the text as bytes."""
    try:
        letters, data = head.encode("ascii"), text.encode()
        raw = urlsafe_b64decode(letters)
    except ValueError:
        raise ButtonRefused(Refusal.FORGED) from None
    # Decoding forgives what encoding never writes.
    if len(letters) != _HEAD_LETTERS or urlsafe_b64encode(raw) != letters or not raw.startswith(_VERSION):
        raise ButtonRefused(Refusal.FORGED)
    return raw[:_STAMP_BYTES], raw[_STAMP_BYTES:], data
