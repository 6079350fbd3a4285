"""No one sees another's words: random commands of many people, and a model that knows who may see what."""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
import unicodedata
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sessions.address import Address, ChatKind
from sessions.errors import NotFound, NothingToUndo
from sessions.manager import SessionManager
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.search import Hit
from sessions.session import Session
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY
from tests.sessions.model import Fields, Model, Talk, key_of, owner_of

IDLE = timedelta(minutes=30)
WORD = re.compile(r"w0\d+x")  # no id holds a 0
NOBODYS = "aaaaaaaaaaaa"  # the form of an id, but nobody's


def _address(platform: str, account: str, chat: str, user: str, thread: str | None = None) -> Address:
    return Address(
        platform=platform, account=account, chat_id=chat, user_id=user, thread_id=thread, chat_kind=ChatKind.GROUP
    )


ADDRESSES = (
    # The same numbers on two platforms, two bots and in two roles; beginnings of each other.
    _address("telegram", "1", "42", "42"),
    _address("discord", "1", "42", "42"),
    _address("telegram", "14", "2", "42"),
    _address("telegram", "1", "42", "4"),
    _address("telegram", "1", "4", "242"),
    # The same text when joined with ':' or '/'; a thread that reads like nothing, and one that reads like a chat.
    _address("telegram", "1", "a:b", "c"),
    _address("telegram", "1", "a", "b:c"),
    _address("telegram", "1", "-100", "42", "7"),
    _address("telegram", "1", "-100", "42", "None"),
    _address("telegram", "1", "-100", "42"),
    _address("telegram", "1", "-100/7", "42"),
    # Case, spaces, forms of one letter, digits of another script.
    _address("console", "x", "room", "ann"),
    _address("console", "x", "room", "Ann"),
    _address("console", "x", "room", " ann"),
    _address("console", "x", "room", "\u00e9"),
    _address("console", "x", "room", "e\u0301"),
    _address("discord", "1", "\uff14\uff12", "42"),
)


class Leak(AssertionError):
    """Somebody saw what is not theirs."""


