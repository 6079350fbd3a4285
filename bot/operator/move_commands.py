"""Commands of `palaver sessions` that write conversations to files and read them back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.settings_options import settings_options

if TYPE_CHECKING:
    from sessions.keys import Passphrase

_FORMATS = ("markdown", "json", "html", "text", "md", "txt")
_PASSPHRASE_FILE = click.option(
    "--passphrase-file", type=click.Path(path_type=Path), help="A file with the passphrase, readable by you alone."
)


@click.command(epilog="Example: palaver sessions export --all -o backup.json.enc --passphrase")
@click.option("--all", "everything", is_flag=True, help="Every conversation there is.")
@click.option("--person", help="Every conversation of platform:user.")
@click.option("--since", help="Only those with activity from this date or time on.")
@click.option("--until", help="Only those with activity up to this date or time.")
@click.option("-f", "--format", "form", type=click.Choice(_FORMATS), default="json", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file or a folder; - is standard output.")
@click.option("--passphrase", is_flag=True, help="Encrypt with a passphrase, which is asked for.")
@_PASSPHRASE_FILE
@click.option("--bare", is_flag=True, help="The words alone, without what is known beside them.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@settings_options
@click.argument("ids", nargs=-1)
def export(
    everything: bool,
    person: str | None,
    since: str | None,
    until: str | None,
    form: str,
    output: Path | None,
    passphrase: bool,
    passphrase_file: Path | None,
    bare: bool,
    force: bool,
    home: Path | None,
    config: Path | None,
    ids: tuple[str, ...],
) -> int:
    """Write the conversations IDS (or the beginnings of ids), or many at once, to a file.

    JSON loses nothing and can be imported; several conversations become one file. The other formats show what one
    reads, and several conversations need a folder.
    """
    several = everything or any(one is not None for one in (person, since, until))
    if several == bool(ids):
        raise click.UsageError("Name conversations by their ids, or choose with --all, --person, --since or --until.")
    from bot.operation_table import OPERATIONS
    from bot.operator.crew import CrewOptions
    from bot.operator.errand import run
    from bot.operator.exporting import Chosen, export_sessions
    from config.settings import Settings
    from sessions.export.formats import parse_format

    async def errand(settings: Settings) -> int:
        chosen = Chosen(
            ids=ids,
            person=person,
            since=since,
            until=until,
            format=parse_format(form),
            output=output,
            force=force,
            bare=bare,
            passphrase=_passphrase(passphrase_file, new=True) if passphrase or passphrase_file else None,
        )
        return await export_sessions(settings, OPERATIONS, chosen, CrewOptions(home=home, config_file=config))

    return run(errand, home=home, config_file=config)


@click.command("import", epilog="Example: palaver sessions import backup.json.enc --new-id")
@click.option("-i", "--input", "inputs", multiple=True, type=click.Path(path_type=Path), help="The same as FILES.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Every .json and .json.enc file of a folder.")
@click.option("--new-id", is_flag=True, help="Give new ids, beside conversations that have the old ones.")
@click.option("--title", help="What it is to be called, if it is a single conversation.")
@click.option("--person", help="Whose it will be: platform:user, who must have written here before.")
@click.option("--user", help="Whose it will be: a user of this console.")
@click.option("--passphrase", is_flag=True, help="Ask for the passphrase, also where nobody sits at a terminal.")
@_PASSPHRASE_FILE
@settings_options
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def import_(
    inputs: tuple[Path, ...],
    folder: Path | None,
    new_id: bool,
    title: str | None,
    person: str | None,
    user: str | None,
    passphrase: bool,
    passphrase_file: Path | None,
    home: Path | None,
    config: Path | None,
    files: tuple[Path, ...],
) -> int:
    """Read conversations from FILES: all of them, or none if something is wrong with one.

    They belong to whom the file names, if nobody else is named here; those without a name, to you at this console.
    Files of clinvk and AINative Code are read as well.
    """
    named = [*inputs, *files]
    if bool(named) == (folder is not None):
        raise click.UsageError("Name files, or a folder with --dir.")
    if person is not None and user is not None:
        raise click.UsageError("Use only one of --person and --user.")
    from bot.operation_table import OPERATIONS
    from bot.operator.crew import CrewOptions
    from bot.operator.errand import run
    from bot.operator.importing import Offered, import_sessions

    offered = Offered(files=named, folder=folder, new_ids=new_id, title=title, person=person, user=user)
    return run(
        lambda settings: import_sessions(
            settings,
            OPERATIONS,
            offered,
            lambda: _passphrase(passphrase_file, new=False, anywhere=passphrase),
            CrewOptions(home=home, config_file=config),
        ),
        home=home,
        config_file=config,
    )


def _passphrase(path: Path | None, *, new: bool, anywhere: bool = True) -> Passphrase:
    """Read a passphrase from a file, or ask for it."""
    import sys

    from bot.startup import passphrase_in
    from sessions.errors import KeyRefused
    from sessions.keys import Passphrase

    if path is not None:
        return passphrase_in(path)
    if not anywhere and not sys.stdin.isatty():
        raise KeyRefused("a file is encrypted: give its passphrase with --passphrase or --passphrase-file")
    return Passphrase(click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True))


COMMANDS: list[click.Command] = [export, import_]
