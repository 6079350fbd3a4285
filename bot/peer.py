"""Peer: who is at the other end of a socket of this machine, by what the system says and not what they say."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from typing import Protocol

_CREDENTIALS = struct.Struct("iII")  # process, user, group


class _Connection(Protocol):
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Ask the system about a socket."""


def peer_of(connection: _Connection) -> str:
    """Name the user at the other end, as the audit does."""
    asked = getattr(socket, "SO_PEERCRED", None)
    if asked is None:  # elsewhere than on Linux: nobody else can open the socket
        return account(os.geteuid())
    _, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, asked, _CREDENTIALS.size))
    return account(user)


def account(user: int) -> str:
    """Name an account of this machine, as the audit does; the environment may call it anything."""
    try:
        return f"shell:{pwd.getpwuid(user).pw_name}"
    except (KeyError, OSError):  # a container's user need not have a name
        return f"shell:{user}"
