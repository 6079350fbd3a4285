"""Comparing two stores row by row, sealed as they are: whether one is a whole copy of the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import astuple, replace

from sessions.records import Foundation, LetterRow, ParcelRow, SessionRow, record_id
from sessions.store import Store
from sessions.store_copy import PAGE, ROWS


async def differences(source: Store, target: Store) -> AsyncIterator[str]:
    """Compare two stores row by row; give in words what one has and the other has not."""
    if (await source.census()).counts != (await target.census()).counts:
        yield "the counts of the two stores"
    if _keys_of(await source.foundation()) != _keys_of(await target.foundation()):
        yield "the keyring"
    after, ours = -1, set[int]()
    while rows := await source.sessions_after(after, ROWS):
        after = rows[-1].number
        ours |= {row.number for row in rows}
        there = {row.number: row for row in await target.sessions_by_number([row.number for row in rows])}
        for row in rows:
            if row != there.get(row.number) or not await _same_records(source, target, row):
                yield f"session {row.id}"
    for number, session_id in (await target.ids()).items():
        if number not in ours:
            yield f"session {session_id}"
    if await source.orphans() != await target.orphans():
        yield "records that belong to no session"
    if sorted(await source.preferences()) != sorted(await target.preferences()):
        yield "the preferences"
    if await _mail_of(source) != await _mail_of(target):
        yield "messages on their way"
    if not await _same_audit(source, target):
        yield "the audit"


async def _same_records(source: Store, target: Store, row: SessionRow) -> bool:
    number = row.number
    for start in range(1, row.stored + 1, PAGE):
        low, high = record_id(number, start), record_id(number, min(start + PAGE - 1, row.stored))
        ours, theirs = [await store.messages(low, high, PAGE, newest=False) for store in (source, target)]
        if list(map(tuple, ours)) != list(map(tuple, theirs)):
            return False
    if await source.journal(number) != await target.journal(number):
        return False
    if sorted(await source.sources_of(number)) != sorted(await target.sources_of(number)):
        return False
    strays = [await store.strays(number, row.stored, row.entries) for store in (source, target)]
    return strays[0] == strays[1]


async def _same_audit(source: Store, target: Store) -> bool:
    after = 0
    while True:
        ours, theirs = await source.audit(after, ROWS), await target.audit(after, ROWS)
        if ours != theirs:
            return False
        if not ours:
            return True
        after = ours[-1].number


async def _mail_of(store: Store) -> tuple[list[LetterRow], list[ParcelRow]]:
    letters, parcels = await store.all_mail()
    return sorted(letters), sorted(parcels)


def _keys_of(foundation: Foundation) -> tuple[object, ...]:
    ordered = replace(foundation, keyring=tuple(sorted(foundation.keyring, key=lambda row: row.kid)))
    return astuple(ordered)
