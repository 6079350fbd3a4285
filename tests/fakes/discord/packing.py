"""How a gateway connection wraps what it sends: plain, zlib-stream or zstd-stream."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable

Packer = Callable[[str], str | bytes]


def packer(compression: str | None) -> Packer | None:
    """Give what wraps each message of one connection, or None for a compression not known here."""
    if compression is None:
        return lambda text: text
    if compression == "zlib-stream":
        return _zlib()
    if compression == "zstd-stream":
        return _zstd()
    return None


def _zlib() -> Packer:
    stream = zlib.compressobj()
    return lambda text: stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd() -> Packer | None:
    # discord.py asks for it wherever Python brings it (3.14), or the package is there.
    try:
        zstd = importlib.import_module("compression.zstd")
    except ModuleNotFoundError:
        return _zstd_package()
    stream = zstd.ZstdCompressor()
    return lambda text: bytes(stream.compress(text.encode(), stream.FLUSH_BLOCK))


def _zstd_package() -> Packer | None:
    try:
        zstandard = importlib.import_module("zstandard")
    except ModuleNotFoundError:
        return None
    stream = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return lambda text: bytes(stream.compress(text.encode()) + stream.flush(flush))
