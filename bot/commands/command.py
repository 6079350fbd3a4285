"""Command and Parameter: what a command is called, takes and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from bot.commands.context import Context, Result
from bot.commands.parameters import Parameters
from bot.confirmations import Question

Path = tuple[str, ...]
Handler = Callable[[Context, Parameters], Awaitable[Result | Question]]


class Kind(Enum):
    """What a parameter holds. It decides how it is read, completed and offered as a native option."""

    TEXT = "a word, or several in quotes"
    REST = "text up to the end of the line"
    INTEGER = "a whole number"
    CHOICE = "one of a few words"
    TIME = "a time of day"
    ZONE = "a time zone"
    SESSION = "a conversation: its number in the list, its id or the start of it, or its title"
    CHECKPOINT = "a checkpoint: its number, id or name"
    TAGS = "one or more words"
    COMMAND = "the name of a command"

    @property
    def takes_the_rest(self) -> bool:
        """Tell whether it reads up to the end of the line, so that titles need no quotes."""
        return self in (Kind.REST, Kind.SESSION, Kind.CHECKPOINT, Kind.COMMAND)


class Topic(Enum):
    """The headings of the help."""

    CONVERSATION = "Conversation"
    TIME_LINE = "Back and forth"
    HISTORY = "History"
    MODEL = "Model"
    SETTINGS = "Settings"
    PRIVACY = "Privacy and help"
    OPERATORS = "For operators"


class Access(Enum):
    """Who may use a command."""

    EVERYONE = "everyone"  # everyone who is let in at all
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing a command takes. `also` are spellings accepted besides the choices, each with its meaning."""

    name: str
    kind: Kind
    summary: str
    required: bool = False
    minimum: int = 1
    maximum: int = 100
    choices: tuple[str, ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    off: bool = False  # takes the word "off" too, which is read as None
    placeholder: str = ""

    @property
    def shown(self) -> str:
        """How the usage line writes it: `<required>` or `[optional]`."""
        text = self.placeholder or "|".join(self.choices) or self.name
        dots = "..." if self.kind is Kind.TAGS else ""
        off = "|off" if self.off else ""
        return f"<{text}{dots}{off}>" if self.required else f"[{text}{dots}{off}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the table.

    `default` marks the sub-command that the first word alone stands for: `/history 5` is
    `/history show 5`. `private` marks answers that show content or ids, `frequent` the commands that are needed
    most: where others read along, /help lists only these.
    """

    path: Path
    summary: str
    topic: Topic
    handler: Handler
    example: str
    parameters: tuple[Parameter, ...] = ()
    access: Access = Access.EVERYONE
    private: bool = False
    default: bool = False
    frequent: bool = False

    @property
    def name(self) -> str:
        """How it is typed, without parameters: `/checkpoint save`; `show` is left out where that is enough."""
        words = "/" + " ".join(self.path)
        return words.removesuffix(" show") if self.default else words

    @property
    def usage(self) -> str:
        """The usage line: `/checkpoint save [name] [description]`."""
        return " ".join((self.name, *(parameter.shown for parameter in self.parameters)))


def may_use(command: Command, context: Context) -> bool:
    """Decide access, for typed commands, native ones, buttons and completion alike."""
    return command.access is Access.EVERYONE or context.operator
