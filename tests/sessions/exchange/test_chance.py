"""Whatever three machines do, in whatever order: nothing said is lost or doubled, and in the end all have the same."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sessions.errors import NotFound, NothingToUndo
from sessions.exchange.facts import Facts
from sessions.exchange.folder import FolderPlace
from sessions.exchange.tree import Tree
from sessions.manager import SessionManager
from sessions.message import JsonValue
from tests.conftest import ManualClock
from tests.sessions.exchange.conftest import ANN, Machine, introduce

STEPS = {
    "say": 30,
    "edit": 6,
    "undo": 8,
    "redo": 4,
    "clear": 2,
    "save": 5,
    "restore": 5,
    "fork": 3,
    "switch": 5,
    "rename": 5,
    "tag": 5,
    "new": 2,
    "push": 15,
    "pull": 15,
}


class Player:
    """One machine and what is done on it by chance."""

    def __init__(self, machine: Machine, chance: random.Random) -> None:
        self.machine, self._chance = machine, chance
        self.said: set[str] = set()

    async def step(self, number: int) -> None:
        (step,) = self._chance.choices(list(STEPS), weights=list(STEPS.values()))
        self.machine.clock.advance(self._chance.choice([0, 0.001, 1]))
        session = await self.machine.sessions.get_or_create_session(ANN)
        try:
            await getattr(self, f"_{step}")(session.id, number)
        except (NothingToUndo, NotFound):
            return

    async def _say(self, ident: str, number: int) -> None:
        sessions = self.machine.sessions
        question = f"{self.machine.name} {number}"
        await sessions.add_message(ident, role="user", content=question, metadata={"source": question})
        await sessions.add_message(ident, role="assistant", content=f"re: {question}")
        self.said |= {question, f"re: {question}"}

    async def _edit(self, ident: str, number: int) -> None:
        mine = [
            message
            for message in await self.machine.sessions.get_history(ident, limit=10)
            if str((message.metadata or {}).get("source", "")).startswith(self.machine.name)
        ]
        if mine:
            source = str((mine[-1].metadata or {})["source"])
            self.machine.clock.advance(1)
            await self.machine.sessions.revise_message(ANN, source=source, content=f"edited {number}")
            self.said.discard(source)  # its text is replaced

    async def _undo(self, ident: str, number: int) -> None:
        await self.machine.sessions.undo(ANN, steps=self._chance.randint(1, 3))

    async def _redo(self, ident: str, number: int) -> None:
        await self.machine.sessions.redo(ANN)

    async def _clear(self, ident: str, number: int) -> None:
        await self.machine.sessions.clear_history(ident)

    async def _save(self, ident: str, number: int) -> None:
        await self.machine.sessions.save_checkpoint(ident, name=f"{self.machine.name} {number}")

    async def _restore(self, ident: str, number: int) -> None:
        points = await self.machine.sessions.list_checkpoints(ident, automatic=True)
        if points:
            await self.machine.sessions.restore_checkpoint(self._chance.choice(points).id)

    async def _fork(self, ident: str, number: int) -> None:
        await self.machine.sessions.fork(ident)

    async def _switch(self, ident: str, number: int) -> None:
        every = await self.machine.sessions.list_sessions(ANN)
        await self.machine.sessions.switch_session(ANN, self._chance.choice(every).id)

    async def _rename(self, ident: str, number: int) -> None:
        await self.machine.sessions.update_session(ident, title=f"{self.machine.name} {number}")

    async def _tag(self, ident: str, number: int) -> None:
        tag = self._chance.choice("abc")
        if self._chance.random() < 0.5:
            await self.machine.sessions.amend_session(ident, add_tags=[tag])
        else:
            await self.machine.sessions.amend_session(ident, remove_tags=[tag])

    async def _new(self, ident: str, number: int) -> None:
        await self.machine.sessions.new_session(ANN)

    async def _push(self, ident: str, number: int) -> None:
        await self.machine.push()

    async def _pull(self, ident: str, number: int) -> None:
        await self.machine.pull()


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_is_lost_or_doubled_and_all_come_to_the_same(tmp_path: Path, seed: int) -> None:
    """Three machines talk, go back, fork, edit, rename, and exchange by chance, and in the end until there is rest."""
    chance, clock, place = random.Random(seed), ManualClock(), FolderPlace(tmp_path)
    async with AsyncExitStack() as stack:
        players = []
        for name in ("desk", "laptop", "phone"):
            manager = SessionManager.open(encryption_key=name.encode().ljust(32, b"."), clock=clock)
            sessions = await stack.enter_async_context(manager)
            players.append(Player(Machine(name, sessions, place, clock), chance))
        await introduce([player.machine for player in players])
        for number in range(120):
            await chance.choice(players).step(number)
        quiet = False
        for _ in range(10):
            for player in players:
                await player.machine.push()
            pulled = [await player.machine.pull() for player in players]
            quiet = not any(one.any for one in pulled)
            if quiet:
                break
        assert quiet
        await compare(players)


async def compare(players: list[Player]) -> None:
    """All have every session with the same messages and facts, and everything that was said is somewhere in them."""
    said = set().union(*(player.said for player in players))
    found: list[dict[str, tuple[set[bytes], JsonValue]]] = []
    for player in players:
        sessions = player.machine.sessions
        mine: dict[str, tuple[set[bytes], JsonValue]] = {}
        words: set[str] = set()
        for ident in (await sessions.catalogue.ids()).values():
            transcript = await sessions.transcript(ident)
            mine[ident] = (set(Tree(transcript).marks.values()), Facts.of(transcript.session).plain())
            stored = Counter(one.message.content for one in transcript.stored)
            assert [text for text, times in stored.items() if times > 1] == []
            words |= stored.keys()
        found.append(mine)
        assert said <= words
        assert await sessions.verify() == []
    assert found[0] == found[1] == found[2]
