"""Commands of `palaver db`: care of the database."""

from __future__ import annotations

from pathlib import Path

import click

from bot.settings_options import settings_options

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("backup", epilog="Example: palaver db backup palaver-backup.db")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: file, bytes, sessions, messages, key ids.")
@settings_options
@click.argument("file", type=_FILE)
def backup(file: Path, force: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Copy the database into FILE, as it is at one moment.

    Works while the bot runs, which goes on without waiting. The copy is as encrypted as the database, and the key is
    not in it.
    """
    from bot.operator.backup import make_backup
    from bot.operator.errand import run

    file = file.absolute()
    return run(
        lambda settings: make_backup(settings, file, force=force, as_json=as_json), home=home, config_file=config
    )


@click.command("restore", epilog="Example: palaver db restore palaver-backup.db")
@click.option("--no-verify", is_flag=True, help="Do not open every record first; the key must fit all the same.")
@settings_options
@click.argument("file", type=_FILE)
def restore(file: Path, no_verify: bool, home: Path | None, config: Path | None) -> int:
    """Put the backup FILE in the place of the database.

    The bot must not run. The database that is replaced is kept beside the new one. Settings, key and everything else
    stay as they are.
    """
    from bot.operator.errand import run
    from bot.operator.restoring import restore as do

    return run(lambda settings: do(settings, file.absolute(), verify=not no_verify), home=home, config_file=config)


@click.command("verify", epilog="Example: palaver db verify --file palaver-backup.db")
@click.option("--file", type=_FILE, help="A backup to verify instead of the database.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: sound, problems, and what there is.")
@settings_options
def verify(file: Path | None, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Open every record and name what is damaged; the exit code is 0 or 4.

    Works while the bot runs, and changes nothing.
    """
    from bot.operator.errand import run
    from bot.operator.verifying import verify as do

    return run(lambda settings: do(settings, file and file.absolute(), as_json=as_json), home=home, config_file=config)


@click.command("vacuum", epilog="Example: palaver db vacuum")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: bytes before and after.")
@settings_options
def vacuum(as_json: bool, home: Path | None, config: Path | None) -> int:
    """Give back the space that erased conversations have left.

    A bot that runs does it itself; messages wait meanwhile, some seconds for each gigabyte.
    """
    from bot.operation_table import OPERATIONS
    from bot.operator.errand import run
    from bot.operator.vacuum import vacuum as do

    return run(lambda settings: do(settings, OPERATIONS, as_json=as_json), home=home, config_file=config)


@click.command("migrate", epilog="Example: palaver db migrate --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@settings_options
def migrate(dry_run: bool, home: Path | None, config: Path | None) -> int:
    """Bring a database of an earlier version up to date, as every start does."""
    from bot.operator.errand import run
    from bot.operator.vacuum import migrate as do

    return run(lambda settings: do(settings, dry_run=dry_run), home=home, config_file=config)


@click.command("copy", epilog="Example: palaver db copy --to sqlite:////mnt/new/palaver.db")
@click.option("--from", "origin", metavar="ADDRESS", help="The database to copy; that of the settings if left out.")
@click.option("--to", "target", metavar="ADDRESS", required=True, help="The database to copy into.")
@click.option("--check", is_flag=True, help="Copy nothing; compare the two and name what differs (exit code 4).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: what was copied, or what differs.")
@settings_options
def copy(origin: str | None, target: str, check: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Bring all conversations into another database, sealed as they are; the key stays the same.

    An ADDRESS is written as store.url in the settings. Works while the bot runs, and can be stopped and run again at
    any time. Run it once more when the bot has stopped: it brings what came in meanwhile. Then point store.url at the
    copy.
    """
    from bot.operator.copying import copy as do
    from bot.operator.errand import run

    return run(
        lambda settings: do(settings, origin, target, check=check, as_json=as_json), home=home, config_file=config
    )


COMMANDS: list[click.Command] = [backup, restore, verify, vacuum, migrate, copy]
