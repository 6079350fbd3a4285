"""A program that talks to a store in many conversations at once until it is killed, and a ledger of what it was told.

It reads lines `<path of the store> <seed>` and forks a child for each, so that a kill does not cost a start of Python.
A child prints its process id, then one line of JSON before and one after each step. When it is gone, the program
prints `{"gone": <how it ended>}`; whatever the child was acknowledged stands before that line.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from sessions.address import Address
from sessions.manager import SessionManager

KEY = bytes(range(32))
PEOPLE = 16
Note = dict[str, str]
Tell = Callable[[Note], None]

STEPS = {"say": 60, "turn": 14, "late turn": 4, "save": 8, "restore": 6, "clear": 2, "reset": 3, "fork": 3}


def address_of(who: str) -> Address:
    """Give the address of one of the people."""
    return Address(platform="console", account="here", chat_id=f"chat-{who}", user_id=who)


class Talker:
    """One person's conversation: one step after the other, chosen by chance, each told before and after."""

    def __init__(self, sessions: SessionManager, who: str, chance: random.Random, tell: Tell) -> None:
        self._sessions, self._who, self._chance, self._tell = sessions, who, chance, tell
        self._session = ""
        self._marks: list[str] = []

    async def talk(self, steps: int | None = None) -> None:
        """Take that many steps, or go on for ever."""
        self._begin("open")
        self._session = (await self._sessions.get_or_create_session(address_of(self._who))).id
        self._done(self._session)
        await self._look_up_marks()
        while steps is None or steps > 0:
            await self._step()
            steps = None if steps is None else steps - 1

    async def _step(self) -> None:
        (step,) = self._chance.choices(list(STEPS), weights=list(STEPS.values()))
        if step == "say":
            await self._say()
        elif step in ("turn", "late turn"):
            await self._turn(late=step == "late turn")
        elif step == "save":
            await self._save()
        elif step == "restore" and self._marks:
            await self._restore()
        elif step == "clear":
            await self._clear()
        elif step == "reset":
            self._begin("reset")
            await self._change((await self._sessions.reset(address_of(self._who))).id)
        elif step == "fork":
            self._begin("fork")
            await self._change((await self._sessions.fork(self._session)).id)

    async def _say(self) -> None:
        text, role = self._text(), self._chance.choice(["user", "assistant"])
        self._begin("say", text=text)
        await self._sessions.add_message(self._session, role=role, content=text)
        self._done()

    async def _turn(self, *, late: bool) -> None:
        question, answer = self._text(), self._text()
        self._begin("say", text=question)
        turn = await self._sessions.begin_turn(self._session, content=question)
        self._done()
        if late:
            await self._clear()
        self._begin("answer", text=answer, to=question)
        await self._sessions.finish_turn(turn, content=answer)
        self._done()

    async def _save(self) -> None:
        self._begin("save")
        self._marks.append((await self._sessions.save_checkpoint(self._session, name="here")).id)
        self._done(self._marks[-1])

    async def _restore(self) -> None:
        mark = self._chance.choice(self._marks)
        self._begin("restore", mark=mark)
        await self._sessions.restore_checkpoint(mark)
        self._done()

    async def _clear(self) -> None:
        self._begin("clear")
        await self._sessions.clear_history(self._session)
        self._done()

    async def _change(self, session_id: str) -> None:
        self._done(session_id)
        self._session = session_id
        await self._look_up_marks()

    async def _look_up_marks(self) -> None:
        self._marks = [mark.id for mark in await self._sessions.list_checkpoints(self._session)]

    def _text(self) -> str:
        return f"{self._who} {self._chance.getrandbits(60):015x} " + "é" * self._chance.choice([1, 10, 100, 500])

    def _begin(self, step: str, **what: str) -> None:
        self._tell({"who": self._who, "step": step, "session": self._session, **what})

    def _done(self, result: str = "") -> None:
        self._tell({"who": self._who, "done": result})


