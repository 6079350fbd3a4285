"""/help: the table as an answer."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.reply import Reply
from bot.commands.command import Command, Topic, may_use
from bot.commands.context import Context
from bot.commands.grammar import command_word, first_word
from bot.commands.lookup import find_command
from sessions.address import ChatKind


def answer(table: Sequence[Command], context: Context, asked: str) -> Reply:
    """List the commands, those of one group, or explain one."""
    table = [command for command in table if may_use(command, context)]
    if not asked:
        alone = context.address.chat_kind is ChatKind.PRIVATE
        return Reply(text=overview(table) if alone else digest(table))
    word, rest = command_word(asked)
    group = [command for command in table if command.path[0] == word]
    if len(group) > 1 and not first_word(rest)[0]:
        return Reply(text="\n".join(map(_line, group)))
    return Reply(text=explain(find_command(table, asked)[0]))


def overview(table: Sequence[Command]) -> str:
    """List all commands under their headings."""
    parts = []
    for topic in Topic:
        lines = [_line(command) for command in table if command.topic is topic]
        if lines:
            parts.append("\n".join((f"**{topic.value}**", *lines)))
    parts.append(
        "`/help <command>` tells more: `/help checkpoint save`. Anything without a slash goes to the model; "
        "to begin a message with a slash, write two."
    )
    return "\n\n".join(parts)


def digest(table: Sequence[Command]) -> str:
    """List the commands that are needed most: what stands between other people's words is to be short."""
    lines = [_line(command) for command in table if command.frequent]
    more = "Write `/help` to me in private for all of them, or `/help <command>` for one."
    return "\n".join(("**Most used**", *lines, more))


def explain(command: Command) -> str:
    """Tell all about one command."""
    lines = [f"**`{command.usage}`**", f"{command.summary}."]
    lines += [f"- `{one.name}`: {one.summary}{'' if one.required else ' (optional)'}" for one in command.parameters]
    lines.append(f"\nFor example: `{command.example}`")
    if command.private:
        lines.append("In a group only you see the answer.")
    return "\n".join(lines)


def _line(command: Command) -> str:
    return f"- `{command.usage}`: {command.summary}"
