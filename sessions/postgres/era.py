"""Era: which history of a database a server is in. A standby that takes over begins a new one, numbered higher.

A server that was replaced and comes back takes writes as well, and what is written to it is lost. It is known by its
older era, as long as one server of the newer one has been met.
"""

from __future__ import annotations

from typing import NamedTuple

from sessions.postgres.connection import Connection
from sessions.postgres.trouble import is_lost

_ASK = (
    "SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_walfile_name(pg_current_wal_lsn()) END"
    " FROM pg_control_system()"
)


class Era(NamedTuple):
    """A database system, and how often a standby has taken over in it."""

    system: int
    timeline: int


async def era_of(connection: Connection) -> Era | None:
    """Ask a server for its era; None where it has none, being a standby or no PostgreSQL at all."""
    try:
        row = await connection.fetchrow(_ASK)
    except Exception as error:
        if is_lost(error, closed=connection.is_closed()):
            raise
        return None
    return None if row is None or row[1] is None else Era(int(row[0]), int(row[1][:8], 16))


class Eras:
    """The newest era that was met, of each system."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    def meet(self, era: Era | None) -> bool:
        """Take note of an era; tell whether it follows another one that was met."""
        if era is None:
            return False
        known = self._newest.setdefault(era.system, era.timeline)
        self._newest[era.system] = max(known, era.timeline)
        return era.timeline > known

    def is_past(self, era: Era | None) -> bool:
        """Tell whether a newer one was met."""
        return era is not None and era.timeline < self._newest.get(era.system, 0)
