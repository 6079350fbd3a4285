"""Interactions: native commands and buttons, acknowledged at once and stored before anything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import discord

from adapters.buttons import ButtonRefused
from adapters.channel import Suggester
from adapters.discord.arrival import Arrival
from adapters.discord.desk import Desk
from adapters.discord.parsing import button_arrival, command_arrival, place_of, typed_line
from adapters.discord.refusals import MISHAPS
from adapters.menu import MenuCommand
from adapters.spent import Spent
from sessions.address import Address
from sessions.errors import SessionError

NOT_YOURS = "This button is not yours or no longer valid."
USED = "This button was used already."
NOT_STORED = "I can not store anything at the moment, so I did nothing. Try again in a few minutes."
_LOOKING_UP = 0.4  # seconds; Discord waits three for the first answer, and people less
_UNKNOWN = 10062  # after three seconds, and for what nobody ever sent
log = logging.getLogger(__name__)

Interaction = discord.Interaction[discord.Client]
Knows = Callable[[Address], Awaitable[bool]]
"""Tells whether somebody may speak to the bot, so that others may see the answer."""


class Interactions:
    """Takes what people choose and press."""

    def __init__(self, desk: Desk, suggester: Suggester, knows: Knows, clock: Callable[[], float]) -> None:
        self._desk, self._suggester, self._knows, self._clock = desk, suggester, knows, clock
        self._spent = Spent()

    async def used(self, interaction: Interaction, command: MenuCommand, options: Mapping[str, str | int]) -> None:
        """Take a native command."""
        now = self._clock()
        private = command.private or not await self._is_known(interaction)
        arrival = command_arrival(interaction, command.path, options, private=private, now=now)
        if await _acknowledged(interaction, ephemeral=arrival.ephemeral, thinking=True):
            await self._take(interaction, arrival)

    async def completed(self, interaction: Interaction, command: MenuCommand, typed: str) -> Sequence[tuple[str, str]]:
        """Give what could complete an option."""
        address = place_of(interaction).address(self._desk.account, interaction.user.id)
        found = await self._suggester(address, typed_line(command.path, typed))
        return [(suggestion.text, suggestion.hint) for suggestion in found]

    async def pressed(self, interaction: Interaction) -> None:
        """Take the press of a button, once and from the person it was made for."""
        carried = dict(interaction.data or {}).get("custom_id")
        now, person, chat = self._clock(), str(interaction.user.id), str(interaction.channel_id)
        try:
            button = self._desk.signer.open(str(carried), person=person, chat=chat, now=now)
        except ButtonRefused:
            await _tell(interaction, NOT_YOURS)
            return
        arrival = button_arrival(interaction, button.text, button.nonce, now=now)
        if not await _acknowledged(interaction, ephemeral=False, thinking=False):
            return
        if await self._take(interaction, arrival):
            await self._disable(interaction, str(carried))

    async def _is_known(self, interaction: Interaction) -> bool:
        """Tell whether somebody is known to be let in; in doubt nobody else is to see the answer."""
        try:
            async with asyncio.timeout(_LOOKING_UP):
                return await self._knows(place_of(interaction).address(self._desk.account, interaction.user.id))
        except (TimeoutError, SessionError):
            return False

    async def _take(self, interaction: Interaction, arrival: Arrival) -> bool:
        """Store it; tell whether it was new."""
        try:
            new = await self._desk.intake.take([arrival.update()])
        except SessionError as error:
            log.warning("a command or button could not be stored: %s", type(error).__name__)
            await _tell(interaction, NOT_STORED)
            return False
        if not new and interaction.type is discord.InteractionType.component:
            await _tell(interaction, USED)
        return new > 0

    async def _disable(self, interaction: Interaction, pressed: str) -> None:
        """Show which buttons of a message are used up."""
        message = interaction.message
        if message is None:
            return
        self._spent.press(message.id, pressed)
        view = discord.ui.View.from_message(message, timeout=None)
        for item in view.children:
            if isinstance(item, discord.ui.Button):
                item.disabled = item.disabled or self._spent.has(message.id, item.custom_id or "")
        view.stop()
        try:
            await interaction.edit_original_response(view=view)
        except MISHAPS as error:
            log.info("used buttons could not be disabled: %s", type(error).__name__)


async def _acknowledged(interaction: Interaction, *, ephemeral: bool, thinking: bool) -> bool:
    """Say within three seconds that an answer will come; tell whether there still is somebody to answer."""
    try:
        await interaction.response.defer(ephemeral=ephemeral, thinking=thinking)
    except discord.NotFound as error:
        if error.code == _UNKNOWN:
            log.warning("a command or button came too late to be acknowledged")
            return False
    except MISHAPS as error:
        log.info("whether a command or button is acknowledged is unknown: %s", type(error).__name__)
    return True


async def _tell(interaction: Interaction, text: str) -> None:
    """Say something to the one person alone."""
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except MISHAPS as error:
        log.info("a person could not be told why nothing happens: %s", type(error).__name__)
