"""Machines: stores that take in the same files, one process alone and a crew, and files for them."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.operator.crew import CrewOptions
from bot.operator.errand import run
from bot.operator.verifying import verify
from sessions.export.archive import ArchiveText
from sessions.export.transcript import StoredMessage, Transcript, read_along
from sessions.message import JsonValue
from sessions.session import Status
from tests.bot.operator.conversations import telegram
from tests.bot.operator.crewed import ALONE, PAIR, exports, imports
from tests.bot.operator.test_crew import WHEN, children
from tests.bot.shell import Done, Shell
from tests.sessions.export.builders import HOSTILE, NOON, a_message, a_transcript, sample

AGO = timedelta(days=600)
LARGE = 1_000  # conversations
TABLES = ("session", "message", "journal", "erasure", "lineage")
PLAIN = "number - min(number) OVER (), id, status, head, stored, entries, message_count, created_at, last_activity_at"
Broken = Callable[[str], str]


def id_of(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:012}")


def aged(transcript: Transcript, number: int, *, person: str = "1", **session: object) -> Transcript:
    """Give a conversation of some time ago an id of its own, and somebody whose it is."""
    ago, address = AGO // timedelta(milliseconds=1), telegram(person)
    stored = [
        one._replace(message=one.message._replace(created_ms=one.message.created_ms - ago)) for one in transcript.stored
    ]
    points = [
        replace(one, id=f"{id_of(number)}-{one.number}", session_id=id_of(number), created_at=one.created_at - AGO)
        for one in transcript.checkpoints
    ]
    was = transcript.session
    begun = {"created_at": was.created_at - AGO, "last_activity_at": was.last_activity_at - AGO}
    fields: dict[str, object] = {"id": id_of(number), **begun, "updated_at": was.updated_at - AGO, **session}
    known = ("platform", "account", "chat_id", "user_id")
    return replace(
        transcript,
        session=replace(was, **fields),  # type: ignore[arg-type]
        stored=stored,
        checkpoints=points,
        checkpoint_positions={one.id: 1 for one in points},
        address={name: getattr(address, name) for name in known},
        exported_at=NOON - AGO,
    )


def long() -> Transcript:
    """Make a conversation with branches that is sealed in several parts."""
    said = sample()
    more = (StoredMessage(n, 2, a_message(f"long {n}", seq=n - 1)) for n in range(7, 1_207))
    stored = (*said.stored, *more)
    return replace(said, stored=stored, head=1_206, messages=read_along(stored, said.branches, 1_206))


def motley() -> list[Transcript]:
    """Make conversations of five people: branches, forks, damage, none, many or odd words, current and set aside."""
    made = []
    for number in range(24):
        kind, person = number % 4, str(number % 5)
        said = sample() if kind == 1 else a_transcript(*(f"{number}: {text}" for text in HOSTILE[: number % 7]))
        said = long() if number == 10 else said
        status = Status.PAUSED if number % 3 == 1 else Status.ACTIVE
        source = id_of(number - 1) if kind == 2 else None
        title = f"title {number} {'é' * number}" if number % 2 else None
        metadata: dict[str, JsonValue] = {"nested": {"list": [number, None, 0.5]}} if number % 3 else {"plain": number}
        changes = {"status": status, "forked_from": source, "title": title, "metadata": metadata}
        made.append(aged(replace(said, damaged=number % 2), number, person=person, **changes))
    return made


def archive(transcripts: Sequence[Transcript]) -> str:
    text = ArchiveText(NOON)
    return "".join([text.begin(), *(piece for one in transcripts for piece in text.add(one)), text.end()])


def ten() -> list[Transcript]:
    return [aged(a_transcript("one", "two"), number, person=str(number)) for number in range(10)]


def in_one(number: int, old: str, new: str) -> Broken:
    """Give a change of one conversation of an archive."""

    def change(text: str) -> str:
        parts = text.split("\n,\n")
        assert old in parts[number]
        parts[number] = parts[number].replace(old, new, 1)
        return "\n,\n".join(parts)

    return change


def then(*changes: Broken) -> Broken:
    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


FIELD = ('"role": "user"', '"role": "root"')
CUT_OFF = ('"content": "two"', '"content": "two')


@dataclass(frozen=True)
class Machines:
    """Stores, in each of which this process can work."""

    folder: Path
    patch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def shell(self, name: str) -> Shell:
        return Shell(self.folder / f"at-{name}")

    def does(self, shell: Shell, errand: Callable[[], int]) -> Done:
        """Do something in a store; what it says is said without the note about a new key."""
        self.capfd.readouterr()
        with self.patch.context() as told:
            for name, value in shell.environ.items():
                told.setenv(name, value)
            code = errand()
        out, err = self.capfd.readouterr()
        return Done(code, out, re.sub(r"palaver: A new key was made.*\n", "", err))

    def imports(
        self,
        shell: Shell,
        crew: CrewOptions,
        *files: Path,
        folder: Path | None = None,
        phrase: Path | None = None,
        title: str | None = None,
        new_ids: bool = False,
    ) -> Done:
        return self.does(
            shell, lambda: imports(crew, *files, folder=folder, phrase=phrase, title=title, new_ids=new_ids)
        )

    def exported(self, shell: Shell) -> str:
        """Give everything that is in a store, without the times of exports."""
        target = self.folder / "exported.json"
        target.unlink(missing_ok=True)
        assert self.does(shell, lambda: exports("json", target, ALONE)).code in (0, 4)
        return WHEN.sub(rb"\1", target.read_bytes()).decode()

    def sound(self, shell: Shell) -> str:
        """Have every record opened; give what is said of it."""
        done = self.does(shell, lambda: run(lambda settings: verify(settings, None, as_json=False), **nowhere()))
        assert done.code == 0, done
        return done.out


def nowhere() -> dict[str, Path | None]:
    return {"home": None, "config_file": None}


def rows(shell: Shell, what: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(shell.home / "palaver.db")) as raw:
        return raw.execute(f"SELECT {what}").fetchall()  # written here


def counted(shell: Shell) -> dict[str, int]:
    """Count the rows of everything that a conversation is made of."""
    return {table: len(rows(shell, f"1 FROM {table}")) for table in TABLES}


def empty() -> dict[str, int]:
    return dict.fromkeys(TABLES, 0)


def told_by_both(machines: Machines, *files: Path, crew: CrewOptions = PAIR) -> str:
    """Import what can not be, alone and with a crew, and see that both say the same and leave nothing."""
    shell = machines.shell("a")
    before = counted(shell) if shell.home.exists() else empty()
    alone = machines.imports(shell, ALONE, *files)
    assert (alone.code, alone.out, alone.err.count("\n")) == (1, "", 1)
    with working():
        assert machines.imports(shell, crew, *files) == alone
    assert counted(shell) == before
    machines.sound(shell)
    return alone.err


@contextmanager
def working(*, seconds: float = 0.05) -> Iterator[None]:
    """See that other processes do some of the work, and that none stays."""
    before, used = children(os.getpid()), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    yield
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used > seconds
    assert children(os.getpid()) == before