class Ledger:
    """What was acknowledged, and what one must read because of it.

    Each person has at most one step under way; of that one either all or nothing may have happened.
    """

    def __init__(self) -> None:
        self.messages = 0  # acknowledged ones
        self.pending: dict[str, Note] = {}  # person -> the step under way
        self._said: set[str] = set()
        self._views: dict[str, list[str]] = {}  # session -> what one reads
        # session -> checkpoint -> what one reads after going back there
        self._marks: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)

    def feed(self, notes: Iterable[Note]) -> None:
        """Take note of what was told, in the order in which it was told."""
        for note in notes:
            if "done" in note:
                self._settle(self.pending.pop(note["who"]), note["done"])
            else:
                self.pending[note["who"]] = note

    def _settle(self, note: Note, result: str) -> None:
        if note["step"] in ("say", "answer"):
            self._said.add(note["text"])
            self.messages += 1
        if note["step"] == "save":
            self._marks[note["session"]][result] = self._views[note["session"]]
        elif note["step"] in ("open", "reset", "fork"):
            self._views.setdefault(result, self._view_after(note))
        else:
            self._views[note["session"]] = self._view_after(note)

    def _view_after(self, note: Note) -> list[str]:
        """Give what is read after a step, in the new session if it makes one."""
        step, before = note["step"], self._views.get(note["session"], [])
        if step == "say" or (step == "answer" and before[-1:] == [note["to"]]):
            return [*before, note["text"]]
        if step == "restore":
            return self._marks[note["session"]][note["mark"]]
        return [] if step in ("open", "reset", "clear") else before

    async def check(self, sessions: SessionManager, *, everything: bool = False) -> None:
        """Compare with what a store holds, and go on from what became of the steps that were under way.

        With `everything` also what is on branches that nobody reads any more.
        """
        assert await sessions.verify() == []
        pending, self.pending = self.pending, {}
        for note in pending.values():
            await self._find_out(sessions, note)
        for session_id, view in self._views.items():
            there = [message.content for message in await sessions.get_history(session_id, limit=None)]
            assert there == view, session_id
            marks = {mark.id: mark.message_count for mark in await sessions.list_checkpoints(session_id)}
            assert marks == {mark: len(view) for mark, view in self._marks[session_id].items()}
        if everything:
            assert self._said <= await self._all_stored(sessions)

    async def _find_out(self, sessions: SessionManager, note: Note) -> None:
        """Let the ledger follow if the step has happened."""
        step, session_id = note["step"], note["session"]
        if step in ("open", "reset", "fork"):
            current = await sessions.current_session(address_of(note["who"]))
            if current is not None and current.id not in self._views:
                self._views[current.id] = self._view_after(note)
        elif step == "save":
            for mark in await sessions.list_checkpoints(session_id):
                self._marks[session_id].setdefault(mark.id, self._views[session_id])
        else:
            after = self._view_after(note)
            if [m.content for m in await sessions.get_history(session_id, limit=None)] == after:
                self._views[session_id] = after

    async def _all_stored(self, sessions: SessionManager) -> set[str]:
        found: set[str] = set()
        for session_id in self._views:
            stored = json.loads(await sessions.export(session_id, format="json"))["messages"]
            texts = [message["content"] for message in stored]
            assert len(texts) == len(set(texts)), "a message is there twice"
            found.update(texts)
        return found


async def talk(path: Path, seed: str, tell: Tell) -> None:
    """Let everybody talk for ever."""
    async with SessionManager.open(db_path=path, encryption_key=KEY, hot_sessions=PEOPLE) as sessions:
        people = [Talker(sessions, f"{who}", random.Random(f"{seed}/{who}"), tell) for who in range(PEOPLE)]
        await asyncio.gather(*(person.talk() for person in people))


def _print(line: Note) -> None:
    """Write a line at once, and so short that no kill can cut it in two (PIPE_BUF)."""
    os.write(1, json.dumps(line, ensure_ascii=False).encode() + b"\n")


def main() -> None:
    """Fork a child for each line of the standard input."""
    for line in sys.stdin:
        path, seed = line.rsplit(maxsplit=1)
        child = os.fork()
        if child == 0:
            _print({"pid": f"{os.getpid()}"})
            asyncio.run(talk(Path(path), seed, _print))
            return
        _, status = os.waitpid(child, 0)
        _print({"gone": f"{os.waitstatus_to_exitcode(status)}"})


if __name__ == "__main__":
    main()
