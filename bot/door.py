"""Door: decides whether a message goes on, before anything else is done with it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection

from adapters.inbound import Inbound
from adapters.marks import MARK
from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.reply import Reply
from bot.access import Access, Verdict, person_of
from bot.commands.grammar import command_word, strip
from bot.commands.markup import code
from bot.limits import Limits
from bot.operators import Operators
from bot.pairing import PAUSE, Pairing
from bot.silence import HUSHED, SILENT, Silence
from sessions.address import Address, ChatKind
from sessions.message import Usage
from sessions.parts import Clock

__all__ = ["HUSHED", "SILENT", "Door", "Silence"]

ASKS_THE_MODEL = ("retry", "compact")  # the commands that cost tokens
MOST_TURNED_AWAY = 1_000  # people of whom is known when they were told so
_ANSWER = re.compile(rf"(yes|no) #{MARK}", re.IGNORECASE)  # a button of a question, which never reaches the model
_UNKNOWN = "I only talk to people I know."


class Door:
    """Asks who may speak, and who has spoken too much.

    `listening` are the chats in which the bot hears everything, also what is not meant for it.
    """

    def __init__(
        self,
        access: Access,
        pairing: Pairing,
        limits: Limits,
        operators: Operators,
        *,
        clock: Clock,
        listening: Collection[str] = (),
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        self._meter = meter
        self._access, self._pairing, self._limits, self._operators = access, pairing, limits, operators
        self._clock, self._listening = clock, frozenset(listening)
        self._turned_away: OrderedDict[str, float] = OrderedDict()

    async def ask(self, inbound: Inbound) -> Reply | Silence | None:
        """Decide about a message: None lets it go on, a reply answers it instead, SILENT drops it.

        A `/stop` is never kept back, but beyond what a person may write it is HUSHED.
        """
        verdict = await self._access.admits(inbound.address)
        if verdict is not Verdict.ADMITTED:
            return await self._turn_away(inbound, verdict)
        await self._operators.learn(inbound.address)
        answer = await self._hold(inbound)
        if answer is not None:
            self._meter.rejected("limit")
        return answer

    async def _hold(self, inbound: Inbound) -> Reply | Silence | None:
        word = _command(inbound)
        if word == "stop":
            return None if await self._limits.allow(inbound.address, self._clock(), costs=False) is None else HUSHED
        costs = inbound.edits is None and (word in ASKS_THE_MODEL or (not word and not _ANSWER.fullmatch(inbound.text)))
        return await self._limits.allow(inbound.address, self._clock(), costs=costs)

    async def spent(self, address: Address, usage: Usage) -> Reply | None:
        """Count what a reply has cost; give the warning that the person is to have after it."""
        return await self._limits.spent(address, usage, self._clock())

    async def _turn_away(self, inbound: Inbound, verdict: Verdict) -> Reply | Silence:
        if not self._is_addressed(inbound):
            return SILENT
        self._meter.rejected("stranger")
        if verdict is Verdict.STRANGER:
            request = await self._pairing.request(inbound.address, inbound.author, inbound.source)
            answer = SILENT if request is None else self._pairing.answer(request)
        else:
            answer = self._tell_how(inbound.address)
        if isinstance(answer, Silence) and inbound.call is not None:  # a native command waits for some answer
            return Reply(text=_UNKNOWN, private=True, error=True)
        return answer

    def _is_addressed(self, inbound: Inbound) -> bool:
        """Tell whether somebody spoke to the bot, and not beside it."""
        if inbound.edits is not None:
            return False
        address = inbound.address
        places = {address.chat_id, address.thread_id} & self._listening
        return inbound.call is not None or address.chat_kind is ChatKind.PRIVATE or not places

    def _tell_how(self, address: Address) -> Reply | Silence:
        """Say to somebody in private, now and then, what would let them in."""
        if address.chat_kind is not ChatKind.PRIVATE:
            return SILENT
        person, now = person_of(address), self._clock()
        if now < self._turned_away.get(person, -PAUSE) + PAUSE:
            return SILENT
        self._turned_away[person] = now
        self._turned_away.move_to_end(person)
        if len(self._turned_away) > MOST_TURNED_AWAY:
            self._turned_away.popitem(last=False)
        text = f"{_UNKNOWN} The person who runs me can let you in: you are {code(person)}."
        return Reply(text=text, private=True, error=True)


def _command(inbound: Inbound) -> str:
    """Give the first word of a command, empty for what is none."""
    if inbound.call is not None:
        return inbound.call.path[0]
    text = strip(inbound.text)
    if inbound.edits is not None or not text.startswith("/") or text.startswith("//"):
        return ""
    return command_word(text)[0]
