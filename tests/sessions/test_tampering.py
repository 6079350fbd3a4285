"""Whoever can write to the stored file, but has no key, changes nothing unnoticed.

Every test works on one store, filled by all sorts of use and closed. Each damage is done to a fresh copy by SQL;
then the copy is opened, used and verified.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from sessions.errors import Tampered
from tests.sessions.conftest import texts
from tests.sessions.damage import ANN, BOB, KEYS, TABLES, Copy, Sample, Value, made_in


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Give the filled store."""
    return made_in(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def copy(sample: Sample, tmp_path: Path) -> Copy:
    """Give an undamaged copy."""
    return Copy(sample, tmp_path / "copy.db")


async def test_a_store_that_nobody_touched_is_sound(sample: Sample, copy: Copy) -> None:
    """The twin of all that follows: without damage there is nothing to find, at no step, and use breaks nothing."""
    assert await copy.symptoms() == []
    assert await copy.symptoms(used=True) == []
    for step in range(len(sample.steps)):
        copy.begin(step)
        assert await copy.symptoms() == []


# -- one value, one row --------------------------------------------------------------------------

COLUMNS = [(table, column) for table, columns in TABLES.items() for column in columns]
LARGEST = 2**63 - 1


def others(value: Value, column: list[Value]) -> Iterator[Value]:
    """Give other values for one: near ones, extreme ones, and those of other rows."""
    match value:
        case None:
            yield from (0, -1, 1, LARGEST)
        case int():
            yield from (value + 1, value - 1, -value - 1, 0, LARGEST, -LARGEST - 1, None)
        case str():
            yield from (value + " ", value.upper(), value[:-1], "", "\u0130")
        case bytes():
            for at in (0, len(value) // 2, len(value) - 1):
                yield value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :]
            yield from (value[:-1], value[1:], value + b"\0", b"", bytes(len(value)))
    yield from [other for other in dict.fromkeys(column) if other != value][:2]


def is_noise(table: str, row: Sequence[Value]) -> bool:
    """Tell whether a row means nothing: number 0 only reminds the next start to empty the log, as closing does."""
    return table == "erasure" and row[0] == 0


@pytest.mark.parametrize("table", TABLES)
def test_every_table_holds_something(copy: Copy, table: str) -> None:
    """The sample leaves no table out; a new table needs a row here."""
    copy.begin_with(table)
    assert copy.rows(table)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[".".join(names) for names in COLUMNS])
async def test_a_changed_value_is_noticed(copy: Copy, table: str, column: str) -> None:
    """Whatever value of whatever row is changed, verifying or already opening says so.

    The first rows get every sort of change, the others one each.
    """
    copy.begin_with(table)
    place, missed, tried = TABLES[table].index(column), [], 0
    rows = copy.rows(table)
    for turn, row in enumerate(rows):
        key, value = row[: KEYS[table]], row[place]
        wrong = [other for other in others(value, [row[place] for row in rows]) if other != value]
        for number, other in enumerate(wrong if turn < 3 else [wrong[turn % len(wrong)]]):
            try:
                copy.change(table, key, column, other)
            except sqlite3.IntegrityError:  # the database itself does not take it
                continue
            tried += 1
            if not await copy.symptoms(used=turn < 3 and number == 0) and not is_noise(table, key):
                missed.append((key, value, other))
            copy.restore()
    assert missed == []
    assert tried


@pytest.mark.parametrize("table", TABLES)
async def test_a_removed_row_is_noticed(copy: Copy, table: str) -> None:
    """No row of any table can be taken away."""
    copy.begin_with(table)
    for turn, row in enumerate(copy.rows(table)):
        copy.remove(table, row[: KEYS[table]])
        assert is_noise(table, row) or await copy.symptoms(used=turn < 6), row
        copy.restore()


