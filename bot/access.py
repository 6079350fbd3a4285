"""Access: who may speak to the bot, and who runs it.

One function decides, for text, native commands, buttons and completion alike. A person is `platform:id`, with the id
that the platform gives; names, and rights that somebody has in a chat, count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from bot.person_notes import approval_note
from config.settings import AccessSettings
from sessions.address import Address
from sessions.manager import SessionManager
from sessions.message import JsonValue

CONSOLE = "console"
ANONYMOUS = "chat:"  # how the ids of those begin who speak as a chat and not as a person


class Verdict(Enum):
    """What becomes of somebody who speaks."""

    ADMITTED = "admitted"
    STRANGER = "stranger"  # may be given a code, for an operator to let them in
    REFUSED = "refused"


def person_of(address: Address) -> str:
    """Name a person: `telegram:42`."""
    return f"{address.platform}:{address.user_id}"


def is_anonymous(address: Address) -> bool:
    """Tell whether a chat speaks, behind which several people may be."""
    return address.user_id.startswith(ANONYMOUS)


class Access:
    """Decides by the settings, and by whom an operator has let in; that is kept sealed in the store."""

    def __init__(self, sessions: SessionManager, settings: AccessSettings) -> None:
        self._sessions = sessions
        self._mode = settings.mode
        self._allowed, self._operators = frozenset(settings.allow), frozenset(settings.operators)

    async def admits(self, address: Address) -> Verdict:
        """Decide whether somebody may speak."""
        mode = self.mode_of(address.platform)
        if mode == "open" or self.is_operator(address) or person_of(address) in self._allowed:
            return Verdict.ADMITTED
        if mode != "pairing" or is_anonymous(address):
            return Verdict.REFUSED
        return Verdict.ADMITTED if await self.is_approved(person_of(address)) else Verdict.STRANGER

    def is_operator(self, address: Address) -> bool:
        """Tell whether this person runs the bot. A chat never does."""
        return not is_anonymous(address) and person_of(address) in self._operators

    def mode_of(self, platform: str) -> str:
        """Give the mode that holds on a platform.

        The console is always open: whoever sits there has the store and its key.
        """
        if platform == CONSOLE:
            return "open"
        return "pairing" if self._mode == "auto" else self._mode

    def is_named(self, person: str) -> bool:
        """Tell whether the settings name this person, so that nothing else can keep them out."""
        return person in self._allowed | self._operators

    async def is_approved(self, person: str) -> bool:
        """Tell whether an operator has let this person in."""
        return _is_approved(await self._sessions.note(approval_note(person)))

    async def approve(self, person: str, *, by: str, at: int) -> bool:
        """Let somebody in; tell whether they were not yet. Of several who do it at once one is told so."""
        before: Mapping[str, JsonValue] = {}

        def approve(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            nonlocal before
            before = said
            return said if _is_approved(said) else {"approved": True, "by": by, "at": at}

        await self._sessions.change_note(approval_note(person), approve)
        return not _is_approved(before)

    async def revoke(self, person: str) -> bool:
        """Let somebody in no longer; tell whether they were."""
        before: Mapping[str, JsonValue] = {}

        def revoke(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            nonlocal before
            before = said
            return {} if _is_approved(said) else said

        await self._sessions.change_note(approval_note(person), revoke)
        return _is_approved(before)


def _is_approved(said: Mapping[str, JsonValue]) -> bool:
    return said.get("approved") is True
