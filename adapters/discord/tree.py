"""Tree: the commands of the menu as Discord's own, with typed options that are completed while they are typed."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from hashlib import sha256
from typing import Any, Optional

import discord
from discord import app_commands

from adapters.discord.parsing import choices, shortened
from adapters.menu import MenuCommand, MenuOption, OptionKind

PATIENCE = 2.0  # seconds for a completion; after 3 nobody listens any more
_DESCRIPTION = 100
_MOST_CHOICES = 25
log = logging.getLogger(__name__)

Interaction = discord.Interaction[discord.Client]
_Native = app_commands.Command[Any, ..., None]
_Used = Callable[..., Coroutine[object, object, None]]
_Completer = Callable[[Interaction, str], Coroutine[object, object, list[app_commands.Choice[str]]]]
Invoke = Callable[[Interaction, MenuCommand, Mapping[str, str | int]], Awaitable[None]]
"""Takes a command with its options."""
Complete = Callable[[Interaction, MenuCommand, str], Awaitable[Sequence[tuple[str, str]]]]
"""Gives texts and hints for what was typed into an option so far."""


class Tree(app_commands.CommandTree[discord.Client]):
    """What Discord is told of the menu, and hands over when somebody uses it."""

    def __init__(
        self, client: discord.Client, menu: Sequence[MenuCommand], *, invoke: Invoke, complete: Complete
    ) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )
        self._invoke, self._complete = invoke, complete
        for command in menu:
            self._add(command, menu)

    def fingerprint(self) -> str:
        """Give what changes whenever the commands do."""
        said = [command.to_dict(self) for command in self.get_commands()]
        return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Say that Discord still shows a command as it was."""
        log.warning("a native command could not be taken: %s", type(error).__name__)
        try:
            if not interaction.response.is_done():
                await interaction.response.send_message(
                    "This command has changed. Wait a minute, then choose it again.", ephemeral=True
                )
        except discord.DiscordException:
            log.info("the answer to a native command came too late")

    def _add(self, command: MenuCommand, menu: Sequence[MenuCommand]) -> None:
        native: _Native = app_commands.Command(
            name=command.path[-1],
            description=described(command.summary),
            callback=self._callback(command),
            extras={"private": command.private},
        )
        if len(command.path) == 1:
            native.default_permissions = _reach([command])
            self.add_command(native)
            return
        name = command.path[0]
        group = self.get_command(name)
        if not isinstance(group, app_commands.Group):
            siblings = [one for one in menu if one.path[0] == name]
            words = ", ".join(one.path[-1] for one in siblings)
            group = app_commands.Group(name=name, description=described(words), default_permissions=_reach(siblings))
            self.add_command(group)
        group.add_command(native)

    def _callback(self, command: MenuCommand) -> _Used:
        """Make a function whose signature says what the options are: that is what discord.py reads."""
        options = {_variable(option.name): option for option in command.options}

        async def used(interaction: Interaction, **values: str | int | None) -> None:
            given = {options[name].name: value for name, value in values.items() if value is not None}
            await self._invoke(interaction, command, given)

        used.__signature__ = _signature(command.options)  # type: ignore[attr-defined]
        made: _Used = app_commands.describe(**{name: described(one.summary) for name, one in options.items()})(used)
        made = app_commands.rename(**{name: one.name for name, one in options.items()})(made)
        made = app_commands.choices(**{name: _fixed(one) for name, one in options.items() if _fixed(one)})(made)
        suggested = [name for name, one in options.items() if one.kind is OptionKind.SUGGESTED]
        return app_commands.autocomplete(**dict.fromkeys(suggested, self._completer(command)))(made)

    def _completer(self, command: MenuCommand) -> _Completer:
        async def complete(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
            try:
                async with asyncio.timeout(PATIENCE):
                    return choices(await self._complete(interaction, command, typed))
            except Exception as error:  # noqa: BLE001 - a completion that fails is none
                log.warning("no completion: %s", type(error).__name__)
                return []

        return complete


def described(summary: str) -> str:
    """Fit a summary to what Discord takes as a description."""
    return shortened(summary.strip() or "…", _DESCRIPTION)


def _signature(options: Sequence[MenuOption]) -> inspect.Signature:
    first = inspect.Parameter("interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature([first, *map(_parameter, options)])


def _parameter(option: MenuOption) -> inspect.Parameter:
    kind: object = str
    if option.kind is OptionKind.INTEGER:
        bounded = option.minimum is not None or option.maximum is not None
        kind = app_commands.Range[int, option.minimum, option.maximum] if bounded else int
    name, only = _variable(option.name), inspect.Parameter.KEYWORD_ONLY
    if option.required:
        return inspect.Parameter(name, only, annotation=kind)
    maybe = Optional[kind]  # type: ignore[valid-type]  # noqa: UP045 - made from a value
    return inspect.Parameter(name, only, annotation=maybe, default=None)


def _variable(name: str) -> str:
    return name.replace("-", "_")


def _fixed(option: MenuOption) -> list[app_commands.Choice[str | int | float]]:
    """Give what there is to choose from, if Discord can show so much."""
    if option.kind is not OptionKind.CHOICE or len(option.choices) > _MOST_CHOICES:
        return []
    return [app_commands.Choice(name=one, value=one) for one in option.choices]


def _reach(commands: Sequence[MenuCommand]) -> discord.Permissions | None:
    """Hide what is for operators alone; who they are the bot looks up again."""
    return discord.Permissions.none() if all(command.operators_only for command in commands) else None
