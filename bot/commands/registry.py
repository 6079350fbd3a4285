"""Registry: run what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.channel import Suggestion
from adapters.inbound import Call
from adapters.reply import Reply
from bot.commands.binding import bind, bind_options
from bot.commands.command import Command, may_use
from bot.commands.completion import complete
from bot.commands.context import Context, Result
from bot.commands.directions import directed
from bot.commands.failures import failure
from bot.commands.lookup import find_command
from bot.commands.parameters import Parameters
from bot.commands.table import COMMANDS
from bot.confirmations import Confirmations, Question
from sessions.errors import InvalidValue, SessionError

__all__ = ["COMMANDS", "invoke", "run_call", "run_command", "suggest"]


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
    result = await invoke(command, context, parameters, pending)
    return directed(result, context.address) if isinstance(result, Reply) else result


async def run_call(
    call: Call, context: Context, pending: Confirmations, *, table: Sequence[Command] = COMMANDS
) -> Result:
    """Run a native command. Whatever a person can get wrong is answered, not raised."""
    command = next((one for one in table if one.path == call.path and may_use(one, context)), None)
    try:
        if command is None:
            find_command([one for one in table if may_use(one, context)], "/" + " ".join(call.path))
            raise InvalidValue("this command changed since your app last looked; close the chat and open it again")
        parameters = bind_options(command, call.options)
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
        result = pending.ask(context.address, result, private=command.private)
    if isinstance(result, Reply) and command.private:
        result = replace(result, private=True)
    return result


async def suggest(context: Context, text: str) -> Sequence[Suggestion]:
    """Complete the command line that is being typed; `text` is what stands before the cursor."""
    return await complete(COMMANDS, context, text)
