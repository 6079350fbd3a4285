"""Registry: run what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.channel import Suggestion
from adapters.reply import Reply
from bot.commands.binding import bind
from bot.commands.command import Command, may_use
from bot.commands.completion import complete
from bot.commands.context import Context, Result
from bot.commands.failures import failure
from bot.commands.lookup import find_command
from bot.commands.parameters import Parameters
from bot.commands.table import COMMANDS
from bot.confirmations import Confirmations, Question
from sessions.errors import SessionError

__all__ = ["COMMANDS", "invoke", "run_command", "suggest"]


async def run_command(
    text: str, context: Context, pending: Confirmations, *, table: Sequence[Command] = COMMANDS
) -> Result:
    """Run a typed command; `text` begins with a slash.

    Whatever a person can get wrong is answered, not raised.
    """
    try:
        command, rest = find_command([command for command in table if may_use(command, context)], text)
        parameters = bind(command, rest)
    except SessionError as error:
        return failure(error)
    return await invoke(command, context, parameters, pending)


async def invoke(command: Command, context: Context, parameters: Parameters, pending: Confirmations) -> Result:
    """Run a command whose parameters are known, also one that came as a native command."""
    if not may_use(command, context):
        return Reply(text="You may not use this command.", error=True)
    try:
        result = await command.handler(context, parameters)
    except SessionError as error:
        result = failure(error)
    if isinstance(result, Question):
        result = pending.ask(context.address, result)
    if isinstance(result, Reply) and command.private:
        result = replace(result, private=True)
    return result


async def suggest(context: Context, text: str) -> Sequence[Suggestion]:
    """Complete the command line that is being typed; `text` is what stands before the cursor."""
    return await complete(COMMANDS, context, text)
