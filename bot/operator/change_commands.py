"""Commands of `palaver sessions` that change conversations."""

from __future__ import annotations

from pathlib import Path

import click

from bot.settings_options import settings_options

_USER = click.option("--user", help="Who is speaking; your login name if left out.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_YES = click.option("-y", "--yes", "yes", is_flag=True, help="Do not ask.")


@click.command(epilog='Example: palaver sessions create --title "API design" --tags golang,api')
@click.option("--title", required=True, help="What it is called.")
@click.option("--tags", multiple=True, metavar="A,B", help="Tags beside the default ones, with commas between them.")
@click.option("--provider", help="Who is to answer: echo, openai or anthropic.")
@click.option("--model", help="The model that answers in it.")
@click.option("--metadata", metavar="JSON", help='A JSON object to keep with it, such as {"project":"myapp"}.')
@click.option("--no-activate", is_flag=True, help="Set it aside: the current conversation stays the current one.")
@_USER
@_JSON
@settings_options
def create(
    title: str,
    tags: tuple[str, ...],
    provider: str | None,
    model: str | None,
    metadata: str | None,
    no_activate: bool,
    user: str | None,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Begin a conversation of this console, and make it the current one.

    The one that was current is archived; `palaver resume` goes back to it.
    """
    from bot.operator.creation import Creation, run_create

    wanted = Creation(
        title=title,
        tags=tags,
        provider=provider,
        model=model,
        metadata=metadata,
        activate=not no_activate,
        user=user,
        as_json=as_json,
    )
    return run_create(wanted, home=home, config_file=config)


@click.command(epilog='Example: palaver sessions rename abc234 "OAuth in Go"')
@settings_options
@click.argument("which", metavar="ID")
@click.argument("title")
def rename(which: str, title: str, home: Path | None, config: Path | None) -> int:
    """Give the conversation ID another title."""
    from bot.operator.changing import run_rename

    return run_rename(which, title, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions tag abc234 golang api")
@settings_options
@click.argument("which", metavar="ID")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
def tag(which: str, tags: tuple[str, ...], home: Path | None, config: Path | None) -> int:
    """Add tags to the conversation ID."""
    from bot.operator.changing import run_tag

    return run_tag(which, tags, off=False, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions untag abc234 api")
@settings_options
@click.argument("which", metavar="ID")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
def untag(which: str, tags: tuple[str, ...], home: Path | None, config: Path | None) -> int:
    """Take tags off the conversation ID."""
    from bot.operator.changing import run_tag

    return run_tag(which, tags, off=True, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions meta abc234 project backend-service")
@click.option("--unset", multiple=True, metavar="KEY", help="Remove this; may be given several times.")
@click.option("--json-value", is_flag=True, help="VALUE is JSON: a number, true, a list; else it is kept as text.")
@_JSON
@settings_options
@click.argument("which", metavar="ID")
@click.argument("key", required=False)
@click.argument("value", required=False)
def meta(
    which: str,
    key: str | None,
    value: str | None,
    unset: tuple[str, ...],
    json_value: bool,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Show the metadata of the conversation ID, or the value of KEY, or set it to VALUE."""
    if unset and key is not None and value is None:
        raise click.UsageError("Use --unset without KEY, or with KEY and VALUE to set that as well.")
    if json_value and value is None:
        raise click.UsageError("--json-value needs KEY and VALUE.")
    from bot.operator.changing import run_meta

    return run_meta(
        which, key, value, unset=unset, json_value=json_value, as_json=as_json, home=home, config_file=config
    )


@click.command(epilog='Example: palaver sessions fork abc234 "try it with a queue instead"')
@click.option("--title", help="What the fork is called.")
@_USER
@_JSON
@settings_options
@click.argument("which", metavar="ID")
@click.argument("prompt", nargs=-1)
def fork(
    which: str,
    prompt: tuple[str, ...],
    title: str | None,
    user: str | None,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Begin a conversation that goes on from where ID stands.

    It belongs to whom ID belongs to, and waits until somebody resumes it. With PROMPT, which needs a
    conversation of this console, it becomes the current one and the prompt is answered in it.
    """
    from bot.operator.creation import run_fork

    words = " ".join(prompt).strip() or None
    if words is not None and as_json:
        raise click.UsageError("With PROMPT the answer is printed, so --json has no place.")
    return run_fork(which, words, title=title, as_json=as_json, user=user, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions pause abc234")
@settings_options
@click.argument("which", metavar="ID...", nargs=-1, required=True)
def pause(which: tuple[str, ...], home: Path | None, config: Path | None) -> int:
    """Set conversations aside; the next message begins a new one, and they can be resumed."""
    from bot.operator.changing import run_status
    from sessions.session import Status

    return run_status(which, Status.PAUSED, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions complete abc234")
@settings_options
@click.argument("which", metavar="ID...", nargs=-1, required=True)
def complete(which: tuple[str, ...], home: Path | None, config: Path | None) -> int:
    """Archive conversations: the same as `archive`."""
    from bot.operator.changing import run_status
    from sessions.session import Status

    return run_status(which, Status.COMPLETED, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions archive abc234 def567")
@settings_options
@click.argument("which", metavar="ID...", nargs=-1, required=True)
def archive(which: tuple[str, ...], home: Path | None, config: Path | None) -> int:
    """Archive conversations: their status is completed then, and they can still be resumed."""
    from bot.operator.changing import run_status
    from sessions.session import Status

    return run_status(which, Status.COMPLETED, home=home, config_file=config)


@click.command(epilog='Example: palaver resume --last "add error handling"')
@click.option("-l", "--last", is_flag=True, help="Go on with the most recent conversation.")
@click.option("-i", "--interactive", is_flag=True, help="Choose from a list.")
@click.option("-b", "--backend", "--provider", "backend", metavar="NAME", help="Only those that NAME answered in.")
@click.option("--here", is_flag=True, help="Only those that were begun in this folder.")
@_USER
@settings_options
@click.argument("words", metavar="[ID] [PROMPT]", nargs=-1)
def resume(
    last: bool,
    interactive: bool,
    backend: str | None,
    here: bool,
    user: str | None,
    words: tuple[str, ...],
    home: Path | None,
    config: Path | None,
) -> int:
    """Go on with a conversation of this console: ID, the last one, or one from a list.

    ID is an id, the beginning of one, a title, or a number of `/session list`. With --last, --here or --backend
    there is no ID, and the most recent conversation that fits goes on, unless --interactive asks for the list.
    PROMPT is said first.
    """
    from bot.operator.resuming import Resuming, at_terminal, run_resume

    if last and interactive:
        raise click.UsageError("Use only one of --last and --interactive.")
    chosen = last or interactive or here or backend is not None
    if not chosen and not words and not at_terminal():
        raise click.UsageError(
            "Say which conversation: an id, --last or --here; a list to choose from needs a terminal."
        )
    named = bool(words) and not chosen
    wanted = Resuming(
        which=words[0] if named else None,
        interactive=interactive or not (chosen or words),
        backend=backend,
        here=here,
        prompt=" ".join(words[1:] if named else words).strip() or None,
        user=user,
    )
    return run_resume(wanted, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions delete abc234 --yes")
@click.option("--before", metavar="DATE", help="Those last used before this, such as 2026-01-31.")
@click.option("--older-than", metavar="AGE", help="Those last used longer ago than this, such as 30d or 12h.")
@click.option("--status", metavar="STATUS", help="Those of this status: active, paused, completed, error or expired.")
@click.option("--person", metavar="PERSON", help="Those of this person, such as telegram:42.")
@click.option("--shared", is_flag=True, help="With --person: also what others share with them; else that stays.")
@click.option("--all", "everything", is_flag=True, help="Every conversation there is.")
@click.option("--confirm", is_flag=True, help="Ask before, which is the default.")
@_YES
@click.option("-f", "--force", is_flag=True, help="The same as --yes.")
@_JSON
@settings_options
@click.argument("which", metavar="ID...", nargs=-1)
def delete(
    which: tuple[str, ...],
    before: str | None,
    older_than: str | None,
    status: str | None,
    person: str | None,
    shared: bool,
    everything: bool,
    confirm: bool,
    yes: bool,
    force: bool,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Erase conversations for good: those named, or those that fit every condition.

    It asks before, saying how many they are; without a terminal it needs --yes. With --person, conversations of
    groups that the person began stay: they are others' as well. --shared takes them too.
    """
    conditions = (before, older_than, status, person)
    ways = bool(which) + any(one is not None for one in conditions) + everything
    if ways != 1:
        raise click.UsageError("Name sessions by their ids, or by conditions, or all of them with --all.")
    if shared and person is None:
        raise click.UsageError("--shared goes with --person: everything else takes shared conversations anyway.")
    if confirm and (yes or force):
        raise click.UsageError("--confirm asks, --yes and --force do not: use only one of them.")
    from bot.operator.deleting import Deletion, run_delete

    wanted = Deletion(
        which=which,
        before=before,
        older_than=older_than,
        status=status,
        person=person,
        shared=shared,
        everything=everything,
        yes=yes or force,
        as_json=as_json,
    )
    return run_delete(wanted, home=home, config_file=config)


@click.command(epilog="Example: palaver sessions clean --older-than 30d --dry-run")
@click.option(
    "--older-than",
    metavar="AGE",
    help="Such as 30d, or 30 for days; sessions.retention_days and those of the scopes if left out. 0 keeps all.",
)
@click.option(
    "--keep-checkpoints/--no-keep-checkpoints", default=True, show_default=True, help="Keep those that have one."
)
@click.option("--dry-run", is_flag=True, help="Only say how many they are.")
@_YES
@_JSON
@settings_options
def clean(
    older_than: str | None,
    keep_checkpoints: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Erase conversations in which nothing happened for long, archived or not.

    It asks before, saying how many they are; without a terminal it needs --yes.
    """
    from bot.operator.cleaning import Cleaning, run_clean

    wanted = Cleaning(
        older_than=older_than, keep_checkpoints=keep_checkpoints, dry_run=dry_run, yes=yes, as_json=as_json
    )
    return run_clean(wanted, home=home, config_file=config)


COMMANDS: list[click.Command] = [
    create,
    rename,
    tag,
    untag,
    meta,
    fork,
    pause,
    complete,
    archive,
    resume,
    delete,
    clean,
]
