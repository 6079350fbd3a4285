"""The form in which the row of a session waits in a store until all of the session has arrived: MessagePack."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sessions.errors import Tampered
from sessions.records import Arrival

if TYPE_CHECKING:
    from msgspec import msgpack


def encode_arrival(arrival: Arrival) -> bytes:
    """Write an arrival."""
    return _encoder().encode(arrival)


def decode_arrival(data: bytes) -> Arrival:
    """Read what `encode_arrival` made. Raises `Tampered` for anything else."""
    try:
        return _decoder().decode(data)
    except ValueError:  # which the errors of msgspec are
        raise Tampered("a conversation that comes in") from None


@cache
def _encoder() -> msgpack.Encoder:
    from msgspec import msgpack  # not with the module: 30 ms, and few programs import

    return msgpack.Encoder()


@cache
def _decoder() -> msgpack.Decoder[Arrival]:
    from msgspec import msgpack

    return msgpack.Decoder(Arrival)
