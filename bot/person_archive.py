"""PersonArchive: everything that is stored of a person as one zip, for them or for whoever runs the bot.

Each conversation stands there twice, as Markdown to read and as JSON that can be imported. One conversation is in
memory at a time; what is packed goes to the file at once, and never to a temporary one, which would hold it in clear.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bot.commands.markup import one_line, plural
from bot.person_notes import approval_note, spending_note
from sessions.account import Account
from sessions.address import Address
from sessions.errors import NotFound, VaultError
from sessions.export.formats import SUFFIXES, ExportFormat, iter_export
from sessions.export.transcript import Transcript
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.session import Session

FOLDER, README, ABOUT = "conversations", "README.txt", "about-you.json"
_FORMS: tuple[ExportFormat, ...] = ("markdown", "json")
_ENTRY = 300  # bytes that an archive takes for the two names of a conversation, at most
_SPARE = 8_192  # bytes for all that is written last, besides a line for each conversation
_FIRST_YEAR = 1980  # that a zip can name

_WORDS = """\
This is what {whose} of {person}, written on {now:%Y-%m-%d %H:%M} UTC.

{folder}/   each conversation twice: .md to read, .json to keep or to take elsewhere
{about}   your accounts here, and what is noted of you besides what was said
{readme}   this text

A folder of the .json files can be taken into another Palaver: palaver sessions import --dir {folder}
Conversations that you share with others are not yours alone and are not in it.
It is in clear: keep it where nobody else can read it.

{listed}:

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What went into an archive, and what did not."""

    conversations: int = 0
    messages: int = 0
    unreadable: Sequence[str] = ()
    too_large: Sequence[str] = ()
    rest: str | None = None  # the conversation that the next part begins with


async def pack_person(
    sessions: SessionManager,
    owned: Sequence[Session],
    addresses: Sequence[Address],
    now: datetime,
    file: BinaryIO,
    *,
    most: int | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Packed:
    """Write conversations and what is noted of a person, in this order, until all or `most` bytes are written.

    `addresses` are where the person may have written from; the first of them names the person. With `most` the file
    must be one that can be cut off.
    """
    about = await _about(sessions, addresses, now)
    archive = _Archive(file, now, None if most is None else most - _SPARE - len(json.dumps(about)))
    with archive.zip:
        rest = await _pack_each(sessions, owned, archive, now, told)
        about |= {"unreadable": [*archive.unreadable], "too_large": [*archive.too_large]}
        archive.write(ABOUT, [json.dumps(about, ensure_ascii=False, indent=1), "\n"])
        archive.write(README, [_readme(addresses[0], now, archive, is_all=rest is None and archive.whole(owned))])
    return Packed(
        conversations=len(archive.lines),
        messages=archive.messages,
        unreadable=archive.unreadable,
        too_large=archive.too_large,
        rest=rest,
    )


async def _pack_each(
    sessions: SessionManager,
    owned: Sequence[Session],
    archive: _Archive,
    now: datetime,
    told: Callable[[int, int], None] | None,
) -> str | None:
    """Pack conversations while they fit; give the first that does not."""
    for done, session in enumerate(owned, 1):
        with suppress(NotFound):  # it was erased meanwhile
            try:
                transcript = await sessions.transcript(session.id, exported_at=now)
            except VaultError:
                archive.unreadable.append(session.id)
                continue
            if not await asyncio.to_thread(archive.add, transcript):
                if archive.lines:
                    return session.id
                archive.too_large.append(session.id)
        if told is not None:
            told(done, len(owned))
    return None


class _Archive:
    """A zip that takes whole conversations, or nothing of one."""

    def __init__(self, file: BinaryIO, now: datetime, room: int | None) -> None:
        self.zip = ZipFile(file, "w", ZIP_DEFLATED)
        self._file, self._room = file, room
        self._now = max(now, now.replace(year=_FIRST_YEAR)).timetuple()[:6]
        self.lines: list[str] = []
        self.messages, self._listed = 0, 0
        self.unreadable: list[str] = []
        self.too_large: list[str] = []

    def add(self, transcript: Transcript) -> bool:
        """Pack a conversation; one that does not fit leaves no trace, and that is told."""
        session = transcript.session
        line = f"  {session.id}  {session.created_at:%Y-%m-%d}  {plural(session.message_count, 'message')}"
        line += f"  {one_line(session.title)}\n" if session.title else "\n"
        self._listed += len(line.encode()) + _ENTRY
        start, names = (0 if self._room is None else self._file.tell()), len(self.zip.filelist)
        for form in _FORMS:
            name = f"{FOLDER}/{session.created_at:%Y%m%d}-{session.id}.{SUFFIXES[form]}"
            if not self.write(name, iter_export(transcript, format=form)):
                self._cut_off(start, names)
                self._listed -= len(line.encode()) + _ENTRY
                return False
        self.lines.append(line)
        self.messages += session.message_count
        return True

    def write(self, name: str, pieces: Iterable[str]) -> bool:
        """Write a file of text; tell whether there was room for it."""
        info = ZipInfo(name, self._now)
        info.compress_type, info.external_attr = ZIP_DEFLATED, 0o600 << 16
        with self.zip.open(info, "w", force_zip64=self._room is None) as member:
            for piece in pieces:
                member.write(piece.encode())
                if not self._has_room():
                    return False
        return self._has_room()

    def whole(self, owned: Sequence[Session]) -> bool:
        """Tell whether all of them are in it."""
        return len(self.lines) == len(owned)

    def _has_room(self) -> bool:
        return self._room is None or self._file.tell() + self._listed <= self._room

    def _cut_off(self, start: int, names: int) -> None:
        """Take away what was written from here on."""
        for info in self.zip.filelist[names:]:
            del self.zip.NameToInfo[info.filename]
        del self.zip.filelist[names:]
        self._file.seek(start)
        self._file.truncate()
        self.zip.start_dir = start


async def _about(sessions: SessionManager, addresses: Sequence[Address], now: datetime) -> dict[str, JsonValue]:
    first = addresses[0]
    accounts: dict[Account, None] = {}
    for account in dict.fromkeys(map(Account.of, addresses)):
        one = next(address for address in addresses if Account.of(address) == account)
        accounts.update(dict.fromkeys(await sessions.linked_accounts(one)))
    return {
        "format": "palaver-about-person",
        "exported_at": now.isoformat(),
        "person": {"platform": first.platform, "user_id": first.user_id},
        "accounts": [{**account._asdict(), **await _noted(sessions, account)} for account in accounts],
    }


async def _noted(sessions: SessionManager, account: Account) -> dict[str, JsonValue]:
    """Give what the bot itself has noted of somebody."""
    person = f"{account.platform}:{account.user_id}"
    let_in, used = await sessions.note(approval_note(person)), await sessions.note(spending_note(person))
    return {"let_in": dict(let_in) or None, "used_today": dict(used) or None}


def _readme(first: Address, now: datetime, archive: _Archive, *, is_all: bool) -> str:
    text = _WORDS.format(
        whose="is stored" if is_all else "is stored, in part,",
        person=f"{first.platform}:{one_line(first.user_id)}",
        now=now,
        folder=FOLDER,
        about=ABOUT,
        readme=README,
        listed=plural(len(archive.lines), "conversation"),
    )
    left_out = [f"  {one}  can not be opened and is left out\n" for one in archive.unreadable]
    left_out += [f"  {one}  is too large for this file and is left out\n" for one in archive.too_large]
    return text + "".join([*archive.lines, *left_out])
