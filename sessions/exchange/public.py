"""Public: the half of an exchange identity that others may know, as one line to copy."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sessions.errors import InvalidValue

PREFIX: Final = "palaver-sync-1."
KEY, CHECK = 32, 4  # bytes
_LABEL: Final = b"palaver/exchange/v1/public"


@dataclass(frozen=True, slots=True)
class Public:
    """Two public keys: X25519 to seal for somebody, Ed25519 to know what they signed."""

    receive: bytes
    sign: bytes

    @property
    def whole(self) -> bytes:
        """Give both, as they go into what is derived, sealed and signed."""
        return self.receive + self.sign

    @property
    def line(self) -> str:
        """Write as one line; its last bytes tell when a character of it was lost."""
        data = self.whole + _check(self.whole)
        return PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")

    @property
    def ident(self) -> str:
        """Name it by 32 hex digits: the fingerprint without its blanks."""
        return hashlib.sha256(_LABEL + b"/fingerprint" + self.whole).hexdigest()[:32]

    @property
    def fingerprint(self) -> str:
        """Give what two people compare, in groups of four."""
        return " ".join(self.ident[start : start + 4] for start in range(0, 32, 4))


def parse_line(text: str) -> Public:
    """Read a line that somebody copied. Raises `InvalidValue`."""
    line = "".join(text.split())
    if not line.startswith(PREFIX):
        raise InvalidValue(f"this is no exchange identity; it begins with {PREFIX} (palaver sync identity prints it)")
    code = line.removeprefix(PREFIX)
    try:
        data = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    whole, check = data[: 2 * KEY], data[2 * KEY :]
    if len(data) != 2 * KEY + CHECK or check != _check(whole):
        raise InvalidValue("this exchange identity is not whole: a part of the line is missing or was changed")
    public = Public(whole[:KEY], whole[KEY:])
    if public.line != line or not _is_usable(public.receive):
        raise InvalidValue("this exchange identity was not made by Palaver")
    return public


def _check(whole: bytes) -> bytes:
    return hashlib.sha256(_LABEL + b"/check" + whole).digest()[:CHECK]


def _is_usable(receive: bytes) -> bool:
    """Refuse the few points with which every agreed key would be known to everybody."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(receive))
    except ValueError:
        return False
    return True