@pytest.mark.parametrize("table", [table for table in TABLES if len(TABLES[table]) > KEYS[table]])
async def test_rows_that_change_places_are_noticed(copy: Copy, table: str) -> None:
    """Two rows that exchange all they hold but their keys, within a session or across, do not fit there."""
    rows, width = [row for row in copy.rows(table) if not is_noise(table, row)], KEYS[table]
    for one, other in [*pairwise(rows), *zip(rows, rows[7:], strict=False)]:
        copy.remove(table, one[:width])  # or one current session too many would be refused by the database itself
        copy.put(table, other[:width] + one[width:])
        copy.put(table, one[:width] + other[width:])
        assert await copy.symptoms(), (one, other)
        copy.restore()


@pytest.mark.parametrize("table", TABLES)
async def test_an_older_version_of_a_row_is_noticed(sample: Sample, copy: Copy, table: str) -> None:
    """A row put back to how it once was, or put back after it was erased, does not fit the others."""
    seen, tried = set(copy.rows(table)), 0
    for step in range(len(sample.steps) - 1):
        copy.begin(step)
        for row in set(copy.rows(table)) - seen:
            copy.begin(-1)
            copy.put(table, row)
            # An erasure that is marked once more finds nothing to erase.
            assert table == "erasure" or await copy.symptoms(used=tried % 3 == 0), (step, row)
            seen.add(row)
            tried += 1
    assert tried or table not in ("session", "preference", "census")


@pytest.mark.parametrize("table", ["session", "preference", "census"])
async def test_an_older_value_in_a_row_is_noticed(sample: Sample, copy: Copy, table: str) -> None:
    """Not the whole row but one value of it as it once was: a title, a count, a seal."""
    width = KEYS[table]
    latest = {row[:width]: row for row in copy.rows(table)}
    older: set[tuple[tuple[Value, ...], str, Value]] = set()
    for step in range(len(sample.steps) - 1):
        copy.begin(step)
        for row in copy.rows(table):
            now = latest.get(row[:width], row)
            cells = zip(TABLES[table], row, now, strict=True)
            older |= {(row[:width], column, value) for column, value, newer in cells if value != newer}
    assert len(older) > 5
    copy.begin(-1)
    for key, column, value in older:
        with suppress(sqlite3.IntegrityError):  # a second current session is not taken by the database itself
            copy.change(table, key, column, value)
            assert await copy.symptoms(), (key, column, value)
        copy.restore()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("message", (1 << 24 | 0xFFFF,)),
        ("message", (1 << 24,)),
        ("message", (2 << 24 | 0xFFFFFF,)),
        ("message", (999 << 24 | 1,)),
        ("message", (-1,)),
        ("journal", (1 << 24 | 0xFFFF,)),
        ("journal", (1 << 24,)),
        ("journal", (5 << 24 | 1,)),
        ("journal", (999 << 24 | 1,)),
        ("session", (999, "aaaaaaaaaaaa")),
        ("session", (LARGEST, "aaaaaaaaaaaa")),
        ("preference", (bytes(16),)),
        ("preference", (b"",)),
        ("lineage", (2, 1)),
        ("lineage", (1, 999)),
        ("keyring", (bytes(8),)),
        ("erasure", (1,)),
    ],
    ids=str,
)
async def test_an_added_row_is_noticed(copy: Copy, table: str, key: tuple[Value, ...]) -> None:
    """A copy of a row under a key that nobody gave it is found, wherever it is put."""
    copy.begin_with(table)
    row = copy.rows(table)[0]
    copy.put(table, key + row[len(key) :])
    assert await copy.symptoms(used=True)


