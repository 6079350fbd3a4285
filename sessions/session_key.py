"""SessionKey: an Address seen through a Scope."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.address import Address
from sessions.scope import Scope


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Whose conversation it is: two messages with equal keys share one.

    Fields that the scope ignores are None. `main` spans the whole installation and keeps none; every
    other scope keeps platform and bot account, so the same id elsewhere is somebody else.
    """

    scope: Scope
    platform: str | None = None
    account: str | None = None
    chat_id: str | None = None
    thread_id: str | None = None
    user_id: str | None = None

    @classmethod
    def of(cls, address: Address, scope: Scope) -> SessionKey:
        """See `address` through `scope`."""
        if scope is Scope.MAIN:
            return cls(scope)
        platform, account = address.platform, address.account
        if scope is Scope.PER_PEER:
            return cls(scope, platform, account, user_id=address.user_id)
        if scope is Scope.PER_CHANNEL:
            return cls(scope, platform, account, address.chat_id, address.thread_id)
        return cls(scope, platform, account, address.chat_id, address.thread_id, address.user_id)

    def encode(self) -> bytes:
        """Give the one byte string of this key: fields length-prefixed, None apart from empty."""
        fields = (self.scope.value, self.platform, self.account, self.chat_id, self.thread_id, self.user_id)
        return length_prefixed(*fields)


def length_prefixed(*fields: str | None) -> bytes:
    """Join fields so that no two different tuples give the same bytes."""
    parts: list[bytes] = []
    for field in fields:
        if field is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            data = field.encode()
            parts += (len(data).to_bytes(4, "big"), data)
    return b"".join(parts)
