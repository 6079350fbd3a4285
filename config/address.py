"""Addresses of services, and of the store."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from config.readers import read_path

_BOT_PART = re.compile(r"/bot[^/]*/?$")


def check_http(value: str) -> str:
    """Let an address of a web service pass, without a slash at its end."""
    return _checked(value, ("http", "https"))


def check_telegram(value: str) -> str:
    """Let an address of a Bot API server pass; the token never belongs into it."""
    if _BOT_PART.search(value):
        raise ValueError("must be the address without the /bot<token> part")
    return check_http(value)


def check_websocket(value: str) -> str:
    """Let an address of a gateway pass."""
    return _checked(value, ("ws", "wss"))


def check_listen(value: str) -> str:
    """Let a host and a port pass, like 127.0.0.1:8443 or [::1]:8443."""
    try:
        url = urlsplit(f"//{value}")
        plain = url.hostname and url.port and url.netloc == value and "@" not in value
    except ValueError:
        plain = False
    if not plain or any(char.isspace() for char in value):
        raise ValueError("must be a host and a port, like 127.0.0.1:8443")
    return value


def check_store(value: str) -> str:
    """Let an address of a SQLite file pass, or of a database on a PostgreSQL server."""
    if value.startswith(("postgresql:", "postgres:")):
        return _check_server(value)
    path = value.removeprefix("sqlite:///")
    if path in (value, "", ":memory:") or set("?#\0") & set(path):
        raise ValueError(
            "must be sqlite:/// and the path of a file, like sqlite:///<home>/palaver.db, or an address like "
            "postgresql://user@host/database"
        )
    read_path(path)
    return value


def check_place(value: str) -> str:
    """Let the path of a folder pass, made absolute, or an address of a database on a PostgreSQL server."""
    if value.startswith(("postgresql:", "postgres:")):
        return _check_server(value)
    if "://" in value:
        raise ValueError("must be the path of a folder, or an address like postgresql://user@host/database")
    return str(read_path(value))


def _check_server(value: str) -> str:
    """Several servers are named with commas between them, so this is no address that urlsplit knows the port of."""
    try:
        url = urlsplit(value)
    except ValueError:
        url = urlsplit("")
    hosts = url.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":") for host in hosts]
    wrong = any(colon and not port.isdigit() for _, colon, port in ports) or ";" in value or url.fragment
    if wrong or not url.scheme or not url.path.strip("/") or any(not 32 < ord(char) < 127 for char in value):
        raise ValueError("must be an address like postgresql://user@host/database, with what is special in it quoted")
    return value


def _checked(value: str, schemes: tuple[str, str]) -> str:
    plain, safe = schemes
    try:
        url = urlsplit(value)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.scheme not in schemes or "@" in url.netloc or url.query or url.fragment:
        raise ValueError(
            f"must be an address that starts with {plain}:// or {safe}://, without a name, password or query"
        )
    return value.rstrip("/")
