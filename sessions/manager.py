"""SessionManager: the one object a program talks to."""

from __future__ import annotations

import contextlib
import time as clock_time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, overload

from sessions.account import Account
from sessions.address import Address, ChatKind
from sessions.audit import Audit, AuditKind
from sessions.census import CensusKeeper
from sessions.checkpoint import Checkpoint
from sessions.cipher import Entropy
from sessions.context import STRATEGIES, Context, StrategyName
from sessions.erasure import Receipt
from sessions.errors import (
    InvalidValue,
    KeyRefused,
    NoStoreYet,
    NotFound,
    NothingToUndo,
    SessionError,
    StaleSession,
    StoreMade,
)
from sessions.keys import KeyProvider, RawKey
from sessions.lanes import Lanes
from sessions.lifecycle import MAX_TITLE
from sessions.live import check_usage
from sessions.mailbox import Mailbox
from sessions.message import (
    KIND_NUMBERS,
    JsonValue,
    KindName,
    Message,
    RoleName,
    Usage,
    check_role,
    clean_metadata,
    clean_text,
)
from sessions.parts import Clock, Options, Parts
from sessions.persistence import persistent, persistent_for_current
from sessions.profile import Profile
from sessions.records import Foundation, SessionRow
from sessions.reset_policy import ResetPolicy, parse_daily
from sessions.reset_rule import ResetRule, ResetRules
from sessions.reset_warning import ResetWarning
from sessions.resets import PlannedReset, ResetEvent
from sessions.scope import Scope
from sessions.search import Hit, search
from sessions.session import Session, Status, looks_like_id
from sessions.sqlite.store import SqliteStore
from sessions.store import Store
from sessions.summaries import Summarizer
from sessions.timeline import Step
from sessions.tokens import ByteEstimate, TokenCounter
from sessions.turn import Turn, TurnOutcome
from sessions.vault import Vault
from sessions.visible import check_name
from sessions.worker import Worker

if TYPE_CHECKING:  # what only operators need is loaded when it is asked for
    from sessions.arrival_sealer import ArrivalSealer
    from sessions.arrivals import Arrivals
    from sessions.catalogue import Catalogue
    from sessions.exchange.exchange import Exchange
    from sessions.export.transcript import Transcript
    from sessions.keyring import Keyring
    from sessions.operator_parts import OperatorParts
    from sessions.operator_search import OperatorSearch
    from sessions.rotation import Rotation

MAX_TAG, MAX_MODEL = 50, 200  # characters
MAX_STEPS = 100  # turns one undo takes back
AT_ONCE = 200  # sessions that are erased as one unit of work; nobody writes to them meanwhile


class _Unset:
    """Marks an argument that was not given, where None means something."""


_UNSET = _Unset()


