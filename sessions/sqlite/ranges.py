"""RangeReader: the short reads of many conversations, asked for at once, as one statement.

Every read costs two hand-overs between threads, which is more than reading fifty rows. Those that are asked
for in the same round of the event loop share them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import NamedTuple

from sessions.records import MessageFields
from sessions.sqlite.readers import Reader, Row

TOGETHER = 16  # reads in one statement; SQLite compiles each number of them once
SHORT = 200  # rows; a longer read is a statement of its own
_MESSAGE = "SELECT id, branch, role, kind, keep, at, body FROM message WHERE id BETWEEN ? AND ? "


class _Wanted(NamedTuple):
    sql: str
    parameters: tuple[int, int, int]
    future: asyncio.Future[list[Row]]


class RangeReader:
    """Reads ranges of messages through a reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting: list[_Wanted] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def read(self, first: int, last: int, limit: int, *, newest: bool, kept: bool) -> list[MessageFields]:
        """Read up to `limit` messages with ids from `first` to `last`, from the end if `newest`; in order of id."""
        sql = f"{_MESSAGE}{'AND keep = 1 ' if kept else ''}ORDER BY id {'DESC' if newest else 'ASC'} LIMIT ?"
        rows = await (self._soon if limit <= SHORT else self._reader.fetch)(sql, (first, last, limit))
        if newest:
            rows.reverse()
        return rows

    async def _soon(self, sql: str, parameters: tuple[int, int, int]) -> list[Row]:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._read_waiting)
        wanted = _Wanted(sql, parameters, loop.create_future())
        self._waiting.append(wanted)
        return await wanted.future

    def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:  # most often: nothing to put together and to take apart
            self._start(self._read_one(*waiting))
            return
        for start in range(0, len(waiting), TOGETHER):
            self._start(self._read_together(waiting[start : start + TOGETHER]))

    def _start(self, reading: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(reading)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_one(self, wanted: _Wanted) -> None:
        try:
            rows = await self._reader.fetch(wanted.sql, wanted.parameters)
        except BaseException as error:  # noqa: BLE001  # passed on to whoever waits
            _answer(wanted, error)
        else:
            _answer(wanted, rows)

    async def _read_together(self, group: list[_Wanted]) -> None:
        """Run one statement for a group and give each what it asked for."""
        sql = " UNION ALL ".join(f"SELECT {slot}, * FROM ({wanted.sql})" for slot, wanted in enumerate(group))
        parameters = [value for wanted in group for value in wanted.parameters]
        found: list[list[Row]] = [[] for _ in group]
        try:
            for row in await self._reader.fetch(sql, parameters):
                found[row[0]].append(row[1:])
        except BaseException as error:  # noqa: BLE001  # passed on to whoever waits
            for wanted in group:
                _answer(wanted, error)
            return
        for wanted, rows in zip(group, found, strict=True):
            _answer(wanted, rows)


def _answer(wanted: _Wanted, found: list[Row] | BaseException) -> None:
    if wanted.future.done():
        return  # whoever asked has gone
    if isinstance(found, BaseException):
        wanted.future.set_exception(found)
    else:
        wanted.future.set_result(found)
