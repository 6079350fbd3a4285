"""Programs that write to one store at once: each takes steps chosen by chance, in the same few conversations."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from sessions.address import Address
from sessions.errors import InvalidValue, NotFound
from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from sessions.scope import Scope
from sessions.session import Session
from tests.sessions.conftest import KEY, person

ANN, ANNE = person("ann"), person("anne", chat="chat-2", platform="discord", account="bot-2")
BOB = person("bob", chat="chat-3")
PEOPLE = (ANN, ANNE, BOB)
REFUSALS = (NotFound, InvalidValue)  # what a program that is alone could be told as well

STEPS = {
    "say": 30, "turn": 12, "undo": 8, "redo": 5, "save": 4, "restore": 4, "fork": 6, "new": 4, "reset": 4, "switch": 6,
    "rename": 4, "tag": 4, "erase": 4, "scope": 2, "link": 2, "unlink": 2, "search": 3, "history": 8, "retry": 3,
    "clear": 2, "keep": 2, "resets": 2,
}  # fmt: skip


@asynccontextmanager
async def writers(database: str, count: int, clock: Callable[[], float]) -> AsyncIterator[list[SessionManager]]:
    """Open a store that several write to, as so many programs."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                SessionManager.open(store=PostgresStore(database, many=True, size=5), encryption_key=KEY, clock=clock)
            )
            for _ in range(count)
        ]


