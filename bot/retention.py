"""Retention: how long conversations are kept, for each scope by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from config.settings import SessionSettings
from sessions.manager import SessionManager
from sessions.scope import Scope


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for each scope; 0 keeps for ever."""

    days: Mapping[Scope, int]

    @classmethod
    def everywhere(cls, days: int) -> Retention:
        """Give one that is the same for all scopes."""
        return cls(dict.fromkeys(Scope, days))

    @classmethod
    def of(cls, settings: SessionSettings) -> Retention:
        """Read the settings: what is said of a scope goes before what is said of all."""
        own = {
            Scope.MAIN: settings.retention_days_main,
            Scope.PER_PEER: settings.retention_days_per_peer,
            Scope.PER_CHANNEL: settings.retention_days_per_channel,
            Scope.PER_CHANNEL_PEER: settings.retention_days_per_channel_peer,
        }
        return cls({scope: settings.retention_days if days is None else days for scope, days in own.items()})

    @property
    def one(self) -> int | None:
        """The days of all scopes, where they are the same."""
        first, *others = set(self.days.values())
        return None if others else first

    def by_days(self) -> dict[int, list[Scope]]:
        """Give the scopes from which something goes at all, by their days, the shortest time first."""
        found: dict[int, list[Scope]] = {}
        for scope, days in sorted(self.days.items(), key=lambda one: one[1]):
            if days:
                found.setdefault(days, []).append(scope)
        return found

    async def past(self, sessions: SessionManager, *, keep_checkpoints: bool) -> Mapping[Scope, Sequence[str]]:
        """Find what is past the time of its scope, of those that are in use as well."""
        found: dict[Scope, list[str]] = {}
        for days, scopes in self.by_days().items():
            age = timedelta(days=days)
            idents, _ = await sessions.cleanup_preview(older_than=age, keep_checkpoints=keep_checkpoints)
            known = await sessions.catalogue.some(idents)
            for ident in idents:
                if ident in known and (scope := known[ident].session.scope) in scopes:
                    found.setdefault(scope, []).append(ident)
        return found
