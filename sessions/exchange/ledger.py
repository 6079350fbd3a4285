"""Ledger: what was exchanged with whom, session by session, so that only what has changed goes out again.

It is kept in some hundred sealed records, each for the sessions whose ids begin alike. It also tells which sessions
were here and are not any more: they were erased, and no bundle brings them back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Final, TypeVar

from sessions.exchange.facts import Stamps, decode_stamps, encode_stamps
from sessions.message import JsonValue
from sessions.preferences import Preferences

_NOTE: Final = "exchange/ledger/"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"  # of ids
_PARTS: Final = 8  # for each first letter
ERASED: Final = "erased"


@dataclass(slots=True)
class Standing:
    """How a session stands with one other machine."""

    sequence: int = 0  # of the newest bundle that was sent
    version: int = -1  # of the session's row when it was looked at last for sending
    sent: str = ""  # the state that was sent last, or ERASED
    read: int = 0  # the sequence of the newest bundle that was read
    told: str = ""  # the state that it told, or ERASED
    told_head: str = ""  # and where the other one was reading


@dataclass(slots=True)
class Shared:
    """A session that was shared with somebody: where it lies, also if they are not known any more."""

    at: int = 0
    sequence: int = 0
    messages: int = 0
    name: str = ""  # of whom it was shared with, as they were known then
    box: str = ""
    slot: str = ""
    withdrawn: bool = False  # only the sequence counts then: what is shared next is newer


T = TypeVar("T", Standing, Shared)


@dataclass(slots=True)
class Record:
    """What is known of the exchange of one session. `gone` says that it was erased."""

    gone: bool = False
    peers: dict[str, Standing] = field(default_factory=dict)  # by the ident of the other's identity
    shared: dict[str, Shared] = field(default_factory=dict)
    stamps: Stamps = field(default_factory=dict)

    @property
    def held(self) -> dict[str, Shared]:
        """Give what is shared and was not taken back."""
        return {ident: one for ident, one in self.shared.items() if not one.withdrawn}

    @property
    def was_here(self) -> bool:
        """Tell whether the session was here at some time: only then anything of it was sent or read."""
        return self.gone or any(one.sequence or one.read for one in self.peers.values())

    def forget(self) -> None:
        """Note that the session was erased, and keep nothing that was worked out from what it said."""
        self.gone, self.stamps = True, {}
        for one in self.peers.values():
            one.version, one.told_head = -1, ""
            one.sent, one.told = (state if state == ERASED else "" for state in (one.sent, one.told))

    def standing(self, ident: str) -> Standing:
        """Give how it stands with somebody."""
        return self.peers.setdefault(ident, Standing())


class Ledger:
    """Reads and writes records; what is changed is kept by `flush`."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._pages: dict[str, dict[str, Record]] = {}
        self._changed: dict[str, set[str]] = {}  # sessions by page

    async def record(self, session_id: str) -> Record:
        """Give the record of a session; a new one is kept only if it is marked as changed."""
        page = await self._page(_page_of(session_id))
        return page.setdefault(session_id, Record())

    def again(self) -> None:
        """Read everything anew when it is needed: another program writes as well. What was not kept is dropped."""
        self._pages.clear()
        self._changed.clear()

    def changed(self, session_id: str) -> None:
        """Have the record of a session kept with the next `flush`."""
        self._changed.setdefault(_page_of(session_id), set()).add(session_id)

    async def flush(self) -> None:
        """Keep what was changed, beside what others may have changed of other sessions."""
        for name in sorted(self._changed):
            kept = {session_id: _encoded(self._pages[name][session_id]) for session_id in self._changed[name]}
            await self._preferences.change_note(_NOTE + name, partial(_with, kept))
            del self._changed[name]

    async def all(self) -> AsyncIterator[tuple[str, Record]]:
        """Go through all records."""
        names = [f"{letter}{part}" for letter in _LETTERS for part in range(_PARTS)]
        await self._preferences.foresee_notes([_NOTE + name for name in names])
        for name in names:
            for session_id, record in list((await self._page(name)).items()):
                if record != Record():
                    yield session_id, record

    async def _page(self, name: str) -> dict[str, Record]:
        if name not in self._pages:
            said = await self._preferences.note(_NOTE + name)
            self._pages[name] = {session_id: _decoded(one) for session_id, one in said.items()}
        return self._pages[name]


def _with(kept: Mapping[str, JsonValue], said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    return {**said, **kept}


def _page_of(session_id: str) -> str:
    """Name the record that a session is in, by the first two letters of its id."""
    return f"{session_id[0]}{_LETTERS.index(session_id[1]) * _PARTS // len(_LETTERS)}"


def _encoded(record: Record) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"peers": {ident: asdict(one) for ident, one in record.peers.items()}}
    if record.gone:
        said["gone"] = True
    if record.stamps:
        said["stamps"] = encode_stamps(record.stamps)
    if record.shared:
        said["shared"] = {ident: asdict(one) for ident, one in record.shared.items()}
    return said


def _decoded(said: JsonValue) -> Record:
    known = _object(said)
    return Record(
        gone=known.get("gone") is True,
        peers={ident: _filled(Standing(), one) for ident, one in _object(known.get("peers")).items()},
        stamps=decode_stamps(known.get("stamps", {})),
        shared={ident: _filled(Shared(), one) for ident, one in _object(known.get("shared")).items()},
    )


def _filled(made: T, said: JsonValue) -> T:
    """Take over what is said and of the right type."""
    known = _object(said)
    for one in fields(made):
        value = known.get(one.name)
        if type(value) is type(getattr(made, one.name)):
            setattr(made, one.name, value)
    return made


def _object(said: JsonValue) -> Mapping[str, JsonValue]:
    return said if isinstance(said, dict) else {}
