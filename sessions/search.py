"""Search: finding words in one's own conversations, decrypting as it goes.

There is no index at rest: an index of words, even a keyed one, tells a thief what people talk about.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sessions.cache import SessionCache
from sessions.errors import InvalidValue, NotFound, StaleSession, VaultError
from sessions.message import Message
from sessions.session import Session
from sessions.transcripts import Transcripts

MAX_MESSAGES = 20_000  # looked at in one search; 40 ms of decryption per 10,000
MAX_SECONDS = 2.0
AROUND = 60  # characters shown on either side of the first match


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that holds all the words; `snippet` is the text around the first, the words between « and »."""

    session: Session
    message: Message
    snippet: str


async def search(
    sessions: Sequence[Session], words: str, *, limit: int, cache: SessionCache, transcripts: Transcripts
) -> list[Hit]:
    """Find the newest messages that hold every word, whatever their case, in the given sessions."""
    wanted = [word.casefold() for word in words.split()]
    if not wanted:
        raise InvalidValue("say what to search for")
    if limit < 1:
        raise InvalidValue(f"limit must be at least 1, got {limit}")
    hits: list[Hit] = []
    async for session, message in _messages(sessions, cache, transcripts):
        text = message.content.casefold()
        if message.kind != "unreadable" and all(word in text for word in wanted):
            hits.append(Hit(session=session, message=message, snippet=snippet(message.content, wanted)))
            if len(hits) == limit:
                break
    return hits


async def _messages(
    sessions: Sequence[Session], cache: SessionCache, transcripts: Transcripts
) -> AsyncIterator[tuple[Session, Message]]:
    """Go through the sessions, each from its newest message back, until a bound is reached."""
    looked_at, deadline = 0, time.monotonic() + MAX_SECONDS
    for session in sessions:
        try:
            live = await cache.get(session.id)
        except (VaultError, NotFound):
            continue  # it does not open, or was erased while we looked
        with suppress(StaleSession):  # it was erased while we looked, or what it goes on from was
            async for page in transcripts.pages(live, backwards=True):
                for message in reversed(page):
                    yield session, message
                looked_at += len(page)
                if looked_at >= MAX_MESSAGES or time.monotonic() > deadline:
                    return
                await asyncio.sleep(0)  # let conversations go on between two pages


def snippet(text: str, words: Sequence[str], marks: tuple[str, str] = ("«", "»")) -> str:
    """Cut out the text around the first match, on one line, and mark the words."""
    line = " ".join(text.split())
    folded = line.casefold()
    # Where each folded character comes from: folding makes two of some (ß, İ).
    origin = [index for index, char in enumerate(line) for _ in char.casefold()] + [len(line)]
    first = min((origin[at] for word in words if (at := folded.find(word)) >= 0), default=0)
    start, end = max(0, first - AROUND), min(len(line), first + AROUND)
    marked, at = [], start
    while at < end:
        begin = bisect_left(origin, at)
        word = max((w for w in words if folded.startswith(w, begin)), key=len, default="")
        after = max(at + 1, origin[begin + len(word) - 1] + 1 if word else 0)
        marked.append(f"{marks[0]}{line[at:after]}{marks[1]}" if word else line[at:after])
        at = after
    return ("…" if start else "") + "".join(marked) + ("…" if at < len(line) else "")
