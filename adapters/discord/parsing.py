"""Reading what Discord sends: whether it is meant for the bot, and what it says."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import discord

from adapters.discord.arrival import Arrival
from adapters.discord.place import Place
from adapters.discord.ticket import Ticket
from adapters.pieces import clean

_SAYING = (discord.MessageType.default, discord.MessageType.reply)
_MOST_CHOICES, _MOST_CHARACTERS = 25, 100


def is_meant(message: discord.Message, me: int, always: Collection[int]) -> bool:
    """Tell whether a message is for the bot: a person's, in a direct chat, to it by name, or where it listens."""
    if message.author.bot or message.webhook_id is not None or message.type not in _SAYING:
        return False
    channel = message.channel
    if guild_of(message) is None or channel.id in always or me in message.raw_mentions:
        return True
    if isinstance(channel, discord.Thread) and channel.owner_id == me:
        return True
    replied = message.reference.resolved if message.reference else None
    return isinstance(replied, discord.Message) and replied.author.id == me


def guild_of(message: discord.Message) -> int | None:
    """Give the server of a message; it may be one that is not known yet."""
    if isinstance(message.channel, discord.PartialMessageable):
        return message.channel.guild_id
    return message.guild.id if message.guild else None


def message_arrival(message: discord.Message, me: int) -> Arrival:
    """Read a message."""
    return Arrival(
        name=f"message:{message.id}",
        place=_place_of(message),
        person=message.author.id,
        author=clean(message.author.display_name),
        text=without_mention(clean(message.content), me),
        message=message.id,
    )


def edit_arrival(message: discord.Message, me: int) -> Arrival | None:
    """Read a message that was changed; None if only its looks were, such as the preview of a link."""
    if message.edited_at is None:
        return None
    return Arrival(
        name=f"edit:{message.id}:{int(message.edited_at.timestamp() * 1_000)}",
        place=_place_of(message),
        person=message.author.id,
        author=clean(message.author.display_name),
        text=without_mention(clean(message.content), me),
        message=message.id,
        edit=True,
    )


def command_arrival(
    interaction: discord.Interaction[discord.Client],
    path: tuple[str, ...],
    options: Mapping[str, str | int],
    *,
    private: bool,
    now: float,
) -> Arrival:
    """Read a native command."""
    place = place_of(interaction)
    said = {name: clean(value) if isinstance(value, str) else value for name, value in options.items()}
    return Arrival(
        name=f"interaction:{interaction.id}",
        place=place,
        person=interaction.user.id,
        author=clean(interaction.user.display_name),
        path=path,
        options=said,
        ticket=_ticket(interaction, now),
        ephemeral=place.foreign or (private and not place.direct),
        file_limit=interaction.filesize_limit,
    )


def button_arrival(interaction: discord.Interaction[discord.Client], text: str, nonce: str, *, now: float) -> Arrival:
    """Read the press of a button; the message it stands under keeps the place of the first answer."""
    place, under = place_of(interaction), interaction.message
    return Arrival(
        name=f"button:{nonce}",
        place=place,
        person=interaction.user.id,
        author=clean(interaction.user.display_name),
        text=text,
        ticket=_ticket(interaction, now),
        answered=True,
        ephemeral=place.foreign or (under is not None and under.flags.ephemeral),
        file_limit=interaction.filesize_limit,
    )


def place_of(interaction: discord.Interaction[discord.Client]) -> Place:
    """Give where a command or a button was used."""
    channel, guild = interaction.channel, interaction.guild_id
    direct = guild is None and not interaction.context.private_channel
    return Place(
        channel=interaction.channel_id or 0,
        guild=guild,
        parent=channel.parent_id if isinstance(channel, discord.Thread) else None,
        direct=direct,
        foreign=not direct and not interaction.is_guild_integration(),
    )


def without_mention(text: str, me: int) -> str:
    """Take out the bot's own name, and the white space around it."""
    return re.sub(rf"[ \t]*<@!?{me}>[ \t]*", " ", text).strip()


def typed_line(path: Sequence[str], value: str) -> str:
    """Write a native command as it would be typed."""
    return f"/{' '.join(path)} {value}"


def choices(found: Sequence[tuple[str, str]]) -> list[discord.app_commands.Choice[str]]:
    """Make what a person can choose from, out of texts and hints; one that would not fit is left out."""
    made: dict[str, discord.app_commands.Choice[str]] = {}
    for text, hint in found:
        value = clean(text).strip()
        if 0 < len(value) <= _MOST_CHARACTERS and value not in made:
            name = shortened(f"{value} · {clean(hint)}" if hint else value, _MOST_CHARACTERS)
            made[value] = discord.app_commands.Choice(name=name, value=value)
    return list(made.values())[:_MOST_CHOICES]


def shortened(text: str, most: int) -> str:
    """Cut a text to so many characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _place_of(message: discord.Message) -> Place:
    channel, guild = message.channel, guild_of(message)
    return Place(
        channel=channel.id,
        guild=guild,
        parent=channel.parent_id if isinstance(channel, discord.Thread) else None,
        direct=guild is None,
    )


def _ticket(interaction: discord.Interaction[discord.Client], now: float) -> Ticket:
    return Ticket(interaction.application_id, interaction.token, int(now * 1_000))