class SessionManager:
    """Keeps conversations: who talks where, what was said, and all ways back.

    Use `open` as an async context manager. Whatever a method has acknowledged is on disk.
    """

    def __init__(
        self, store: Store, providers: Sequence[KeyProvider], options: Options, *, read_only: bool, entropy: Entropy
    ) -> None:
        self._store, self._providers, self._options = store, providers, options
        self._clock, self._read_only, self._entropy = options.clock, read_only, entropy
        self.lanes = Lanes()
        self._operator_parts: OperatorParts | None = None
        self._exchange: Exchange | None = None
        self._worker: Worker | None = None

    @classmethod
    def open(
        cls,
        *,
        encryption_key: bytes | KeyProvider | Sequence[KeyProvider],
        db_path: str | Path | None = None,
        store: Store | None = None,
        scope: Scope | str = Scope.PER_CHANNEL_PEER,
        daily_reset: str | time | None = None,
        timezone: str = "UTC",
        idle_reset_minutes: int | None = None,
        platform_resets: Mapping[str, ResetPolicy] | None = None,
        chat_kind_resets: Mapping[ChatKind, ResetPolicy] | None = None,
        default_tags: Sequence[str] = (),
        backend: str | None = None,
        summarizer: Summarizer | None = None,
        token_counter: TokenCounter | None = None,
        clock: Clock = clock_time.time,
        hot_sessions: int = 256,
        hot_messages: int = 64,
        read_only: bool = False,
        entropy: Entropy | None = None,
    ) -> Self:
        """Describe a manager; `async with` opens it.

        `encryption_key` is 32 bytes, or one or several key providers, the one for new keys first.
        `db_path` None keeps everything in memory and leaves no trace. `hot_messages` decrypted messages of
        `hot_sessions` sessions stay in memory. `backend` names who answers in sessions that are begun here. Opening
        raises `StoreHeld`, `WrongKey`, `KeyRefused`, `StoreTooNew` or `StoreReadOnly`; then nothing was changed.
        """
        path = None if db_path is None else Path(db_path)
        options = Options(
            scope=Scope.parse(scope),
            rules=ResetRules(
                default=_policy(daily_reset, timezone, idle_reset_minutes),
                platforms=platform_resets or {},
                chat_kinds=chat_kind_resets or {},
            ),
            tags=tuple(check_name(tag, "a tag", MAX_TAG) for tag in default_tags),
            backend=backend,
            summarizer=summarizer,
            counter=token_counter or ByteEstimate(),
            clock=clock,
            hot_sessions=hot_sessions,
            hot_messages=hot_messages,
            read_only=read_only,
        )
        source = store or SqliteStore(path, read_only=read_only)
        return cls(source, _providers(encryption_key), options, read_only=read_only, entropy=entropy or Entropy())

    async def __aenter__(self) -> Self:
        """Open the store."""
        try:
            await self._start()
        except BaseException:
            await self._store.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the store and of every key."""
        if self._worker is not None:
            await self._worker.stop()
        self._parts.cache.clear()
        await self._store.close()

    async def _start(self) -> None:
        foundation = await self._store.open()
        if foundation is None and self._read_only:
            raise NoStoreYet
        vault = await (self._found() if foundation is None else self._unlock(foundation))
        census = CensusKeeper(vault.census, vault.install_id)
        self._vault, self._census, self._operator_parts, self._exchange = vault, census, None, None
        last_mail = await self._store.last_mail()
        self._parts = Parts.assemble(
            self._store, vault, census, self._options, self.lanes, self._now, last_mail=last_mail
        )
        await self._parts.resets.follow_rules(self._now(), keep=not self._read_only)

    async def _unlock(self, foundation: Foundation) -> Vault:
        vault = Vault.unlock(foundation, self._providers, self._entropy)
        await self._store.ready()
        return vault

    async def _found(self) -> Vault:
        """Make a new store, unless another program that shares it did so meanwhile."""
        vault, foundation = Vault.found(self._providers, self._now(), self._entropy)
        try:
            await self._store.found(foundation, CensusKeeper(vault.census, vault.install_id).first())
        except StoreMade:
            return await self._unlock(await self._store.foundation())
        return vault

    @property
    def _operators(self) -> OperatorParts:
        if self._operator_parts is None:
            from sessions.operator_parts import OperatorParts

            self._operator_parts = OperatorParts.assemble(
                self._parts, self._store, self._vault, self._census, self._now
            )
        return self._operator_parts

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @property
    def kid(self) -> str:
        """Name of the master key in use: 16 hex digits, not a secret."""
        return self._vault.kid

    def key_for(self, purpose: str) -> bytes:
        """Derive 16 bytes that only holders of this store's key know, the same at every start."""
        return self._vault.index("purpose", purpose.encode())

    @property
    def catalogue(self) -> Catalogue:
        """Every conversation there is, whoever it belongs to: for operators only."""
        return self._operators.catalogue

    @property
    def everywhere(self) -> OperatorSearch:
        """Every word there is, whoever said it: for operators only."""
        return self._operators.search

    @property
    def audit(self) -> Audit:
        """What was done with conversations, and by whom."""
        return self._parts.audit

    @property
    def keyring(self) -> Keyring:
        """The master keys of this store."""
        return self._operators.keyring

    @property
    def rotation(self) -> Rotation:
        """Moves everything to another master key."""
        return self._operators.rotation

    @property
    def exchange(self) -> Exchange:
        """What goes between this store and others, of the same person or of others."""
        if self._exchange is None:
            from sessions.exchange.exchange import Exchange

            operators = self._operators
            self._exchange = Exchange(
                parts=self._parts,
                store=self._store,
                vault=self._vault,
                census=self._census,
                exporter=operators.exporter,
                key_lock=operators.keyring.lock,
                lanes=self.lanes,
                now=self._now,
            )
        return self._exchange

    @property
    def mailbox(self) -> Mailbox:
        """What comes in from platforms and goes out to them."""
        return self._parts.mailbox

    @property
    def worker(self) -> Worker | None:
        """This program among those that share the work on the store, once it has joined them."""
        return self._worker

    async def join(self, *, shares: bool, on_time: Callable[[int], None] = lambda _: None) -> Worker | None:
        """Become one of the programs that share the work on the store, if it is for several; until it is closed.

        `shares` says whether it takes part of what comes in; `on_time` is told the database's time, in ms since 1970.
        """
        coordinator = self._store.coordinator
        if coordinator is None or self._worker is not None:
            return self._worker
        worker = Worker(coordinator, self.lanes, on_time=on_time, forget=self._parts.cache.clear)
        await worker.start(shares=shares)
        self._parts.mailbox.join(worker)
        self._worker = worker
        return worker

    # -- sessions ------------------------------------------------------------------------------

    @persistent_for_current
    async def get_or_create_session(self, address: Address) -> Session:
        """Give the session for the next message of this address; a reset that is due comes first."""
        return (await self._parts.lifecycle.get_or_create(address)).snapshot()

    @persistent_for_current
    async def current_session(self, address: Address) -> Session | None:
        """Give the session that takes the next message of this address, if there is one."""
        live = await self._parts.directory.current(address)
        return None if live is None else live.snapshot()

    async def get_session(self, session_id: str) -> Session:
        """Give a session by its id, whoever it belongs to. Raises `NotFound`."""
        return (await self._parts.cache.get(session_id)).snapshot()

    async def find_session(self, address: Address, which: str) -> Session:
        """Find one of this address's own sessions by list number, id, beginning of the id, or title.

        Raises `NotFound`, with the same words for a foreign session and a missing one, or `Ambiguous`.
        """
        return await self._parts.directory.find(address, which)

    async def list_sessions(self, address: Address, *, limit: int | None = None) -> list[Session]:
        """List this address's own sessions: the current one, then the others, newest activity first."""
        return (await self._parts.directory.list_for(address))[:limit]

    async def new_session(self, address: Address, *, title: str | None = None) -> Session:
        """Archive the current session and start one with default settings."""
        return await self.create_session(address, title=title)

    @persistent_for_current
    async def create_session(
        self,
        address: Address,
        *,
        title: str | None = None,
        tags: Sequence[str] = (),
        model: str | None = None,
        backend: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        aside: bool = False,
    ) -> Session:
        """Start a session with settings of its own, tags beside the default ones; the current one is archived.

        With `aside` it is the new one that waits, and the current one stays.
        """
        title = None if title is None else check_name(title, "a title", MAX_TITLE)
        model = model and check_name(model, "a model's name", MAX_MODEL)
        added, about = _names(tags), clean_metadata(metadata or {})

        def settle(profile: Profile) -> Profile:
            tags, whole = _with_tags(profile.tags, added), {**profile.metadata, **about}
            return replace(profile, title=title, tags=tags, model=model, backend=backend, metadata=whole)

        lifecycle = self._parts.lifecycle
        return (await (lifecycle.begin_aside if aside else lifecycle.begin_anew)(address, settle)).snapshot()

    def begin_with(self, metadata: Mapping[str, JsonValue]) -> None:
        """Give this metadata to whatever the people of this program begin from now on."""
        self._parts.lifecycle.begun_with = clean_metadata(metadata)

    @persistent_for_current
    async def reset(self, address: Address) -> Session:
        """Archive the current session and start one that keeps its settings."""
        return (await self._parts.lifecycle.reset(address)).snapshot()

    @persistent
    async def switch_session(self, address: Address, session_id: str) -> Session:
        """Go on with another of this address's own sessions; the current one is set aside."""
        return (await self._parts.lifecycle.switch(address, session_id)).snapshot()

    @persistent
    async def update_session(
        self,
        session_id: str,
        *,
        title: str | _Unset | None = _UNSET,
        tags: Sequence[str] | _Unset = _UNSET,
        model: str | _Unset | None = _UNSET,
        metadata: Mapping[str, JsonValue] | _Unset = _UNSET,
        reset_policy: ResetPolicy | _Unset | None = _UNSET,
    ) -> Session:
        """Change what is given and leave the rest; None clears."""

        def change(profile: Profile) -> Profile:
            if not isinstance(title, _Unset):
                profile = replace(profile, title=title and check_name(title, "a title", MAX_TITLE))
            if not isinstance(tags, _Unset):
                profile = replace(profile, tags=_names(tags))
            if not isinstance(model, _Unset):
                profile = replace(profile, model=model and check_name(model, "a model's name", MAX_MODEL))
            if not isinstance(metadata, _Unset):
                profile = replace(profile, metadata=clean_metadata(metadata))
            if not isinstance(reset_policy, _Unset):
                profile = replace(profile, policy=reset_policy)
            return profile

        live = await self._parts.lifecycle.set_profile(session_id, change)
        if not isinstance(reset_policy, _Unset):
            await self._parts.lifecycle.reschedule(live)
        return live.snapshot()

    @persistent
    async def amend_session(
        self,
        session_id: str,
        *,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        set_metadata: Mapping[str, JsonValue] | None = None,
        unset_metadata: Sequence[str] = (),
    ) -> Session:
        """Add and remove tags (whatever their case) and metadata, and leave the others as they are by then."""
        added, removed = _names(add_tags), {tag.casefold() for tag in remove_tags}

        def change(profile: Profile) -> Profile:
            tags = _with_tags((tag for tag in profile.tags if tag.casefold() not in removed), added)
            whole = {name: value for name, value in profile.metadata.items() if name not in unset_metadata}
            return replace(profile, tags=tags, metadata=clean_metadata({**whole, **(set_metadata or {})}))

        return (await self._parts.lifecycle.set_profile(session_id, change)).snapshot()

    @persistent
    async def set_status(self, session_id: str, status: Status) -> Session:
        """Set a status. Making a session active sets aside the one that was current."""
        return (await self._parts.lifecycle.set_status(session_id, status)).snapshot()

    @persistent
    async def fork(self, session_id: str, *, title: str | None = None, aside: bool = False) -> Session:
        """Begin a session that goes on from where this one stands; this one is set aside as it is.

        With `aside` it is the fork that waits, and whichever session is current stays so.
        """
        source = await self._parts.cache.get(session_id)
        return (await self._parts.lifecycle.fork(source, title=title, aside=aside)).snapshot()

    async def delete_session(self, session_id: str) -> int:
        """Erase a session for good, key and all; give the number of messages erased."""
        return (await self.erase_sessions([session_id])).messages

    @persistent
    async def erase_sessions(self, session_ids: Sequence[str]) -> Receipt:
        """Erase sessions for good, whoever they belong to: all of them or, if one is not there, none (`NotFound`)."""
        return await self._parts.erasure.erase(await self._rows(session_ids))

    async def erasure_preview(self, session_ids: Sequence[str]) -> Receipt:
        """Count what `erase_sessions` would erase. Raises `NotFound`."""
        rows = await self._rows(session_ids)
        return Receipt(sessions=len(rows), messages=sum(row.stored for row in rows))

    async def _rows(self, session_ids: Sequence[str]) -> list[SessionRow]:
        rows = []
        for session_id in dict.fromkeys(session_ids):
            row = await self._store.session(session_id) if looks_like_id(session_id) else None
            if row is None:
                raise NotFound("session", session_id)
            rows.append(row)
        return rows

    # -- messages ------------------------------------------------------------------------------

    @persistent
    async def add_message(
        self,
        session_id: str,
        *,
        role: RoleName | str,
        content: str,
        usage: Usage | None = None,
        author: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        important: bool = False,
        kind: KindName = "text",
    ) -> Message:
        """Store a message at the end of a session; it is durable when this returns."""
        name = check_role(role)
        data = clean_text(content)
        if usage is not None:
            check_usage(usage)
        if author is not None:
            author = clean_text(author, "author").decode()
        if metadata is not None:
            metadata = clean_metadata(metadata)
        if kind not in KIND_NUMBERS or kind == "unreadable":
            raise InvalidValue(f"kind {kind!r} is not one of text, partial, summary")
        important = important or name == "system" or kind == "summary"
        async with self._parts.cache.locked(session_id, look=False) as live:
            row = live.row
            # The clock may have been set back; within a session time never runs backwards.
            at = max(int(self._clock() * 1000), row.updated_at)
            text = content if len(data) == len(content) else data.decode()
            message = Message(row.message_count + 1, name, text, at, usage, kind, important, author, metadata)
            return await self._parts.transcripts.append(live, message, data)

    @overload
    async def get_history(
        self, session_id: str, *, limit: int | None = 50, format: Literal["messages"] = "messages"
    ) -> list[Message]: ...
    @overload
    async def get_history(
        self, session_id: str, *, limit: int | None = 50, format: Literal["markdown", "text"]
    ) -> str: ...
    @persistent
    async def get_history(
        self,
        session_id: str,
        *,
        limit: int | None = 50,
        format: Literal["messages", "markdown", "text"] = "messages",  # noqa: A002  # the name users know
    ) -> list[Message] | str:
        """Read the newest `limit` messages (all, if None), oldest of them first."""
        live = await self._parts.cache.get(session_id)
        if limit is not None and limit < 1:
            raise InvalidValue(f"limit must be at least 1, got {limit}")
        count = live.row.message_count if limit is None else limit
        messages = await self._parts.transcripts.last(live, count)
        if format == "messages":
            return messages
        from sessions.export.formats import format_history

        return format_history(messages, format)

    async def iter_history(self, session_id: str, *, page: int = 500) -> AsyncGenerator[Message, None]:
        """Go through the whole conversation, oldest message first, `page` messages in memory at a time."""
        seen = 0
        while True:
            live = await self._parts.cache.get(session_id)
            with contextlib.suppress(StaleSession):  # what it goes on from was erased meanwhile: it is its own now
                async for messages in self._parts.transcripts.pages(live, page=page):
                    for message in messages:
                        if message.seq > seen:
                            seen = message.seq
                            yield message
                return

    @persistent
    async def get_context_history(
        self, session_id: str, *, max_tokens: int, strategy: StrategyName = "smart"
    ) -> Context:
        """Choose the messages for the model: never more than `max_tokens`.

        `recent` takes the newest that fit; `smart` also what is important, and whole turns only;
        `summarize` puts a stored summary in the place of the older part.
        """
        live = await self._parts.cache.get(session_id)
        if strategy == "recent":
            return await self._parts.contexts.recent(live, max_tokens)
        if strategy == "smart":
            return await self._parts.contexts.smart(live, max_tokens)
        if strategy == "summarize":
            return await self._parts.summaries.context(live, max_tokens)
        raise InvalidValue(f"strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")

    @persistent
    async def compact(self, session_id: str, *, instructions: str | None = None, max_tokens: int = 4_000) -> Message:
        """Make a summary of everything but the newest turns now, whatever the length."""
        live = await self._parts.cache.get(session_id)
        return await self._parts.summaries.make(live, max_tokens, instructions)

    async def search(self, address: Address, words: str, *, limit: int = 20) -> list[Hit]:
        """Find messages of this address's own sessions that hold all the words, newest first."""
        sessions = await self._parts.directory.list_for(address)
        return await search(sessions, words, limit=limit, cache=self._parts.cache, transcripts=self._parts.transcripts)

    @persistent
    async def export(self, session_id: str, *, format: str = "markdown", include_metadata: bool = True) -> str:  # noqa: A002
        """Write a conversation as markdown, json (complete and lossless), html or text."""
        from sessions.export.formats import export, parse_format

        wanted = parse_format(format)
        transcript = await self.transcript(session_id)
        if not self._read_only:
            await self._parts.audit.note(AuditKind.EXPORT, session=session_id, format=wanted)
        return export(transcript, format=wanted, include_metadata=include_metadata)

    @persistent
    async def transcript(self, session_id: str, *, exported_at: datetime | None = None) -> Transcript:
        """Gather a conversation to be written down: of one moment, with all branches and checkpoints."""
        exporter = self._operators.exporter
        if self._read_only:
            return await exporter.gather(await self._parts.cache.get(session_id), exported_at)
        async with self._parts.cache.locked(session_id) as live:  # nothing is said meanwhile
            return await exporter.gather(live, exported_at)

    def transcripts(
        self, session_ids: Sequence[str], *, exported_at: datetime | None = None
    ) -> AsyncIterator[tuple[str, Transcript | SessionError]]:
        """Gather conversations one after the other, as they are stored; the error of one keeps no other back."""
        return self._operators.exporter.several(session_ids, exported_at)

    @persistent
    async def import_session(
        self,
        transcript: Transcript,
        *,
        address: Address,
        scope: Scope | None = None,
        new_id: bool = False,
        title: str | None = None,
    ) -> Session:
        """Take in a conversation with all its branches and checkpoints; from now on it belongs to `address`.

        It becomes the current one only where there is none. Raises `InvalidValue`, also when its id is here already.
        """
        async with self.arrivals(new_ids=new_id) as arrivals:
            session_id = await arrivals.add(transcript, address, scope=scope, title=title)
        return await self.get_session(session_id)

    def sealer(self) -> ArrivalSealer:
        """Give what seals conversations for another process that takes them in."""
        return self._operators.importer.sealer()

    def arrivals(self, *, new_ids: bool = False, unit: int | None = None) -> AbstractAsyncContextManager[Arrivals]:
        """Take in several conversations: all that is added within the block, or nothing if an error leaves it.

        `unit` is how many records are written in one go: more is faster where nobody else wants to write.
        """
        return self._operators.importer.arrivals(new_ids=new_ids, unit=unit)

    # -- the line of time ----------------------------------------------------------------------

    @persistent
    async def save_checkpoint(self, session_id: str, *, name: str, description: str = "") -> Checkpoint:
        """Name the place where a session stands."""
        return await self._parts.timeline.save(session_id, name, description)

    async def list_checkpoints(self, session_id: str, *, automatic: bool = False) -> list[Checkpoint]:
        """List a session's checkpoints, oldest first; the automatic ones only if asked for."""
        return await self._parts.timeline.checkpoints(session_id, automatic=automatic)

    async def find_checkpoint(self, session_id: str, which: str) -> Checkpoint:
        """Find a session's checkpoint by number, id or name. Raises `NotFound` or `Ambiguous`."""
        return await self._parts.timeline.find(session_id, which)

    @persistent
    async def restore_checkpoint(self, checkpoint_id: str) -> Session:
        """Go back to a checkpoint. What was said since stays reachable."""
        with self._parts.audit.noting(AuditKind.RESTORE, checkpoint=checkpoint_id):
            return (await self._parts.timeline.restore(checkpoint_id)).snapshot()

    @persistent
    async def delete_checkpoint(self, checkpoint_id: str) -> Checkpoint:
        """Remove a checkpoint; the messages stay."""
        return await self._parts.timeline.delete(checkpoint_id)

    @persistent
    async def clear_history(self, session_id: str) -> Session:
        """Start the session's conversation from nothing; settings, checkpoints and the way back stay."""
        return (await self._parts.timeline.clear(session_id)).snapshot()

    async def undo(self, address: Address, *, steps: int = 1) -> list[Step]:
        """Take back the last turns, clears, restores and resets. Raises `NothingToUndo` if there are none."""
        return await self._repeat(self._parts.timeline.undo, address, steps)

    async def redo(self, address: Address, *, steps: int = 1) -> list[Step]:
        """Do again what was taken back. Raises `NothingToUndo` if nothing was."""
        return await self._repeat(self._parts.timeline.redo, address, steps)

    async def can_redo(self, address: Address) -> bool:
        """Tell whether `redo` has something to do."""
        return await self._parts.timeline.can_redo(address)

    async def _repeat(
        self, once: Callable[[Address], Coroutine[object, object, Step]], address: Address, steps: int
    ) -> list[Step]:
        """Go step by step; running out of steps after the first is no error."""
        if not 1 <= steps <= MAX_STEPS:
            raise InvalidValue(f"steps must be from 1 to {MAX_STEPS}, got {steps}")
        once = persistent_for_current(once)
        done = [await once(address)]
        with contextlib.suppress(NothingToUndo):
            while len(done) < steps:
                done.append(await once(address))
        return done

    # -- turns ---------------------------------------------------------------------------------

    @persistent
    async def begin_turn(
        self,
        session_id: str,
        *,
        content: str,
        author: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> Turn:
        """Store what a person said and wait for the reply."""
        data = clean_text(content)
        named = None if author is None else clean_text(author, "author").decode()
        about = None if metadata is None else clean_metadata(metadata)
        question = Message(0, "user", data.decode(), self._now(), author=named, metadata=about)
        return await self._parts.turns.begin(session_id, question, data)

    @persistent_for_current
    async def revise_message(self, address: Address, *, source: str, content: str) -> bool:
        """Give a message that this person edited its new text; tell whether it was found in the conversation here.

        `source` is what its metadata says under that name; only the newest messages are looked through.
        """
        data = clean_text(content)
        live = await self._parts.directory.current(address)
        return live is not None and await self._parts.turns.revise(live, source, data)

    async def resume_turn(self, session_id: str, *, seq: int, position: int) -> Turn:
        """Take up a turn that was begun before the program ended; see `Handling.progress`."""
        return await self._parts.turns.again(session_id, seq, position)

    @persistent
    async def retry_turn(self, session_id: str) -> Turn:
        """Go back to the last thing a person said, for another reply."""
        return await self._parts.turns.retry(session_id)

    @persistent
    async def finish_turn(
        self,
        turn: Turn,
        *,
        content: str,
        usage: Usage | None = None,
        partial: bool = False,
        failed: bool = False,
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> TurnOutcome:
        """Store the reply behind its question, whatever has become of the session meanwhile."""
        return await self._parts.turns.finish(
            turn,
            content=content,
            usage=usage,
            partial=partial,
            failed=failed,
            metadata=None if metadata is None else clean_metadata(metadata),
        )

    # -- preferences and resets ----------------------------------------------------------------

    async def scope_of(self, address: Address) -> Scope:
        """Give the scope that holds for a person in a chat."""
        return await self._parts.directory.scope(address)

    async def note(self, name: str) -> Mapping[str, JsonValue]:
        """Give what a program noted under a name; an empty mapping if it never did."""
        return await self._parts.preferences.note(name)

    async def set_note(self, name: str, value: Mapping[str, JsonValue]) -> None:
        """Keep a note of a program, sealed: a small JSON object. The name is kept as a keyed hash."""
        await self._parts.preferences.set_note(name, clean_metadata(value))

    async def change_note(
        self, name: str, change: Callable[[Mapping[str, JsonValue]], Mapping[str, JsonValue]]
    ) -> Mapping[str, JsonValue]:
        """Have a note say what `change` makes of it, whoever else changes it; give what it says then.

        `change` may run several times, on what is noted by then, and does nothing else.
        """
        return await self._parts.preferences.change_note(name, lambda said: clean_metadata(change(said)))

    @persistent
    async def move_chat(self, platform: str, account: str, old: str, new: str) -> None:
        """Note that the platform gave a chat a new id: its conversations go on. Telling it again changes nothing."""
        await self._parts.preferences.move_chat(platform, account, old, new)

    async def chat_now(self, address: Address) -> str:
        """Give the id that the platform knows the chat of an address by today."""
        return await self._parts.preferences.chat_now(address)

    @persistent
    async def link(self, main: Address, other: Address) -> int:
        """Let another account share a person's per-peer conversations; give the number of sessions that joined."""
        with self._parts.audit.noting(AuditKind.LINK, joined=True):
            return await self._parts.links.link(main, other)

    @persistent
    async def unlink(self, address: Address) -> int:
        """Let an account stand alone again, with the sessions that began there; give their number."""
        with self._parts.audit.noting(AuditKind.LINK, joined=False):
            return await self._parts.links.unlink(address)

    async def linked_accounts(self, address: Address) -> list[Account]:
        """List all accounts of a person, this one among them."""
        return await self._parts.links.accounts(address)

    async def joining_sessions(self, address: Address) -> list[Session]:
        """List the sessions of an account that a link would share."""
        return await self._parts.links.joining(address)

    @persistent
    async def set_scope(self, address: Address, scope: Scope | str) -> Scope:
        """Choose the scope of a person in a chat. Conversations under the other scopes are kept."""
        chosen = Scope.parse(scope)
        with self._parts.audit.noting(AuditKind.SCOPE, scope=chosen.value):
            await self._parts.directory.set_scope(address, chosen)
        return chosen

    async def reset_rule(self, session_id: str) -> ResetRule:
        """Give the reset policy that holds for a session, and which rule it comes from."""
        return await self._parts.resets.rule(await self._parts.cache.get(session_id))

    @persistent_for_current
    async def set_chat_resets(
        self,
        address: Address,
        *,
        daily_at: time | _Unset | None = _UNSET,
        timezone: str | _Unset = _UNSET,
        idle: timedelta | _Unset | None = _UNSET,
    ) -> ResetRule:
        """Change the reset rule of this conversation; it holds for the sessions to come as well."""
        live = await self._parts.lifecycle.get_or_create(address)
        policy = (await self._parts.resets.rule(live)).policy
        if not isinstance(daily_at, _Unset):
            policy = replace(policy, daily_at=daily_at)
        if not isinstance(timezone, _Unset):
            policy = replace(policy, timezone=timezone)
        if not isinstance(idle, _Unset):
            policy = replace(policy, idle=idle)
        await self._parts.preferences.set_resets(live.row.key_idx, policy)
        self._parts.cache.forget_rules(live.row.key_idx)
        await self._parts.lifecycle.set_profile(
            live.row.id, lambda profile: replace(profile, waived_ms=self._now(), kept_ms=0, snoozed_ms=0)
        )
        await self._parts.lifecycle.reschedule(live)
        return await self._parts.resets.rule(live)

    @persistent_for_current
    async def reset_if_due(self, address: Address) -> ResetEvent | None:
        """Carry out the reset of this address's session if it is due, and tell of it.

        `get_or_create_session` does the same in silence; whoever wants to announce resets asks here first.
        """
        live = await self._parts.directory.current(address)
        return (
            None if live is None or not self._parts.resets.due(live, self._now()) else await self._parts.sweep.one(live)
        )

    async def next_reset(self, session_id: str) -> PlannedReset | None:
        """Give the session's next reset if nobody writes any more: when, and by which half of its rule."""
        live = await self._parts.cache.get(session_id)
        await self._parts.resets.rule(live)
        return self._parts.sweep.next(live)

    async def sweep(self) -> list[ResetEvent]:
        """Carry out the resets that are due; give those that happened."""
        return await self._parts.sweep.run()

    async def sweep_warnings(self) -> list[ResetWarning]:
        """Give the resets that come within ten minutes and were not given before; that is noted with the sessions.

        For silence only where half an hour of it or more is allowed.
        """
        return await self._parts.warnings.run()

    @persistent_for_current
    async def keep_session(self, address: Address) -> PlannedReset | None:
        """Leave the coming reset of this address's session out, once; give the one that comes next instead.

        Silence counts from now, days count from the coming one. Saying it twice leaves out no second day.
        """
        live = await self._parts.directory.current(address)
        return None if live is None else self._parts.sweep.next(await self._parts.postponement.keep(live.row.id))

    @persistent_for_current
    async def snooze_reset(self, address: Address, *, for_: timedelta = timedelta(hours=1)) -> PlannedReset | None:
        """Put the reset of this address's session off until `for_` from now; give when it comes.

        One that comes later anyway stays where it is, and a daily one comes before the next day's.
        """
        live = await self._parts.directory.current(address)
        if live is None:
            return None
        return self._parts.sweep.next(await self._parts.postponement.snooze(live.row.id, for_))

    async def preview_resets(self, *, days: int) -> list[PlannedReset]:
        """List the resets of the next `days` days if nobody wrote any more, earliest first."""
        return await self._parts.sweep.preview(days)

    # -- care ----------------------------------------------------------------------------------

    async def cleanup(
        self,
        *,
        older_than: str | timedelta = "30d",
        keep_checkpoints: bool = True,
        archived_only: bool = False,
        among: Sequence[str] | None = None,
    ) -> int:
        """Erase sessions without activity for `older_than`, such as `30d` or `12h`; give their number.

        With `keep_checkpoints` those that have one stay, with `archived_only` those that are current, with `among`
        all that have none of these ids.
        """
        rows = await self._parts.sweep.older_than(
            older_than, keep_checkpoints=keep_checkpoints, archived_only=archived_only, among=among
        )
        erased = 0
        for start in range(0, len(rows), AT_ONCE):
            erase = persistent(self._parts.erasure.erase)
            erased += (await erase(rows[start : start + AT_ONCE], unused=True)).sessions
        return erased

    async def cleanup_preview(
        self, *, older_than: str | timedelta, keep_checkpoints: bool = True
    ) -> tuple[list[str], Receipt]:
        """List and count what `cleanup` would erase, in the order in which it would."""
        rows = await self._parts.sweep.older_than(older_than, keep_checkpoints=keep_checkpoints, archived_only=False)
        return [row.id for row in rows], Receipt(sessions=len(rows), messages=sum(row.stored for row in rows))

    async def addresses_of(self, platform: str, user_id: str) -> list[Address]:
        """List every address of somebody, before all bot accounts and in all chats known here: for operators only."""
        return await self._operators.persons.addresses(platform, user_id)

    async def own_sessions(self, address: Address, *others: Address) -> list[Session]:
        """List everything a person owns, in all chats and scopes but the shared ones."""
        rows = await self._operators.persons.owned([address, *others])
        return [self._parts.directory.snapshot(row) for row in rows]

    @persistent
    async def erase_person(
        self,
        address: Address,
        *others: Address,
        notes: Sequence[str] = (),
        noted: Callable[[Mapping[str, JsonValue]], bool] | None = None,
    ) -> Receipt:
        """Erase everything a person owns, for good, with their links, their choices for chats, and these notes.

        `noted` tells which notes besides are theirs, by what they say.
        """
        return await self._operators.persons.erase([address, *others], notes, noted)

    async def vacuum(self) -> tuple[int, int]:
        """Give space back that erased conversations have left; give the bytes on disk before and after.

        Nothing else is written meanwhile.
        """
        return await self._store.compact()

    async def missing(self) -> list[str]:
        """Compare how many rows there are with how many there must be; a quick look, for every start."""
        return await self._parts.inspection.counts()

    async def verify(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Open every record and compare every count; give what is damaged, in words.

        `progress` is told how many sessions are done, and of how many.
        """
        return await self._parts.inspection.run(progress)


def _providers(key: bytes | KeyProvider | Sequence[KeyProvider]) -> list[KeyProvider]:
    if isinstance(key, bytes):
        return [RawKey(key)]
    if isinstance(key, str):
        raise KeyRefused("a key is 32 bytes, not text; Passphrase makes one of a phrase, RawKey.from_base64 of base64")
    providers: list[KeyProvider] = [*key] if isinstance(key, Sequence) else [key]
    if not providers:
        raise InvalidValue("at least one key is needed")
    return providers


def _names(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check_name(tag, "a tag", MAX_TAG) for tag in tags))


def _with_tags(tags: Iterable[str], added: Sequence[str]) -> tuple[str, ...]:
    """Add tags that are not there yet in any case of letters."""
    known: dict[str, str] = {}
    for tag in (*tags, *added):
        known.setdefault(tag.casefold(), tag)
    return tuple(known.values())


def _policy(daily: str | time | None, timezone: str, idle_minutes: int | None) -> ResetPolicy:
    if isinstance(daily, str):
        daily, zone = parse_daily(daily)
        timezone = zone or timezone
    idle = None if idle_minutes is None else timedelta(minutes=idle_minutes)
    return ResetPolicy(daily_at=daily, timezone=timezone, idle=idle)
