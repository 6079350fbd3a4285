"""OperatorParts: the rooms that are not needed to talk: loaded when one of them is asked for first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from sessions.catalogue import Catalogue
from sessions.census import CensusKeeper
from sessions.exporter import Exporter
from sessions.importer import Importer
from sessions.keyring import Keyring
from sessions.operator_search import OperatorSearch
from sessions.parts import Parts
from sessions.persons import Persons
from sessions.rotation import Rotation
from sessions.store import Store
from sessions.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorParts:
    """What goes beyond one conversation: all of them, whole persons, files, keys."""

    catalogue: Catalogue
    search: OperatorSearch
    persons: Persons
    exporter: Exporter
    importer: Importer
    keyring: Keyring
    rotation: Rotation

    @classmethod
    def assemble(cls, parts: Parts, store: Store, vault: Vault, census: CensusKeeper, now: Callable[[], int]) -> Self:
        """Make them of what the others are made of."""
        audit, directory, preferences = parts.audit, parts.directory, parts.preferences
        keyring = Keyring(store, vault, parts.keys, audit, now)
        return cls(
            catalogue=Catalogue(store, vault, parts.keys, directory.snapshot),
            search=OperatorSearch(store, vault, parts.keys, parts.transcripts),
            persons=Persons(store, vault, parts.keys, directory, preferences, parts.erasure, audit),
            exporter=Exporter(store, parts.cache, parts.transcripts, now),
            importer=Importer(
                store=store,
                vault=vault,
                keys=parts.keys,
                census=census,
                directory=directory,
                resets=parts.resets,
                audit=audit,
                now=now,
            ),
            keyring=keyring,
            rotation=Rotation(store, vault, parts.keys, parts.cache, preferences, audit, keyring.lock),
        )
