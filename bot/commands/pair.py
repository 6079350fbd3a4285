"""/pair: operators let people in, or out again."""

from __future__ import annotations

from adapters.reply import Choice, Reply
from bot.access import person_of
from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters

BUTTONS = 5  # people who get buttons at once; the others are let in by their code


async def list_(context: Context, parameters: Parameters) -> Reply:
    """Answer /pair list."""
    waiting = await context.services.pairing.waiting()
    if not waiting:
        return Reply(text="Nobody waits to be let in.")
    now = context.clock()
    lines = [
        f"- `{one.code}`: {code(one.person)}{f', called {code(one.author)}' if one.author else ''}, "
        f"for another {plural(max(1, round((one.until - now) / 60)), 'minute')}"
        for one in waiting
    ]
    choices = tuple(Choice(label=f"Let in {one.code}", text=f"/pair approve {one.code}") for one in waiting[:BUTTONS])
    return Reply(text="\n".join(("**Waiting to be let in**", *lines)), choices=choices)


async def approve(context: Context, parameters: Parameters) -> Reply:
    """Answer /pair approve."""
    person = await context.services.pairing.approve(parameters.text("code"), person_of(context.address))
    return Reply(text=f"{code(person)} is let in. {code(f'/pair revoke {person}', limit=300)} takes it back.")


async def refuse(context: Context, parameters: Parameters) -> Reply:
    """Answer /pair refuse."""
    person = await context.services.pairing.refuse(parameters.text("code"))
    return Reply(text=f"{code(person)} is not let in, and is told nothing. They can ask again in an hour.")


async def revoke(context: Context, parameters: Parameters) -> Reply:
    """Answer /pair revoke."""
    person = parameters.text("person")
    await context.services.pairing.revoke(person)
    return Reply(text=f"{code(person)} is let in no longer. What is stored of them stays.")