class World:
    """A store that people use at random, beside the model of what each of them may see."""

    kind: type[SessionManager] = SessionManager
    through: Callable[[Address], Address] = staticmethod(lambda address: address)

    def __init__(self, path: Path | None, seed: int) -> None:
        self.path, self.random = path, random.Random(seed)
        self.clock, self.model = ManualClock(), Model()
        self.scopes: dict[Address, Scope] = {}
        self.holders: dict[str, Fields] = {}  # whose each word is
        self.words = 0
        self.commands = {name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")}

    async def __aenter__(self) -> Self:
        await self._open(hot_sessions=3, hot_messages=2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sessions.__aexit__(None, None, None)

    async def _open(self, *, hot_sessions: int, hot_messages: int) -> None:
        self.sessions = self.kind.open(
            db_path=self.path,
            encryption_key=KEY,
            clock=self.clock,
            chat_kind_resets={ChatKind.GROUP: ResetPolicy(idle=IDLE)},
            hot_sessions=hot_sessions,
            hot_messages=hot_messages,
        )
        await self.sessions.__aenter__()

    # -- helpers -------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return int(self.clock() * 1000)

    def key(self, address: Address) -> Fields:
        return key_of(address, self.scopes.get(address, Scope.PER_CHANNEL_PEER))

    def word(self, key: Fields) -> str:
        self.words += 1
        self.holders[f"w0{self.words}x"] = key
        return f"w0{self.words}x"

    def see(self, address: Address, *texts: str | None, own: bool = False) -> None:
        """Check that a person may see every word of some texts; `own` allows for all of theirs."""
        keys = {self.key(address)}
        if own:
            keys |= {key_of(address, scope) for scope in (Scope.PER_PEER, Scope.PER_CHANNEL_PEER)}
        for word in WORD.findall(" ".join(filter(None, texts))):
            holder = self.holders[word]
            if holder not in keys and not (own and self._is_own(address, holder)):
                raise Leak(f"{address} saw {word} of {holder}")

    def _is_own(self, address: Address, holder: Fields) -> bool:
        person = (address.platform, address.account, address.user_id)
        return holder[0] in ("peer", "channel-peer") and (holder[1], holder[2], holder[-1]) == person

    def see_sessions(self, address: Address, *sessions: Session, own: bool = False) -> None:
        for session in sessions:
            self.see(address, session.title, *session.tags, own=own)
            if session.id not in self.model.talks:
                raise Leak(f"{session.id} should not be there")
            talk = self.model.talks[session.id]
            if talk.key != self.key(address) and not own:
                raise Leak(f"{address} was given {session.id} of {talk.key}")

    async def read(self, address: Address, talk: Talk) -> None:
        """Check that a session reads as the model says, in content and order."""
        limit = self.random.choice((None, None, 1, 2, 3, 7))
        found = await self.sessions.get_history(talk.id, limit=limit)
        texts = [message.content for message in found]
        self.see(address, *texts)
        assert texts == list(talk.path if limit is None else talk.path[-limit:])
        assert [message.seq for message in found] == [*range(len(talk.path) - len(found) + 1, len(talk.path) + 1)]

    async def settle(self, address: Address) -> Talk:
        """Get or create the session of an address, and expect a reset exactly if one is due."""
        key = self.key(address)
        before = self.model.current(key)
        session = await self.sessions.get_or_create_session(self.through(address))
        if before is None:
            self._begun(address, session)
        elif self._is_due(before):
            assert session.id != before.id, "a reset was due"
            self._replaced(before, session, "expire")
        elif session.id != before.id:
            raise Leak(f"{address} came to {session.id} instead of {before.id}")
        self.see_sessions(address, session)
        return self.model.talks[session.id]

    def _is_due(self, talk: Talk) -> bool:
        return bool(talk.path) and self.now >= talk.since + int(IDLE.total_seconds() * 1000)

    def _begun(self, address: Address, session: Session) -> None:
        if session.id in self.model.talks:
            raise Leak(f"{address} was given {session.id}")
        scope = self.scopes.get(address, Scope.PER_CHANNEL_PEER)
        talk = Talk(session.id, key_of(address, scope), owner_of(address, scope), self.now, session.title)
        self.model.begin(talk)

    def _replaced(self, old: Talk, session: Session, op: str) -> None:
        new = Talk(session.id, old.key, old.owner, self.now, session.title)
        self.model.replace(old, new, op)

    def _other(self, address: Address) -> Talk | None:
        """Choose a session of somebody else."""
        key = self.key(address)
        return self._choose(talk for talk in self.model.talks.values() if talk.key != key)

    def _own(self, address: Address) -> Talk | None:
        return self._choose(self.model.of_key(self.key(address)))

    def _choose(self, talks: Iterable[Talk]) -> Talk | None:
        known = sorted(talks, key=lambda talk: talk.since)
        return self.random.choice(known) if known else None

    async def step(self, name: str, address: Address) -> None:
        await self.commands[name](address)
        talk = self.model.current(self.key(address))
        session = await self.sessions.current_session(self.through(address))
        if (session and session.id) != (talk and talk.id):
            raise Leak(f"{address} is at {session and session.id} instead of {talk and talk.id}")
        if talk is not None:
            await self.read(address, talk)

    # -- what people do --------------------------------------------------------------------------

    async def do_say(self, address: Address) -> None:
        talk = await self.settle(address)
        for role, verb in (("user", "ask"), ("assistant", "answer"))[: self.random.choice((1, 2, 2))]:
            text = f"{verb} {self.word(talk.key)}"
            stored = await self.sessions.add_message(talk.id, role=role, content=text)
            self.model.say(talk, text, self.now)
            assert (stored.seq, stored.content) == (len(talk.path), text)

    do_say_more = do_say
    do_say_again = do_say

    async def do_take_a_turn(self, address: Address) -> None:
        talk = await self.settle(address)
        text, reply = f"ask {self.word(talk.key)}", f"answer {self.word(talk.key)}"
        turn = await self.sessions.begin_turn(talk.id, content=text)
        self.model.say(talk, text, self.now)
        outcome = await self.sessions.finish_turn(turn, content=reply)
        self.model.say(talk, reply, self.now)
        assert outcome.current

    async def do_retry(self, address: Address) -> None:
        talk = await self.settle(address)
        if self.model.retry(talk):
            turn = await self.sessions.retry_turn(talk.id)
            self.see(address, turn.message.content)
            reply = f"answer {self.word(talk.key)}"
            await self.sessions.finish_turn(turn, content=reply)
            self.model.say(talk, reply, self.now)
        else:
            with pytest.raises(NothingToUndo):
                await self.sessions.retry_turn(talk.id)

    async def do_new(self, address: Address) -> None:
        title = f"talk {self.word(self.key(address))}" if self.random.random() < 0.5 else None
        old = self.model.current(self.key(address))
        session = await self.sessions.new_session(self.through(address), title=title)
        if old is None:
            self._begun(address, session)
        else:
            self._replaced(old, session, "new")
        self.see_sessions(address, session)
        assert session.title == title

    async def do_reset(self, address: Address) -> None:
        old = self.model.current(self.key(address))
        session = await self.sessions.reset(self.through(address))
        if old is None:
            self._begun(address, session)
        else:
            self._replaced(old, session, "reset")
            assert session.title == old.title
        self.see_sessions(address, session)

    async def do_name(self, address: Address) -> None:
        talk = await self.settle(address)
        title, tag = f"name {self.word(talk.key)}", self.word(talk.key)
        session = await self.sessions.update_session(talk.id, title=title, tags=[tag])
        talk.title = title
        self.see_sessions(address, session)

    async def do_list(self, address: Address) -> None:
        listed = await self.sessions.list_sessions(self.through(address))
        self.see_sessions(address, *listed)
        key = self.key(address)
        assert {session.id for session in listed} == self.model.listed(key)
        current = self.model.current(key)
        assert [s.id for s in listed if s.status.is_current] == ([current.id] if current else [])
        assert not current or listed[0].id == current.id

    async def do_find(self, address: Address) -> None:
        talk = self._own(address)
        listed = await self.sessions.list_sessions(self.through(address))
        if talk is None or talk.id not in [session.id for session in listed]:
            return
        number = [session.id for session in listed].index(talk.id) + 1
        named = [session for session in listed if session.title and session.title == talk.title]
        references = [talk.id, talk.id.upper(), str(number)]
        references += [talk.title] if talk.title and len(named) == 1 else []
        found = await self.sessions.find_session(self.through(address), self.random.choice(references))
        self.see_sessions(address, found)
        assert found.id == talk.id

    async def do_find_what_is_foreign(self, address: Address) -> None:
        other = self._other(address)
        if other is None:
            return
        references = [other.id, other.id[:7], other.id[:4].upper(), str(99)]
        references += [other.title] if other.title else []
        wanted = self.random.choice(references)
        if any(talk.id.startswith(wanted.lower()) for talk in self.model.of_key(self.key(address))):
            return
        await self._refused(lambda which: self.sessions.find_session(self.through(address), which), wanted)

    async def do_switch(self, address: Address) -> None:
        talk = self._own(address)
        if talk is not None:
            session = await self.sessions.switch_session(self.through(address), talk.id)
            self.model.activate(talk, self.now)
            self.see_sessions(address, session)

    async def do_switch_to_what_is_foreign(self, address: Address) -> None:
        other = self._other(address)
        if other is not None:
            await self._refused(lambda id_: self.sessions.switch_session(self.through(address), id_), other.id)

    async def _refused(self, look: Callable[[str], Awaitable[Session]], wanted: str) -> None:
        """Ask for what is foreign and for what does not exist: the answers must not differ."""
        answers = []
        for reference in (wanted, NOBODYS):
            try:
                found = await look(reference)
            except NotFound as error:
                answers.append(str(error).replace(reference, "..."))
            else:
                raise Leak(f"{reference} of somebody else was found: {found.id}")
        assert answers[0] == answers[1]

    async def do_save(self, address: Address) -> None:
        talk = await self.settle(address)
        name = f"place {self.word(talk.key)}"
        saved = await self.sessions.save_checkpoint(talk.id, name=name)
        label = talk.mark(name, automatic=False)
        assert (saved.id, saved.message_count) == (f"{talk.id}-{label}", len(talk.path))

    async def do_list_checkpoints(self, address: Address) -> None:
        talk = await self.settle(address)
        found = await self.sessions.list_checkpoints(talk.id, automatic=True)
        self.see(address, *(checkpoint.name for checkpoint in found))
        shown = talk.shown(automatic=True)
        counts = {checkpoint.id.rpartition("-")[2]: checkpoint.message_count for checkpoint in found}
        assert counts == {label: len(mark.path) for label, mark in shown.items()}

    async def do_restore(self, address: Address) -> None:
        talk = await self.settle(address)
        if labels := sorted(talk.shown(automatic=True)):
            label = self.random.choice(labels)
            found = await self.sessions.find_checkpoint(talk.id, label)
            session = await self.sessions.restore_checkpoint(found.id)
            self.model.go(talk, talk.marks[label].path, "restore")
            assert session.message_count == len(talk.path)

    async def do_find_a_foreign_checkpoint(self, address: Address) -> None:
        talk, other = await self.settle(address), self._other(address)
        if other is not None and other.marks:
            label, mark = self.random.choice(sorted(other.marks.items()))
            for wanted in (f"{other.id}-{label}", *([] if label.startswith("a") else [mark.name])):
                with pytest.raises(NotFound) as foreign:
                    await self.sessions.find_checkpoint(talk.id, wanted)
                assert str(foreign.value) == f"no such checkpoint: {wanted}"

    async def do_delete_checkpoint(self, address: Address) -> None:
        talk = await self.settle(address)
        if labels := sorted(talk.shown(automatic=False)):
            label = self.random.choice(labels)
            await self.sessions.delete_checkpoint(f"{talk.id}-{label}")
            self.model.delete_mark(talk, label)

    async def do_clear(self, address: Address) -> None:
        talk = await self.settle(address)
        await self.sessions.clear_history(talk.id)
        self.model.go(talk, (), "clear")

    async def do_undo(self, address: Address) -> None:
        await self._back_or_forth(address, self.model.undo, self.sessions.undo)

    async def do_redo(self, address: Address) -> None:
        await self._back_or_forth(address, self.model.redo, self.sessions.redo)

    async def _back_or_forth(
        self, address: Address, expect: Callable[[Fields, int], str | None], act: Callable[[Address], Awaitable[object]]
    ) -> None:
        key = self.key(address)
        due = expect(key, self.now)
        try:
            await act(self.through(address))
        except NothingToUndo:
            assert due is None
        else:
            assert due is not None
        session = await self.sessions.current_session(self.through(address))
        if session is not None:
            self.see_sessions(address, session)

    async def do_fork(self, address: Address) -> None:
        source = self._own(address)
        if source is None:
            return
        title = f"fork {self.word(source.key)}" if self.random.random() < 0.5 else None
        session = await self.sessions.fork(source.id, title=title)
        self.model.fork(source, session.id, self.now).title = session.title
        self.see_sessions(address, session)
        assert session.forked_from == source.id

    async def do_search(self, address: Address) -> None:
        key = self.key(address)
        mine = [text for talk in self.model.of_key(key) for text in talk.path]
        theirs = [text for talk in self.model.talks.values() for text in talk.path if talk.key != key]
        wanted = WORD.findall(self.random.choice(mine or ["w00x"]) + self.random.choice(theirs or ["w00x"]))
        for words in (*wanted, "ASK"):
            hits = await self.sessions.search(self.through(address), words, limit=10_000)
            self._check_hits(address, key, words.lower(), hits)

    def _check_hits(self, address: Address, key: Fields, word: str, hits: list[Hit]) -> None:
        self.see(address, *(f"{hit.message.content} {hit.snippet}" for hit in hits))
        self.see_sessions(address, *(hit.session for hit in hits))
        listed = self.model.listed(key)
        due = [(t.id, text) for t in self.model.of_key(key) if t.id in listed for text in t.path if word in text]
        assert sorted((hit.session.id, hit.message.content) for hit in hits) == sorted(due)

    async def do_export(self, address: Address) -> None:
        talk = await self.settle(address)
        form = self.random.choice(("markdown", "json", "html", "text"))
        text = await self.sessions.export(talk.id, format=form)
        self.see(address, text)
        words = set(WORD.findall(text))
        assert words >= set(WORD.findall(" ".join(talk.path)))
        if form == "json":
            assert words >= set(WORD.findall(" ".join(talk.stored)))

    async def do_build_a_context(self, address: Address) -> None:
        talk = await self.settle(address)
        strategy = self.random.choice(("recent", "smart", "summarize"))
        context = await self.sessions.get_context_history(talk.id, max_tokens=40, strategy=strategy)  # type: ignore[arg-type]
        self.see(address, *(message.content for message in context))

    async def do_set_scope(self, address: Address) -> None:
        if self.kind is not SessionManager or self.through(address) != address:
            return  # a leak is to be found without a scope's help
        scope = self.random.choice(list(Scope))
        await self.sessions.set_scope(address, scope)
        self.scopes[address] = scope

    async def do_wait(self, address: Address) -> None:
        self.clock.advance(self.random.choice((1, 60, 60, 600, 1700, 1801, 7200)))

    async def do_sweep(self, address: Address) -> None:
        due = {id_ for id_ in self.model.currents.values() if self._is_due(self.model.talks[id_])}
        events = await self.sessions.sweep()
        assert {event.archived.id for event in events} == due
        for event in events:
            self._replaced(self.model.talks[event.archived.id], event.fresh, "expire")

    async def do_reopen(self, address: Address) -> None:
        if self.path is None or self.random.random() < 0.8:
            return
        await self.sessions.__aexit__(None, None, None)
        await self._open(hot_sessions=self.random.choice((1, 2, 256)), hot_messages=self.random.choice((0, 1, 64)))

    async def do_verify(self, address: Address) -> None:
        if self.random.random() < 0.1:
            assert await self.sessions.verify() == []

    # -- taking away -----------------------------------------------------------------------------

    async def do_delete(self, address: Address) -> None:
        talk = self._own(address)
        if talk is not None:
            count = await self.sessions.delete_session(talk.id)
            assert count == len(talk.stored)
            await self._erased(talk)

    async def do_cleanup(self, address: Address) -> None:
        if self.random.random() < 0.7:
            return
        gone = await self.sessions.cleanup(older_than="3h", keep_checkpoints=True)
        stored = [await self._is_stored(talk.id) for talk in self.model.talks.values()]
        erased = [talk for talk, there in zip(self.model.talks.values(), stored, strict=True) if not there]
        assert len(erased) == gone
        assert all(talk.since < self.now - 10_800_000 and not talk.shown(automatic=False) for talk in erased)
        await self._erased(*erased)

    async def do_forget_me(self, address: Address) -> None:
        if self.random.random() < 0.7:
            return
        owner = ("person", address.platform, address.account, address.user_id)
        own = await self.sessions.own_sessions(self.through(address))
        self.see_sessions(address, *own, own=True)
        assert {session.id for session in own} == self.model.owned(owner)
        begun = {(await self.sessions.catalogue.find(session.id)).address for session in own}
        receipt = await self.sessions.erase_person(self.through(address))
        assert receipt.sessions == len(own)
        assert receipt.messages == sum(len(self.model.talks[session.id].stored) for session in own)
        for place in (address, *begun):  # with the conversations goes what was chosen where they were begun
            self.scopes.pop(place, None)  # type: ignore[arg-type]  # None was never chosen for
        await self._erased(*(self.model.talks[session.id] for session in own))

    async def _erased(self, *talks: Talk) -> None:
        self.model.erase(talk.id for talk in talks)
        for talk in talks:
            with pytest.raises(NotFound):
                await self.sessions.get_session(talk.id)

    async def _is_stored(self, session_id: str) -> bool:
        try:
            await self.sessions.get_session(session_id)
        except NotFound:
            return False
        return True


OFTEN = frozenset({"say", "say_more", "say_again", "take_a_turn", "undo", "redo", "find", "list", "search", "export"})


async def live(world: World, commands: int) -> None:
    """Have people do things at random."""
    names = sorted(world.commands)
    weights = [3 if name in OFTEN else 1 for name in names]
    async with world:
        for _ in range(commands):
            (name,) = world.random.choices(names, weights)
            await world.step(name, world.random.choice(ADDRESSES))
        assert await world.sessions.verify() == []


class Careless(SessionManager):
    """Finds a session by its id without asking whose it is."""

    async def find_session(self, address: Address, which: str) -> Session:
        try:
            return await self.get_session(which)
        except NotFound:
            return await super().find_session(address, which)


class Talkative(SessionManager):
    """Says of a foreign session that it is there, but not yours."""

    async def switch_session(self, address: Address, session_id: str) -> Session:
        try:
            return await super().switch_session(address, session_id)
        except NotFound:
            await self.get_session(session_id)
            raise NotFound("session of yours", session_id) from None


class People(RuleBasedStateMachine):
    """The same world, led by hypothesis so that a failure comes with the fewest steps that show it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="timeline-")
        self.world: World | None = None

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = World(Path(self.folder.name) / "palaver.db", seed)
        self.runner.run(self.world.__aenter__())

    @rule(name=st.sampled_from(sorted(World(None, 0).commands)), address=st.sampled_from(ADDRESSES))
    def command(self, name: str, address: Address) -> None:
        assert self.world is not None
        self.runner.run(self.world.step(name, address))

    def teardown(self) -> None:
        if self.world is not None:
            self.runner.run(self.world.__aexit__())
        self.runner.close()
        self.folder.cleanup()


def test_no_sequence_of_commands_shows_anybody_another_ones_words() -> None:
    """Whatever people with look-alike ids do in whatever order, each sees exactly what the model says."""
    run_state_machine_as_test(People, settings=settings(max_examples=100, stateful_step_count=50))


async def test_ten_thousand_random_commands_show_nobody_another_ones_words(tmp_path: Path) -> None:
    """10,000 seeded commands of seventeen people over all scopes, with resets, forks, erasures and restarts."""
    await live(World(tmp_path / "palaver.db", seed=20_261_121), 10_000)


@pytest.mark.soak
async def test_a_million_random_commands_show_nobody_another_ones_words(tmp_path: Path) -> None:
    """1,000,000 commands in a hundred worlds, one in ten of them on disk."""
    for seed in range(100):
        await live(World(tmp_path / f"{seed}" / "palaver.db" if seed % 10 == 0 else None, seed), 10_000)


@pytest.mark.parametrize(
    "through",
    [
        lambda address: replace(address, platform="any"),
        lambda address: replace(address, account="any"),
        lambda address: replace(address, thread_id=None),
        lambda address: replace(address, user_id=address.user_id.lower()),
        lambda address: replace(address, user_id=unicodedata.normalize("NFKC", address.user_id).strip()),
    ],
    ids=["platform", "account", "thread", "case", "form"],
)
async def test_a_part_of_the_address_that_is_dropped_is_noticed(through: Callable[[Address], Address]) -> None:
    """The same check fails as soon as two people with look-alike ids are taken for one."""
    world = World(None, seed=1)
    world.through = through
    with pytest.raises(AssertionError):
        await live(world, 3_000)


@pytest.mark.parametrize("kind", [Careless, Talkative])
async def test_an_id_that_is_looked_up_without_its_owner_is_noticed(kind: type[SessionManager]) -> None:
    """The same check fails when an id alone opens a session, or when the answer tells that it exists."""
    world = World(None, seed=1)
    world.kind = kind
    with pytest.raises(AssertionError):
        await live(world, 3_000)
