"""Place: where a database is, said without what opens it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit, urlunsplit

from sessions.errors import InvalidValue

SCHEMES = ("postgresql", "postgres")
_UNNAMED = "the PostgreSQL server"
_WRITABLE = ("read-write", "primary")


def place_of(dsn: str) -> str:
    """Name the servers and the database of an address, never the user or the password. Raises `InvalidValue`."""
    try:
        parts = urlsplit(dsn)
    except ValueError:
        raise _no_address() from None
    if parts.scheme not in SCHEMES:
        raise _no_address()
    if "@" in parts.path + parts.query + parts.fragment:
        return _UNNAMED  # a password that was not quoted may stand anywhere now
    hosts = parts.netloc.rpartition("@")[2] or ",".join(parse_qs(parts.query).get("host", []))
    return f"{hosts or 'this machine'}{parts.path}"


def rivals_of(dsn: str) -> list[str]:
    """Give an address for each server of one that lists several and wants the one that takes writes; else only it."""
    parts = urlsplit(dsn)
    who, at, hosts = parts.netloc.rpartition("@")
    wanted = parse_qs(parts.query).get("target_session_attrs", [""])[-1]
    if wanted not in _WRITABLE or place_of(dsn) == _UNNAMED:
        return [dsn]
    return [urlunsplit(parts._replace(netloc=f"{who}{at}{host}")) for host in hosts.split(",")]


def _no_address() -> InvalidValue:
    return InvalidValue("a PostgreSQL store has an address like postgresql://user@host:5432/database")