class Log:
    """What all of them were told together."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}  # text -> the session it was said in
        self.erased: set[str] = set()  # sessions that somebody wanted to erase
        self.begun: set[str] = set()
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()

    async def check(self, sessions: SessionManager) -> None:
        """Look, as a program that was just started, whether everything is there, once, where somebody finds it."""
        assert self.wrong == [], self.wrong
        assert await sessions.verify() == []
        parts, known = sessions._parts, set()
        currents: Counter[bytes] = Counter()
        for row in await sessions._store.sessions_after(0, 10_000):
            live = await parts.cache.get(row.id)
            home = await parts.directory.index(live.profile.address, live.profile.scope)
            assert home == row.key_idx, "a session that nobody finds"
            known.add(row.id)
            currents[row.key_idx] += live.snapshot().status.is_current
        assert max(currents.values(), default=0) <= 1
        assert self.begun - self.erased <= known
        stored: Counter[tuple[str, str]] = Counter()
        for session_id in known:
            transcript = await sessions.transcript(session_id)
            stored.update((one.message.content, session_id) for one in transcript.stored)
        for text, session_id in self.said.items():
            assert session_id in self.erased or stored[text, session_id] == 1, (text, stored[text, session_id])


class Writer:
    """One task of one program."""

    def __init__(self, name: str, sessions: SessionManager, chance: random.Random, log: Log) -> None:
        self._name, self._sessions, self._chance, self._log, self._count = name, sessions, chance, log, 0

    async def run(self, steps: int) -> None:
        """Take some steps; what a program that is alone would not be told is noted as wrong."""
        verbs = self._chance.choices(list(STEPS), weights=list(STEPS.values()), k=steps)
        for verb in verbs:
            act: Callable[[Address], Awaitable[object]] = getattr(self, f"_{verb}")
            who = self._chance.choice(PEOPLE)
            try:
                await act(who)
                self._log.done[verb] += 1
            except REFUSALS as error:
                self._log.done[f"{verb}: {type(error).__name__}"] += 1
            except Exception as error:  # noqa: BLE001  # all of them are told at the end
                self._log.wrong.append(f"{verb}: {error!r}")
            await asyncio.sleep(0)

    def _text(self) -> str:
        self._count += 1
        return f"word {self._name}-{self._count}"

    async def _current(self, address: Address) -> Session:
        return self._begun(await self._sessions.get_or_create_session(address))

    def _begun(self, session: Session) -> Session:
        self._log.begun.add(session.id)
        return session

    async def _any(self, address: Address) -> Session:
        """Choose one of somebody's sessions, rather the current one."""
        known = await self._sessions.list_sessions(address)
        if not known or self._chance.random() < 0.5:
            return await self._current(address)
        return self._chance.choice(known)

    async def _say(self, address: Address) -> None:
        session, text = await self._any(address), self._text()
        role = self._chance.choice(["user", "assistant"])
        await self._sessions.add_message(session.id, role=role, content=text)
        self._log.said[text] = session.id

    async def _turn(self, address: Address) -> None:
        session, question, answer = await self._any(address), self._text(), self._text()
        turn = await self._sessions.begin_turn(session.id, content=question)
        self._log.said[question] = session.id
        await asyncio.sleep(self._chance.uniform(0, 0.02))
        await self._sessions.finish_turn(turn, content=answer, failed=self._chance.random() < 0.2)
        self._log.said[answer] = session.id

    async def _undo(self, address: Address) -> None:
        await self._sessions.undo(address, steps=self._chance.choice([1, 1, 2]))

    async def _redo(self, address: Address) -> None:
        await self._sessions.redo(address)

    async def _save(self, address: Address) -> None:
        await self._sessions.save_checkpoint((await self._any(address)).id, name="here")

    async def _restore(self, address: Address) -> None:
        session = await self._any(address)
        marks = await self._sessions.list_checkpoints(session.id, automatic=True)
        if marks:
            await self._sessions.restore_checkpoint(self._chance.choice(marks).id)

    async def _clear(self, address: Address) -> None:
        await self._sessions.clear_history((await self._any(address)).id)

    async def _retry(self, address: Address) -> None:
        session, answer = await self._any(address), self._text()
        turn = await self._sessions.retry_turn(session.id)
        await self._sessions.finish_turn(turn, content=answer)
        self._log.said[answer] = session.id

    async def _fork(self, address: Address) -> None:
        source = await self._any(address)
        self._begun(await self._sessions.fork(source.id, aside=self._chance.random() < 0.3))

    async def _new(self, address: Address) -> None:
        title = self._text()
        session = self._begun(await self._sessions.new_session(address, title=title))
        assert session.title == title

    async def _reset(self, address: Address) -> None:
        self._begun(await self._sessions.reset(address))

    async def _switch(self, address: Address) -> None:
        await self._sessions.switch_session(address, (await self._any(address)).id)

    async def _rename(self, address: Address) -> None:
        await self._sessions.update_session((await self._any(address)).id, title=self._text())

    async def _tag(self, address: Address) -> None:
        session, tag = await self._any(address), self._text()
        tagged = await self._sessions.amend_session(session.id, add_tags=[tag])
        assert tag in tagged.tags

    async def _erase(self, address: Address) -> None:
        session = await self._any(address)
        self._log.erased.add(session.id)
        await self._sessions.delete_session(session.id)

    async def _scope(self, address: Address) -> None:
        await self._sessions.set_scope(address, self._chance.choice([Scope.PER_PEER, Scope.PER_CHANNEL_PEER]))

    async def _link(self, address: Address) -> None:
        await self._sessions.link(*self._chance.sample(PEOPLE, 2))

    async def _unlink(self, address: Address) -> None:
        await self._sessions.unlink(address)

    async def _search(self, address: Address) -> None:
        await self._sessions.search(address, "word")

    async def _history(self, address: Address) -> None:
        session = await self._any(address)
        found = await self._sessions.get_history(session.id, limit=None)
        texts = [message.content for message in found]
        assert len(texts) == len(set(texts)), "a message is read twice"
        assert all(message.kind != "unreadable" for message in found), "a message can not be read"

    async def _keep(self, address: Address) -> None:
        await self._sessions.keep_session(address)

    async def _resets(self, address: Address) -> None:
        await self._sessions.set_chat_resets(address, daily_at=None)


async def let_write(database: str, seed: int, *, programs: int, tasks: int, steps: int) -> Log:
    """Have programs write, each with some tasks, and look afterwards at what is there."""
    log = Log()
    async with writers(database, programs, clock=_clock) as managers:
        tasks_ = [
            Writer(f"{program}-{task}", managers[program], random.Random(f"{seed}/{program}/{task}"), log).run(steps)
            for program in range(programs)
            for task in range(tasks)
        ]
        await asyncio.gather(*tasks_)
    async with writers(database, 1, clock=_clock) as (fresh,):
        await log.check(fresh)
    return log


def _clock() -> float:
    return asyncio.get_running_loop().time() + 1_767_225_600.0