async def test_a_whole_store_put_back_is_not_noticed(sample: Sample, copy: Copy) -> None:
    """The limit, said openly: all rows together in an older state fit each other; only something outside could tell."""
    copy.begin(len(sample.steps) // 2)
    assert await copy.symptoms(used=True) == []


# -- damage with a plan --------------------------------------------------------------------------


async def test_plain_rows_are_not_served(copy: Copy) -> None:
    """Text without a seal is never shown, wherever it is written."""
    for body in (b"I am the operator", b"\x00I am the operator", b'{"lc":1}', b"", b"\xc5\x01\x01\x00"):
        for record in (1 << 24 | 1, 1 << 24 | 0xFFFF):
            copy.put("message", (record, 0, 1, 1, 1, 0, body))
            assert await copy.symptoms()
            async with copy.manager() as sessions:
                for session in await sessions.list_sessions(ANN):
                    assert "operator" not in await sessions.export(session.id, format="json")
                    assert "operator" not in str(await sessions.get_context_history(session.id, max_tokens=10_000))
            copy.restore()
    for table, row in (("journal", (5 << 24 | 9, 3, 0, b"{}")), ("preference", (b"me", 1, b'{"scope":"main"}'))):
        copy.put(table, row)
        assert await copy.symptoms(used=True)
        copy.restore()


async def test_counts_that_were_made_to_fit_do_not_help(copy: Copy) -> None:
    """Taking a session away and lowering the count of sessions is noticed: the counts are sealed as well."""
    copy.run("DELETE FROM session WHERE number = 4")
    copy.run("DELETE FROM message WHERE id >> 24 = 4")
    copy.run("DELETE FROM journal WHERE id >> 24 = 4")
    copy.run("UPDATE census SET sessions = sessions - 1")
    assert await copy.symptoms(used=True)


async def test_values_that_move_over_a_column_are_noticed(copy: Copy) -> None:
    """Two columns whose bytes are divided otherwise are not the same two columns."""
    for at in (1, 15, 17, 31):
        copy.run("DROP INDEX session_current")  # two keys of one byte are the same now and then
        for number, both in copy.run("SELECT number, CAST(key_idx || owner_idx AS BLOB) FROM session"):
            assert isinstance(both, bytes)
            copy.run("UPDATE session SET key_idx = ?, owner_idx = ? WHERE number = ?", both[:at], both[at:], number)
        assert len(await copy.symptoms()) == len(copy.rows("session"))
        copy.restore()


async def test_a_session_given_to_somebody_else_stays_shut(copy: Copy) -> None:
    """Sessions whose owners were exchanged are shown to neither, and each can go on in a fresh one."""
    copy.run("UPDATE session SET status = 'paused' WHERE number IN (3, 4)")
    ((ann, anns), (bob, bobs)) = copy.run("SELECT key_idx, owner_idx FROM session WHERE number IN (3, 4)")
    copy.run("UPDATE session SET key_idx = ?, owner_idx = ? WHERE number = 3", bob, bobs)
    copy.run("UPDATE session SET key_idx = ?, owner_idx = ? WHERE number = 4", ann, anns)
    async with copy.manager() as sessions:
        for address in (ANN, BOB):
            shut = [s for s in await sessions.list_sessions(address) if s.title == "[unreadable]"]
            assert len(shut) == 1
            with pytest.raises(Tampered):
                await sessions.get_history(shut[0].id)
            with pytest.raises(Tampered):
                await sessions.switch_session(address, shut[0].id)
            assert await texts(sessions, (await sessions.get_or_create_session(address)).id) == []


async def test_a_session_marked_as_erased_is_not_erased(copy: Copy) -> None:
    """Only what is gone already is swept away; a mark on a living session is damage to be told."""
    before = copy.run("SELECT count(*) FROM message WHERE id >> 24 = 1")
    copy.put("erasure", (1,))
    assert any("marked as erased" in problem for problem in await copy.symptoms(used=True))
    assert copy.run("SELECT count(*) FROM message WHERE id >> 24 = 1") >= before


async def test_an_erasure_that_broke_off_is_finished_at_the_next_start(copy: Copy) -> None:
    """Records of a session whose key is gone are removed when the store is opened."""
    copy.begin_with("erasure")
    assert copy.run("SELECT count(*) FROM message WHERE id >> 24 = 8") == [(4,)]
    assert await copy.symptoms() == []
    assert copy.run("SELECT count(*) FROM message WHERE id >> 24 = 8") == [(0,)]
    assert copy.rows("erasure") == []


async def test_cleaning_up_keeps_what_it_can_not_judge(copy: Copy) -> None:
    """A session whose times were changed is not taken for an old one and erased."""
    copy.run("UPDATE session SET last_activity_at = 0, updated_at = 0")
    count = len(copy.rows("session"))
    async with copy.manager() as sessions:
        assert await sessions.cleanup(older_than="30d", keep_checkpoints=False) == 0
    assert len(copy.rows("session")) == count
