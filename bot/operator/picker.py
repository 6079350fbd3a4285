"""Picker: choosing one of several lines at a terminal, with the arrows and by typing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import Output

_HELP = "Up and down choose, typing filters, Enter takes it, Esc leaves."
_AROUND = 3  # lines that are no choices
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """A line to choose, and what it stands for."""

    value: str
    line: str


class Picker:
    """Shows the lines that hold all the words typed, and which of them Enter would take."""

    def __init__(
        self, title: str, choices: Sequence[Choice], *, source: Input | None = None, output: Output | None = None
    ) -> None:
        self._title, self._choices = title, choices
        self._typed, self._at = "", 0
        self._application: Application[str | None] = Application(
            layout=Layout(Window(FormattedTextControl(self._lines, focusable=True, show_cursor=False))),
            key_bindings=self._keys(),
            erase_when_done=True,
            input=source,
            output=output,
        )
        self._application.ttimeoutlen = 0.05  # a bare Esc is meant as such

    async def pick(self) -> str | None:
        """Give what was chosen; None if the person left."""
        return await self._application.run_async()

    @property
    def _shown(self) -> list[Choice]:
        words = self._typed.casefold().split()
        return [one for one in self._choices if all(word in one.line.casefold() for word in words)]

    def _lines(self) -> StyleAndTextTuples:
        size = self._application.output.get_size()
        room, width = max(size.rows - _AROUND, _FEWEST), max(size.columns - 1, 1)
        shown, first = self._shown, max(0, self._at - room + 1)
        lines: StyleAndTextTuples = [("bold", f"{self._title} {self._typed}"[:width]), ("", "\n")]
        for number, one in enumerate(shown[first : first + room], first):
            here = number == self._at
            lines += [("reverse" if here else "", f"{'>' if here else ' '} {one.line}"[:width]), ("", "\n")]
        lines.append(("italic", (_HELP if shown else "Nothing fits; Backspace takes a letter back.")[:width]))
        return lines

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        for key, step in ((Keys.Up, -1), (Keys.Down, 1), (Keys.PageUp, -10), (Keys.PageDown, 10)):
            keys.add(key)(lambda _event, step=step: self._move(step))
        keys.add(Keys.Enter)(self._take)
        keys.add(Keys.Backspace)(lambda _event: self._filter(self._typed[:-1]))
        keys.add(Keys.ControlU)(lambda _event: self._filter(""))
        keys.add(Keys.Any)(self._type)
        for key in (Keys.Escape, Keys.ControlC, Keys.ControlD):
            keys.add(key)(lambda event: event.app.exit(result=None))
        return keys

    def _move(self, step: int) -> None:
        self._at = min(max(self._at + step, 0), max(len(self._shown) - 1, 0))

    def _filter(self, typed: str) -> None:
        self._typed, self._at = typed, 0

    def _type(self, event: KeyPressEvent) -> None:
        if event.data.isprintable():
            self._filter(self._typed + event.data)

    def _take(self, event: KeyPressEvent) -> None:
        shown = self._shown
        if shown:
            event.app.exit(result=shown[self._at].value)
