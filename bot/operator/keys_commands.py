"""Commands of `palaver keys`: the keys of the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.settings_options import settings_options

if TYPE_CHECKING:
    from config.settings import Settings

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PATH = click.Path(path_type=Path, dir_okay=False)


def _with_settings(home: Path | None, config: Path | None, work: Callable[[Settings], int]) -> int:
    """Do something with the settings, and say what went wrong."""
    from bot.shell import complain, settings_for, tell
    from config.errors import SettingsError
    from sessions.errors import SessionError, WrongKey

    try:
        return work(settings_for(home=home, config_file=config))
    except (SettingsError, SessionError) as error:
        code = complain(error)
        if isinstance(error, WrongKey):
            tell("If the settings name a new key, name the one before it in old_key_files until it is retired.")
        return code


@click.command(epilog="Example: palaver keys status --json")
@_JSON
@settings_options
def status(as_json: bool, home: Path | None, config: Path | None) -> int:
    """List the master keys, what is wrapped with each, and how far a rotation is.

    The primary key wraps new keys; a readable one opens what it wrapped. Works beside a running bot.
    """

    def work(settings: Settings) -> int:
        from bot.operator.key_status import show_status

        return show_status(settings, as_json=as_json)

    return _with_settings(home, config, work)


@click.command(epilog="Example: palaver keys new --key-file /media/stick/palaver.key")
@click.option("--key-file", type=_PATH, help="Where to write it; a new file in the home folder if left out.")
@click.option(
    "--passphrase-file", type=_PATH, help="Make the key of the passphrase in it; one is made if it is missing."
)
@_JSON
@settings_options
def new(
    key_file: Path | None, passphrase_file: Path | None, as_json: bool, home: Path | None, config: Path | None
) -> int:
    """Make a new master key, and say how to put it into the settings.

    No file is ever overwritten; one that is there is used as it is. To move the key off this machine, write it to
    a removable medium or a mounted secret, point key_file at it, rotate, and retire the old one; whoever starts the
    bot then has to bring the key. The key is read once, at the start.
    """
    if key_file is not None and passphrase_file is not None:
        raise click.UsageError("Use only one of --key-file and --passphrase-file.")

    def work(settings: Settings) -> int:
        from bot.operator.key_making import make_key

        return make_key(settings, key_file=key_file, passphrase_file=passphrase_file, as_json=as_json)

    return _with_settings(home, config, work)


@click.command(epilog="Example: palaver keys rotate")
@click.option("--deep", is_flag=True, help="Give every conversation a new data key too, and seal all it holds anew.")
@_JSON
@settings_options
def rotate(deep: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Make the key that the settings name the primary one, and move everything to it.

    Goes on in the running bot if there is one. It can be stopped at any time and run again to go on. Use --deep
    when a data key may have leaked, such as with the old master key and a copy of the database: it seals every
    message anew and takes longer.
    """

    def work(settings: Settings) -> int:
        from bot.operator.key_rotation import rotate as carry_out

        return carry_out(settings, deep=deep, as_json=as_json)

    return _with_settings(home, config, work)


@click.command(epilog="Example: palaver keys retire 3f9c2a7d")
@settings_options
@click.argument("key")
def retire(key: str, home: Path | None, config: Path | None) -> int:
    """Let KEY go, by its id or the beginning of it: it opens the store no longer.

    Refused as long as anything is wrapped with it.
    """

    def work(settings: Settings) -> int:
        from bot.operator.key_making import retire as carry_out

        return carry_out(settings, key)

    return _with_settings(home, config, work)


@click.command(epilog="Example: palaver keys verify")
@_JSON
@settings_options
def verify(as_json: bool, home: Path | None, config: Path | None) -> int:
    """Unwrap every key there is and name those that do not open.

    Works beside a running bot. The exit code is 1 if any does not open.
    """

    def work(settings: Settings) -> int:
        from bot.operator.key_status import verify as carry_out

        return carry_out(settings, as_json=as_json)

    return _with_settings(home, config, work)


@click.command(epilog="Example: palaver keys recovery --restore --key-file palaver.key")
@click.option("--restore", is_flag=True, help="Read the key from standard input, and write a key file.")
@click.option("--key-file", type=_PATH, help="With --restore: the file to write; one that is there is never touched.")
@click.option("--yes", is_flag=True, help="Show it without asking.")
@settings_options
def recovery(restore: bool, key_file: Path | None, yes: bool, home: Path | None, config: Path | None) -> int:
    """Print the master key in a form to be kept on paper, or read it back.

    Four lines of letters and digits, each with a checksum. A key that was made of a passphrase comes back as a
    key file that opens the same store.
    """
    if key_file is not None and not restore:
        raise click.UsageError("--key-file goes with --restore.")

    def work(settings: Settings) -> int:
        from bot.operator.recovery import restore_key, show_key

        return restore_key(settings, key_file=key_file) if restore else show_key(settings, yes=yes)

    return _with_settings(home, config, work)


COMMANDS: list[click.Command] = [status, new, rotate, retire, verify, recovery]
