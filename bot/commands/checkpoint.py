"""/checkpoint: names on places in a conversation, to come back to."""

from __future__ import annotations

from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters
from bot.commands.times import ago, local
from bot.commands.wording import checkpoint_name, inside
from sessions.checkpoint import Checkpoint


async def save(context: Context, parameters: Parameters) -> Reply:
    """Answer /checkpoint save; without a name it is called after the time."""
    session = await context.session()
    name = parameters.text("name") or local(context.now, context.services.zone)
    saved = await context.sessions.save_checkpoint(session.id, name=name, description=parameters.text("description"))
    about = f": {code(saved.description, limit=200)}" if saved.description else ""
    return Reply(
        text=f"Saved checkpoint {checkpoint_name(saved)}{about}, after {plural(saved.message_count, 'message')}. "
        f"`/checkpoint restore {saved.number}` comes back to it."
    )


async def list_(context: Context, parameters: Parameters) -> Reply:
    """Answer /checkpoint and /checkpoint list."""
    session = await context.session()
    found = await context.sessions.list_checkpoints(session.id)
    if not found:
        none = f"No checkpoints in this conversation{inside(context.address)} yet."
        return Reply(text=f'{none} `/checkpoint save "a name"` saves one.')
    lines = (_line(context, checkpoint) for checkpoint in found)
    return Reply(text="\n".join((f"**{plural(len(found), 'checkpoint')}**", *lines)))


async def restore(context: Context, parameters: Parameters) -> Reply:
    """Answer /checkpoint restore."""
    session = await context.session()
    checkpoint = await context.sessions.find_checkpoint(session.id, parameters.text("which"))
    await context.services.stop(context.address)
    restored = await context.sessions.restore_checkpoint(checkpoint.id)
    return Reply(
        text=f"Back at checkpoint {checkpoint_name(checkpoint)}, saved {ago(checkpoint.created_at, context.now)}: "
        f"the conversation has {plural(restored.message_count, 'message')} now, it had {session.message_count:,}. "
        "`/undo` takes this back."
    )


async def delete(context: Context, parameters: Parameters) -> Reply:
    """Answer /checkpoint delete."""
    session = await context.session()
    checkpoint = await context.sessions.find_checkpoint(session.id, parameters.text("which"))
    deleted = await context.sessions.delete_checkpoint(checkpoint.id)
    return Reply(text=f"Deleted checkpoint {checkpoint_name(deleted)}. `/undo` brings it back.")


def _line(context: Context, checkpoint: Checkpoint) -> str:
    about = f" · {code(checkpoint.description, limit=100)}" if checkpoint.description else ""
    age = ago(checkpoint.created_at, context.now)
    return f"- {checkpoint_name(checkpoint)} · after {plural(checkpoint.message_count, 'message')} · {age}{about}"
