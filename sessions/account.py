"""Account: one person on one platform, towards one bot."""

from __future__ import annotations

from typing import NamedTuple, Self

from sessions.address import Address


class Account(NamedTuple):
    """Who somebody is where they write from. Several can be linked to one person."""

    platform: str
    account: str
    user_id: str

    @classmethod
    def of(cls, address: Address) -> Self:
        """Give whose address it is."""
        return cls(address.platform, address.account, address.user_id)
