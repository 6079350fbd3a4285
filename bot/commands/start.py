"""/start: the first words to somebody new."""

from __future__ import annotations

from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.parameters import Parameters


async def start(context: Context, parameters: Parameters) -> Reply:
    """Answer /start: what this is, who can read what is stored, and how to have it erased."""
    return Reply(
        text="Hello! Write to me and a language model answers; I remember our conversation.\n"
        "- **Stored**: everything said here, encrypted, until you erase it. `/incognito on` keeps it in memory only.\n"
        "- **Can read it**: you, whoever runs this bot and holds its key, the model's provider while it answers, and "
        "the chat platform.\n"
        "- **Yours to undo**: `/undo`, `/new`, `/session list`, `/history export`.\n"
        "- **Erase**: `/forgetme` erases all of yours for good; `/help` lists everything."
    )
