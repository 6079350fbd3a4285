"""SealingWork: what is done to conversations that come in before they are stored, here or in a process of a crew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Final, NamedTuple

from bot.operator.offered_pieces import Piece
from bot.operator.unread import Unread, UnreadTexts
from sessions.address import Address, ChatKind
from sessions.arrival_sealer import Identity, Plain
from sessions.errors import InvalidValue
from sessions.export.foreign import read_any
from sessions.export.strict_json import repaired, shown, value_at
from sessions.export.transcript import Transcript
from sessions.manager import SessionManager
from sessions.session import new_id

PLATFORMS: Final = ("console", "telegram", "discord")  # where anybody can have written from
BLANKS: Final = " \t\r\n"  # what JSON takes for nothing
_ADDRESS = tuple(field.name for field in fields(Address))
_NEEDED = tuple(field.name for field in fields(Address) if field.default is MISSING)


SealedPiece = tuple[str, Plain | None]
"""How errors name a conversation, and a part of it; None if its text is not the whole of one."""


class _Found(NamedTuple):
    piece: Piece
    transcript: Transcript
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingWork:
    """Parses, checks and seals; it stores nothing.

    The conversations will be those of `owner`; if nobody is named, of whom each says; if it does not, of `console`.
    With `renamed`, which has the ids that those before it were given, each is given a new id.
    """

    owner: Address | None
    console: Address
    title: str | None = None
    renamed: Mapping[str, str] | None = None

    async def __call__(self, sessions: SessionManager, pieces: Sequence[Piece]) -> AsyncGenerator[SealedPiece, None]:
        """Give the parts of one after the other. Raises `InvalidValue` naming file and field."""
        found, flaw = await asyncio.to_thread(self._read, pieces)  # nobody waits for it then
        sealer = sessions.sealer()
        await sealer.expect([(address, transcript.session.scope) for _, transcript, address in found])
        for piece, transcript, address in found:
            where = f"{piece.where}." if piece.where else ""
            identity = Identity(piece.number, transcript.session.id)
            if self.renamed is not None:
                identity = Identity(piece.number, new_id(), self.renamed)
            try:
                begun = await sealer.begin(transcript, address, identity, title=self.title, where=where)
                for part in begun.parts():
                    yield f"{piece.file}: {where}", part.plain()
            except InvalidValue as error:
                raise InvalidValue(f"{piece.file}: {error}") from None
        if flaw is not None:
            raise flaw
        if len(found) < len(pieces):
            yield "", None

    def _read(self, pieces: Sequence[Piece]) -> tuple[list[_Found], InvalidValue | None]:
        """Parse conversations up to one that is not whole, or can not be taken in."""
        found: list[_Found] = []
        with UnreadTexts() as texts:
            for piece in pieces:
                try:
                    transcript = _transcript(piece, texts)
                    found.append(_Found(piece, transcript, self.owner or _claimed(transcript) or self.console))
                except _NotWhole:
                    break
                except InvalidValue as error:
                    return found, InvalidValue(f"{piece.file}: {error}")
        return found, None


class _NotWhole(Exception):  # the file may be right all the same
    """What stands between two dividing lines is no conversation."""


def _transcript(piece: Piece, texts: UnreadTexts) -> Transcript:
    if not isinstance(piece.value, Unread):
        return read_any(piece.value, piece.where)
    from bot.operator.quick_reader import read_quickly  # 40 ms, so only where something is imported

    text = texts.of(piece.value)
    return read_quickly(text) or read_any(_parsed(text), piece.where)


def _parsed(data: bytes) -> object:
    """Parse a text that holds one value and nothing else."""
    try:
        text = data.decode()
        value, end = value_at(text, 0)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise _NotWhole from None
    if text[end:].strip(BLANKS):
        raise _NotWhole
    return repaired(value, text, 0, end)


def _claimed(transcript: Transcript) -> Address | None:
    """Read the address that a file names, if it names one."""
    said, whose = dict(transcript.address), f"the address of session {transcript.session.id}"
    if not said:
        return None
    for name in said:
        if name not in _ADDRESS:
            raise InvalidValue(f"{whose} has an unknown field {shown(name)}")
    for name in _NEEDED:
        if name not in said:
            raise InvalidValue(f"{whose} has no {name}")
    try:
        kind = ChatKind(said.pop("chat_kind", ChatKind.PRIVATE.value))
        address = Address(**said, chat_kind=kind)
    except ValueError as error:
        raise InvalidValue(f"{whose} is none: {error}") from None
    if address.platform not in PLATFORMS:
        raise InvalidValue(f"{whose} has an unknown platform; known are {', '.join(PLATFORMS)}")
    return address
