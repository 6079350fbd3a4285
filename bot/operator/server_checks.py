"""Checks of a PostgreSQL server that keeps the store: whether what it acknowledges is safe, and how it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address

from bot.commands.markup import plural
from bot.operator.finding import Finding, ok, problem, warning
from sessions.live import maybe_moment
from sessions.postgres.schema import LATEST
from sessions.postgres.state import ServerState

OLDEST = 140_000  # as a server numbers its versions
ROOM = 10  # connections that a program may open
APART = timedelta(minutes=2)  # by which clocks may differ


def judge_server(place: str, state: ServerState, now: datetime) -> Iterator[Finding]:
    """Judge what a server has said."""
    yield _store(place, state)
    yield _version(state)
    yield _durability(state)
    if state.clock is not None:
        yield _clock(state, now)
    if state.encrypted is not None:
        yield _way(state)
    if state.room is not None:
        yield _room(state.room)


def _store(place: str, state: ServerState) -> Finding:
    counted = "" if state.sessions is None else f", {plural(state.sessions, 'session')}"
    found = f"{place} answers{counted}, schema {state.schema_version}"
    if state.standby:
        mend = "name the primary in store.url as well, and ?target_session_attrs=read-write"
        return warning("Store", f"{found}; it is a standby", mend)
    if state.schema_version < LATEST:
        return warning("Store", f"{found}, {LATEST} is the newest", "back it up, then palaver db migrate")
    return ok("Store", found)


def _version(state: ServerState) -> Finding:
    if state.version is None or state.version_number is None:
        return ok("Server", "does not tell a version of PostgreSQL")
    if state.version_number < OLDEST:
        return problem("Server", f"PostgreSQL {state.version}", f"update it to {OLDEST // 10_000} or newer")
    return ok("Server", f"PostgreSQL {state.version}")


def _durability(state: ServerState) -> Finding:
    if not state.unsafe:
        return ok("Durability", "what is stored outlives a crash of the server")
    names = " and ".join(state.unsafe)
    are = "is" if len(state.unsafe) == 1 else "are"
    mend = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in state.unsafe)
    found = f"{names} {are} off: a crash of the server's machine can lose or damage what was acknowledged"
    return problem("Durability", found, f"{mend}; SELECT pg_reload_conf()")


def _clock(state: ServerState, now: datetime) -> Finding:
    there = None if state.clock is None else maybe_moment(state.clock)
    newest = None if state.newest is None else maybe_moment(state.newest)
    if state.newest is not None and newest is None:
        return problem(
            "Clock", "something was stored at a time that is none", "palaver db verify names what is damaged"
        )
    here = f"{now:%Y-%m-%d %H:%M} UTC"
    if there is None or abs(there - now) > APART:
        told = "a time that is none" if there is None else f"{there:%Y-%m-%d %H:%M} UTC"
        found = f"it says {here}, and the server's {told}"
        return problem("Clock", found, "set both clocks; leases and resets go by them")
    if newest is not None and newest > now + APART:
        stored = f"something was stored at {newest:%Y-%m-%d %H:%M} UTC"
        return problem("Clock", f"it says {here}, and {stored}", "set this machine's clock; resets and limits go by it")
    return ok("Clock", f"{here}, as on the server, after the newest of what is stored")


def _way(state: ServerState) -> Finding:
    if state.encrypted:
        return ok("Connection", "encrypted")
    if state.address is None or ip_address(state.address).is_private:
        return ok("Connection", "not encrypted, within this machine or a private network")
    found = "not encrypted: words are sealed, but who listens sees when there are any, and may see the password"
    return warning("Connection", found, "add sslmode=verify-full to store.url")


def _room(room: int) -> Finding:
    found = f"{max(room, 0):,} free"
    if room < ROOM:
        return warning("Connections", f"{found}, and a program may open {ROOM}", "raise max_connections on the server")
    return ok("Connections", found)
