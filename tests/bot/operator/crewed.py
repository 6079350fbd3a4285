"""What a crew is given to do in tests, and the commands run with one, as programs of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.operation_table import OPERATIONS
from bot.operator.crew import CrewOptions
from bot.operator.errand import run
from bot.operator.exporting import Chosen, export_sessions
from bot.operator.importing import Offered, import_sessions
from bot.operator.searching import SearchOptions, search_sessions
from bot.startup import passphrase_in
from sessions.errors import KeyRefused, NotFound
from sessions.export.formats import ExportFormat
from sessions.keys import Passphrase
from sessions.manager import SessionManager

PAIR = CrewOptions(members=2, pays=0, batch=1)  # whatever there is, in as many pieces as can be
ALONE = CrewOptions(members=1)
PATIENCE = 20  # seconds


@dataclass(frozen=True)
class Told:
    """Gives every number back, with the process that was asked, after some seconds for each batch."""

    seconds: float = 0

    async def __call__(self, sessions: SessionManager, batch: Sequence[int]) -> AsyncGenerator[tuple[int, int], None]:
        await asyncio.sleep(self.seconds * (batch[0] % 3))
        for number in batch:
            yield number, os.getpid()


@dataclass(frozen=True)
class Meeting:
    """Gives every number back, with the process that was asked, once so many processes have been asked something."""

    folder: Path
    members: int

    async def __call__(self, sessions: SessionManager, batch: Sequence[int]) -> AsyncGenerator[tuple[int, int], None]:
        (self.folder / str(os.getpid())).touch()
        async with asyncio.timeout(PATIENCE):
            while len(list(self.folder.iterdir())) < self.members:  # noqa: ASYNC110  # other processes tell nothing else
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.01 * (batch[0] % 3))
        for number in batch:
            yield number, os.getpid()


@dataclass(frozen=True)
class Dying:
    """Gives every number back, and ends suddenly with one of them."""

    at: int

    async def __call__(self, sessions: SessionManager, batch: Sequence[int]) -> AsyncGenerator[int, None]:
        for number in batch:
            if number == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield number


async def failing(sessions: SessionManager, batch: Sequence[int]) -> AsyncGenerator[int, None]:
    """Give the first number, then fail with a reason."""
    if batch[0]:
        raise NotFound("session", str(batch[0]))
    yield 0


@dataclass(frozen=True)
class Large:
    """Gives a hundred mebibytes for each number, and notes in a folder how far it has come."""

    folder: Path

    async def __call__(self, sessions: SessionManager, batch: Sequence[int]) -> AsyncGenerator[bytes, None]:
        for number in batch:
            for part in range(100):
                (self.folder / f"{number}-{part}").touch()
                yield bytes(1 << 20)


def exports(form: ExportFormat, output: Path, crew: CrewOptions) -> int:
    """Export everything."""
    chosen = Chosen(
        ids=(),
        person=None,
        since=None,
        until=None,
        format=form,
        output=output,
        force=False,
        bare=False,
        passphrase=None,
    )
    return run(lambda settings: export_sessions(settings, OPERATIONS, chosen, crew), home=None, config_file=None)


def imports(
    crew: CrewOptions,
    *files: Path,
    folder: Path | None = None,
    phrase: Path | None = None,
    title: str | None = None,
    new_ids: bool = False,
) -> int:
    """Import files, or those of a folder, under the passphrase in another one."""
    offered = Offered(files=files, folder=folder, new_ids=new_ids, title=title, person=None, user=None)
    key = None if phrase is None else passphrase_in(phrase)

    def asked() -> Passphrase:
        if key is None:
            raise KeyRefused("there is no passphrase")
        return key

    return run(
        lambda settings: import_sessions(settings, OPERATIONS, offered, asked, crew), home=None, config_file=None
    )


def main() -> int:
    """Search, export into a file, or import one, with two members."""
    what, argument = sys.argv[1:]
    try:
        if what == "export":
            return exports("json", Path(argument), PAIR)
        if what == "import":
            return imports(PAIR, Path(argument))
        asked = SearchOptions(words=argument, limit=100_000, as_json=True)
        return search_sessions(asked, home=None, config_file=None, crew=PAIR)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
