"""What the library must do, written as simply as can be: a conversation is a tuple of texts, a place is such a tuple.

Every text is unique, begins with its role (`ask`, `answer`) and holds one word of its own. Nothing here is efficient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sessions.address import Address
from sessions.scope import Scope

Fields = tuple[str | None, ...]
Path = tuple[str, ...]
Place = tuple[str, Path]


def key_of(address: Address, scope: Scope) -> Fields:
    """Tell whose conversation it is."""
    bot = (address.platform, address.account)
    match scope:
        case Scope.MAIN:
            return ("main",)
        case Scope.PER_PEER:
            return ("peer", *bot, address.user_id)
        case Scope.PER_CHANNEL:
            return ("channel", *bot, address.chat_id, address.thread_id)
        case Scope.PER_CHANNEL_PEER:
            return ("channel-peer", *bot, address.chat_id, address.thread_id, address.user_id)


def owner_of(address: Address, scope: Scope) -> Fields:
    """Tell who may have a conversation erased together with everything else of theirs."""
    person = ("person", address.platform, address.account, address.user_id)
    return person if scope in (Scope.PER_PEER, Scope.PER_CHANNEL_PEER) else key_of(address, scope)


def is_question(text: str) -> bool:
    """Tell whether a person said it."""
    return text.startswith("ask ")


@dataclass
class Mark:
    """A checkpoint."""

    name: str
    path: Path
    hidden: bool = False


@dataclass
class Move:
    """A step that can be taken back."""

    op: str
    before: Place
    after: Place
    undone: bool = False
    subject: str = ""


@dataclass
class Talk:
    """A session."""

    id: str
    key: Fields
    owner: Fields
    since: int  # the latest of its beginning, the last thing a person said, and a waived reset
    title: str | None = None
    path: Path = ()
    marks: dict[str, Mark] = field(default_factory=dict)  # by number; automatic ones by `a` and number
    stored: set[str] = field(default_factory=set)
    line: Path = ()  # what it shares with the session it was forked from
    root: str = ""  # the session that stored the end of that line when this one was forked

    @property
    def place(self) -> Place:
        return self.id, self.path

    def mark(self, name: str, *, automatic: bool) -> str:
        label = self.label(automatic=automatic)
        self.marks[label] = Mark(name, self.path)
        return label

    def label(self, *, automatic: bool) -> str:
        number = 1 + sum(each.startswith("a") is automatic for each in self.marks)
        return f"a{number}" if automatic else f"{number}"

    def shown(self, *, automatic: bool) -> dict[str, Mark]:
        return {n: m for n, m in self.marks.items() if not m.hidden and (automatic or not n.startswith("a"))}


class Model:
    """All sessions, which of them are current, and all steps in their order."""

    def __init__(self) -> None:
        self.talks: dict[str, Talk] = {}
        self.currents: dict[Fields, str] = {}
        self.moves: list[Move] = []

    # -- looking -------------------------------------------------------------------------------

    def current(self, key: Fields) -> Talk | None:
        return self.talks.get(self.currents.get(key, ""))

    def of_key(self, key: Fields) -> list[Talk]:
        return [talk for talk in self.talks.values() if talk.key == key]

    def listed(self, key: Fields) -> set[str]:
        current = self.current(key)
        return {t.id for t in self.of_key(key) if t is current or t.path or t.stored or t.title}

    def owned(self, owner: Fields) -> set[str]:
        return {talk.id for talk in self.talks.values() if talk.owner == owner}

    # -- sessions ------------------------------------------------------------------------------

    def begin(self, talk: Talk) -> Talk:
        self.talks[talk.id] = talk
        self.currents[talk.key] = talk.id
        return talk

    def replace(self, old: Talk, new: Talk, op: str) -> Talk:
        self.moves.append(Move(op, old.place, new.place))
        return self.begin(new)

    def activate(self, talk: Talk, now: int) -> None:
        if self.currents.get(talk.key) != talk.id:
            self.currents[talk.key] = talk.id
            talk.since = max(talk.since, now)

    def holder(self, talk: Talk, text: str) -> Talk:
        """Tell which session stores a text that one reads: a text may be stored under several."""
        return talk if text in talk.stored else self.holder(self.talks[talk.root], text)

    def fork(self, source: Talk, new_id: str, now: int) -> Talk:
        root = self.holder(source, source.path[-1]).id if source.path else ""
        new = replace(source, id=new_id, since=now, marks={}, stored=set(), line=source.path, root=root)
        current = self.current(source.key)
        if current is source:
            return self.replace(source, new, "fork")
        return self.begin(new)

    def erase(self, ids: Iterable[str]) -> int:
        """Forget sessions; a fork keeps what it shares. Gives the number of messages they stored.

        A fork stores its line itself once the session that the line ends in is gone; a copy of the same texts
        under any other session is nothing to it.
        """
        gone = {id_: self.talks.pop(id_) for id_ in set(ids)}
        self.currents = {key: id_ for key, id_ in self.currents.items() if id_ in self.talks}
        for talk in self.talks.values():
            if talk.root in gone:
                talk.stored |= set(talk.line)
        return sum(len(talk.stored) for talk in gone.values())

    # -- messages and time -----------------------------------------------------------------------

    def say(self, talk: Talk, text: str, now: int) -> None:
        talk.path += (text,)
        talk.stored.add(text)
        if is_question(text):
            talk.since = max(talk.since, now)

    def answer_late(self, talk: Talk, question: Path, text: str, now: int) -> None:
        """Store a reply behind its question, wherever one reads by now."""
        if talk.path == question:
            self.say(talk, text, now)
            return
        talk.stored.add(text)
        talk.marks[talk.label(automatic=True)] = Mark("late reply", (*question, text))

    def go(self, talk: Talk, path: Path, op: str) -> None:
        if talk.path != path:
            talk.mark(f"before {op}", automatic=True)
            self.moves.append(Move(op, talk.place, (talk.id, path)))
            talk.path = path

    def retry(self, talk: Talk) -> bool:
        questions = [at for at, text in enumerate(talk.path) if is_question(text)]
        if questions:
            self.go(talk, talk.path[: questions[-1] + 1], "retry")
        return bool(questions)

    def delete_mark(self, talk: Talk, label: str) -> None:
        talk.marks[label].hidden = True
        if not label.startswith("a"):
            self.moves.append(Move("delete checkpoint", talk.place, talk.place, subject=label))

    def undo(self, key: Fields, now: int) -> str | None:
        """Take back one step and tell which; None when there is none."""
        talk = self.current(key)
        if talk is None:
            return None
        move = next((m for m in reversed(self.moves) if not m.undone and m.after == talk.place), None)
        if move is not None and move.before[0] in self.talks:
            return self._retrace(move, move.before, undone=True, now=now)
        questions = [at for at, text in enumerate(talk.path) if is_question(text)]
        if not questions:
            return None
        ahead = self._redoable(talk)
        if ahead is None or ahead.op != "turn":
            talk.mark("before undo", automatic=True)
        rest = talk.path[: questions[-1]]
        self.moves.append(Move("turn", (talk.id, rest), talk.place, undone=True))
        talk.path = rest
        return "turn"

    def redo(self, key: Fields, now: int) -> str | None:
        """Do again one step and tell which; None when there is none."""
        talk = self.current(key)
        move = None if talk is None else self._redoable(talk)
        if move is None or move.after[0] not in self.talks:
            return None
        return self._retrace(move, move.after, undone=False, now=now)

    def _redoable(self, talk: Talk) -> Move | None:
        return next((m for m in reversed(self.moves) if m.undone and m.before == talk.place), None)

    def _retrace(self, move: Move, target: Place, *, undone: bool, now: int) -> str:
        move.undone = undone
        talk = self.talks[target[0]]
        if self.currents.get(talk.key) == talk.id:
            talk.path = target[1]
        else:
            self.activate(talk, now)
        if move.subject:
            talk.marks[move.subject].hidden = not undone
        return move.op
