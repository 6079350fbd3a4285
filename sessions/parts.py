"""Parts: what a session manager is made of, and who knows whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from sessions.audit import Audit
from sessions.cache import SessionCache
from sessions.census import CensusKeeper
from sessions.context import ContextBuilder
from sessions.directory import Directory
from sessions.erasure import Erasure
from sessions.inspection import Inspection
from sessions.lanes import Lanes
from sessions.lifecycle import Lifecycle
from sessions.links import Links
from sessions.mailbox import Mailbox
from sessions.postponement import Postponement
from sessions.preferences import Preferences
from sessions.present_keys import PresentKeys
from sessions.reset_rule import ResetRules
from sessions.reset_warning import ResetWarnings
from sessions.resets import Resets
from sessions.scope import Scope
from sessions.store import Store
from sessions.summaries import Summaries, Summarizer
from sessions.sweep import Sweep
from sessions.timeline import Timeline
from sessions.tokens import TokenCounter
from sessions.transcripts import Transcripts
from sessions.turns import Turns
from sessions.vault import Vault

Clock = Callable[[], float]  # seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a program chose when it opened a manager."""

    scope: Scope
    rules: ResetRules
    tags: Sequence[str]
    backend: str | None
    summarizer: Summarizer | None
    counter: TokenCounter
    clock: Clock
    hot_sessions: int
    hot_messages: int
    read_only: bool  # somebody else writes: nothing that was read before is believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rooms behind the manager. Each is given what it needs; none reaches for another by itself."""

    keys: PresentKeys
    cache: SessionCache
    preferences: Preferences
    resets: Resets
    transcripts: Transcripts
    directory: Directory
    lifecycle: Lifecycle
    timeline: Timeline
    contexts: ContextBuilder
    summaries: Summaries
    turns: Turns
    sweep: Sweep
    warnings: ResetWarnings
    postponement: Postponement
    erasure: Erasure
    inspection: Inspection
    mailbox: Mailbox
    links: Links
    audit: Audit

    @classmethod
    def assemble(
        cls,
        store: Store,
        vault: Vault,
        census: CensusKeeper,
        options: Options,
        lanes: Lanes,
        now: Callable[[], int],
        *,
        last_mail: int,
    ) -> Self:
        """Make the parts, those that others need first."""
        audit = Audit(store, vault.audit, vault.install_id, census, now)
        shared = store.coordinator is not None
        preferences = Preferences(store, vault, census, remember=not (options.read_only or shared))
        resets = Resets(preferences, options.rules)
        keys = PresentKeys(store, vault)
        cache = SessionCache(
            store,
            vault,
            keys,
            resets.find_rule,
            size=options.hot_sessions,
            remember=not options.read_only,
            shared=shared,
        )
        transcripts = Transcripts(store, cache, resets.after, hot=options.hot_messages)
        noting = None if options.read_only else audit
        directory = Directory(store, vault, keys, cache, preferences, resets, options.scope, noting)
        lifecycle = Lifecycle(
            store=store,
            vault=vault,
            keys=keys,
            cache=cache,
            census=census,
            directory=directory,
            resets=resets,
            lanes=lanes,
            now=now,
            tags=options.tags,
            backend=options.backend,
            audit=audit,
        )
        timeline = Timeline(cache, transcripts, directory, lifecycle, resets, now)
        contexts = ContextBuilder(transcripts, options.counter)
        mailbox = Mailbox(store, vault, census, now, last_id=last_mail)
        return cls(
            keys=keys,
            cache=cache,
            preferences=preferences,
            resets=resets,
            transcripts=transcripts,
            directory=directory,
            lifecycle=lifecycle,
            timeline=timeline,
            contexts=contexts,
            summaries=Summaries(
                cache=cache,
                transcripts=transcripts,
                contexts=contexts,
                counter=options.counter,
                summarizer=options.summarizer,
                now=now,
            ),
            turns=Turns(cache, transcripts, timeline, now),
            sweep=Sweep(store, cache, lifecycle, resets, preferences, lanes, now),
            warnings=ResetWarnings(store, cache, resets, lanes, now),
            postponement=Postponement(cache, resets, now),
            erasure=Erasure(store, cache, transcripts, census, lifecycle.locks, audit, now),
            inspection=Inspection(store, cache, transcripts, preferences, census, mailbox, audit),
            mailbox=mailbox,
            links=Links(store, cache, directory, preferences, lifecycle.locks, now),
            audit=audit,
        )
