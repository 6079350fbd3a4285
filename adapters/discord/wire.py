"""Wire: puts messages on Discord, without ever making anybody's device ring by their words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import cast

import discord

from adapters.courier import NotNow
from adapters.discord.parsing import shortened
from adapters.discord.parts import BUTTONS_A_ROW, LABEL, Part
from adapters.discord.refusals import MayNotPoint, translated
from adapters.discord.ticket import Ticket

NOBODY = discord.AllowedMentions.none()
_ORIGINAL = cast("int", "@original")  # stands where the id of the first answer would
Buttons = Sequence[tuple[str, str]]
"""Labels, and what each button carries."""


class Wire:
    """Sends, changes and deletes, through whichever client is connected now. Raises what `translated` says."""

    def __init__(self) -> None:
        self.client: discord.Client | None = None

    # -- messages of channels ------------------------------------------------------------------

    async def send(
        self, channel: int, part: Part, *, nonce: str, reply_to: int | None = None, buttons: Buttons = ()
    ) -> int:
        """Send a message and give its id; the same nonce within minutes is the same message."""
        try:
            return await self._send(channel, part, nonce, reply_to, buttons)
        except MayNotPoint:
            return await self._send(channel, part, nonce, None, buttons)

    async def _send(self, channel: int, part: Part, nonce: str, reply_to: int | None, buttons: Buttons) -> int:
        place = self._place(channel)
        missing = discord.utils.MISSING
        with translated():
            message = await place.send(
                part.text or missing,
                files=_files(part),
                nonce=nonce,
                allowed_mentions=NOBODY,
                reference=_pointing(place, reply_to),
                mention_author=False,
                suppress_embeds=True,
                view=_view(buttons) or missing,
            )
        return message.id

    async def edit(self, channel: int, message: int, part: Part, *, buttons: Buttons = ()) -> None:
        """Change a message of the bot."""
        partial = self._place(channel).get_partial_message(message)
        with translated():
            await partial.edit(
                content=part.text or None,
                attachments=_files(part),
                allowed_mentions=NOBODY,
                view=_view(buttons),
            )

    async def delete(self, channel: int, message: int) -> None:
        """Delete a message of the bot."""
        with translated():
            await self._place(channel).get_partial_message(message).delete()

    async def typing(self, channel: int) -> None:
        """Show for some seconds that something is being written."""
        with translated():
            await self._place(channel).typing()

    async def direct(self, person: int) -> int:
        """Give the channel in which the bot and a person are by themselves."""
        with translated():
            return (await self._client().create_dm(discord.Object(person))).id

    # -- answers to commands and buttons -------------------------------------------------------

    async def answer(self, ticket: Ticket, part: Part, *, buttons: Buttons = ()) -> None:
        """Make the first answer what it is to be."""
        await self.change(ticket, _ORIGINAL, part, buttons=buttons)

    async def change(self, ticket: Ticket, message: int, part: Part, *, buttons: Buttons = ()) -> None:
        """Change a further answer."""
        with translated():
            await self._hook(ticket).edit_message(
                message,
                content=part.text or None,
                attachments=_files(part),
                allowed_mentions=NOBODY,
                view=_view(buttons),
            )

    async def follow(self, ticket: Ticket, part: Part, *, ephemeral: bool, buttons: Buttons = ()) -> int:
        """Give a further answer, and its id."""
        missing = discord.utils.MISSING
        with translated():
            message = await self._hook(ticket).send(
                part.text or missing,
                files=_files(part),
                ephemeral=ephemeral,
                allowed_mentions=NOBODY,
                suppress_embeds=True,
                wait=True,
                view=_view(buttons) or missing,
            )
        return message.id

    async def is_awaited(self, ticket: Ticket) -> bool:
        """Tell whether the first answer is still to come; it can be gone, which is `NoMessage`."""
        with translated():
            return (await self._hook(ticket).fetch_message(_ORIGINAL)).flags.loading

    async def withdraw(self, ticket: Ticket, message: int | None = None) -> None:
        """Delete an answer, the first one if not said."""
        with translated():
            await self._hook(ticket).delete_message(_ORIGINAL if message is None else message)

    # -- inside --------------------------------------------------------------------------------

    def file_limit(self, guild: int | None) -> int:
        """Give how many bytes a file may have in a server, or elsewhere."""
        client = self.client
        known = client.get_guild(guild) if client is not None and guild is not None else None
        return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES if known is None else known.filesize_limit

    def _client(self) -> discord.Client:
        if self.client is None or self.client.is_closed():
            raise NotNow
        return self.client

    def _place(self, channel: int) -> discord.PartialMessageable:
        return self._client().get_partial_messageable(channel)

    def _hook(self, ticket: Ticket) -> discord.Webhook:
        state = self._client()._connection
        return discord.Webhook.from_state({"id": ticket.application, "type": 3, "token": ticket.token}, state)


def _pointing(place: discord.PartialMessageable, message: int | None) -> discord.MessageReference:
    """Point at a message, which may be deleted by now."""
    if message is None:
        return cast("discord.MessageReference", None)  # the library takes it, though its types do not say so
    return discord.MessageReference(message_id=message, channel_id=place.id, fail_if_not_exists=False)


def _files(part: Part) -> list[discord.File]:
    return [discord.File(io.BytesIO(document.content), document.name) for document in part.documents]


def _view(buttons: Buttons) -> discord.ui.View | None:
    """Make the buttons. The view is ended at once: presses are told apart by what a button carries."""
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for index, (label, carried) in enumerate(buttons):
        shown = shortened(label, LABEL)
        view.add_item(discord.ui.Button(label=shown, custom_id=carried, row=index // BUTTONS_A_ROW))
    view.stop()
    return view
