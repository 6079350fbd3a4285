"""Machines at the shell, each with a home of its own, and a folder between them."""

from __future__ import annotations

from pathlib import Path

from tests.bot.operator.conversations import Quick
from tests.bot.shell import Done, Shell


class Desk:
    """A machine of somebody, who types; `quick` runs what is typed within this process."""

    def __init__(self, quick: Quick, folder: Path, name: str, **settings: str) -> None:
        self.name, self.place, self._quick = name, folder / "place", quick
        self.place.mkdir(exist_ok=True)
        self.shell = Shell(folder / name, {"PALAVER_SYNC__PLACE": str(self.place), **settings})

    def types(self, *arguments: str, **settings: str) -> Done:
        return self._quick(*arguments, **{**self.shell.settings, "PALAVER_HOME": str(self.shell.home), **settings})

    def does(self, *arguments: str) -> list[str]:
        """Run a command that has to go well; give its lines."""
        done = self.types(*arguments)
        assert done.code == 0, done
        return done.lines

    def line(self) -> str:
        (line,) = self.does("sync", "identity")
        return line

    def knows(self, *others: Desk, mine: bool) -> None:
        """Take in what the others print, as machines of mine or as people."""
        for other in others:
            self.does("sync", "contacts", "add", other.name, other.line(), *(["--mine"] if mine else []))


def introduced(quick: Quick, folder: Path, *names: str, mine: bool) -> list[Desk]:
    """Have all of them know each other."""
    desks = [Desk(quick, folder, name) for name in names]
    for desk in desks:
        desk.knows(*(other for other in desks if other is not desk), mine=mine)
    return desks
