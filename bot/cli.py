"""The command line. What a command needs is loaded when it runs, so that help comes at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.operator.change_commands import resume
from bot.operator.commands import GROUPS
from bot.settings_options import settings_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CHAT = "chat"


class PalaverGroup(click.Group):
    """Chats when no command is given: `palaver`, `palaver --resume`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `chat` before arguments that begin with an option it has."""
        if not args and ctx.resilient_parsing:
            return super().parse_args(ctx, args)  # Tab where a command may follow
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h", "--version")):
            args = [CHAT, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands, and the options of `chat`, which can stand in their place."""
        found = super().shell_complete(ctx, incomplete)
        chat = self.get_command(ctx, CHAT)
        if not incomplete.startswith("-") or chat is None:
            return found
        known = {one.value for one in found}
        inner = click.Context(chat, parent=ctx, info_name=CHAT, resilient_parsing=True)
        return [*found, *(one for one in chat.shell_complete(inner, incomplete) if one.value not in known)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Take the singular of a group as well: `palaver session list`."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, f"{cmd_name}s")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest what may have been meant instead of a command that there is not."""
        if self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f"Did you mean {near[0]}?" if near else f'To say it, write: palaver chat "{args[0]} ..."'
            ctx.fail(f"There is no command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("palaver")
    except PackageNotFoundError:
        return "(not installed)"


def _show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"palaver {_version()}")
        context.exit()


@click.group(cls=PalaverGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print the version."
)
def palaver() -> None:
    """Private, long-lived conversations with a language model, encrypted at rest.

    Without a command it chats in this terminal.
    """


@palaver.command()
@click.option("-s", "--session", "--session-id", metavar="WHICH", help="Go on with this one: number, id or title.")
@click.option("-r", "--resume", is_flag=True, help="Go on with the last conversation, also an archived one.")
@click.option("-c", "--continue", "continue_", is_flag=True, help="Go on with the current conversation (the default).")
@click.option("--title", help="Name the conversation; without -s, -r or -c a new one is begun.")
@click.option("--ephemeral", is_flag=True, help="Keep everything in memory and leave no trace.")
@click.option("--user", help="Who is speaking; your login name if left out.")
@settings_options
@click.argument("prompt", nargs=-1)
def chat(
    session: str | None,
    resume: bool,
    continue_: bool,
    title: str | None,
    ephemeral: bool,
    user: str | None,
    home: Path | None,
    config: Path | None,
    prompt: tuple[str, ...],
) -> int:
    """Chat in this terminal, or answer the lines of a pipe.

    PROMPT is said first. From a pipe each line is a message; only replies are written to standard
    output, errors to standard error. When PROMPT is all and can not be answered, the exit code is 1.
    """
    if sum((session is not None, resume, continue_)) > 1:
        raise click.UsageError("Use only one of --session, --resume and --continue.")
    if ephemeral and (session is not None or resume):
        raise click.UsageError("With --ephemeral there is no earlier conversation to go on with.")
    from bot.cli_chat import ChatOptions, run_chat

    options = ChatOptions(
        session=session,
        resume=resume,
        new=title is not None and not (session is not None or resume or continue_),
        title=title,
        ephemeral=ephemeral,
        user=user,
        opening=" ".join(prompt).strip() or None,
    )
    return run_chat(options, home=home, config_file=config)


@palaver.command(epilog="Example: PALAVER_TELEGRAM__TOKEN=123:abc palaver run")
@settings_options
def run(home: Path | None, config: Path | None) -> int:
    """Run the bot on every channel that has a token, until SIGTERM or Ctrl-C."""
    from bot.run import run_bot

    return run_bot(home=home, config_file=config)


@palaver.command(epilog="Example: palaver health")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: ready, and parts with a word for each.")
@settings_options
def health(as_json: bool, home: Path | None, config: Path | None) -> int:
    """Ask the bot that runs whether it can do its work; the exit code is 0 or 1.

    It says of the store and of each channel that it is ok, or in one word why not.
    """
    from bot.health import tell_health

    return tell_health(home=home, config_file=config, as_json=as_json)


@palaver.group()
def config() -> None:
    """Look at the settings."""


@config.command("show")
@settings_options
def config_show(home: Path | None, config: Path | None) -> int:
    """Print the settings in force, and where each comes from. Secrets are masked."""
    from bot.cli_inspect import show_config

    return show_config(home=home, config_file=config)


@palaver.group()
def resets() -> None:
    """Look at scheduled resets."""


@resets.command("preview")
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True, help="How far to look ahead.")
@settings_options
def resets_preview(days: int, home: Path | None, config: Path | None) -> int:
    """List the resets that would happen if nobody wrote any more."""
    from bot.cli_inspect import preview_resets

    return preview_resets(days=days, home=home, config_file=config)


@palaver.group(epilog="Example: palaver pair approve ABCD2345")
def pair() -> None:
    """Let people in who are not known yet.

    Works beside a running bot as well as without one.
    """


@pair.command("list", epilog="Example: palaver pair list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with code, person, name, since and until.")
@settings_options
def pair_list(as_json: bool, home: Path | None, config: Path | None) -> int:
    """List the people who wait to be let in."""
    from bot.cli_pair import list_waiting

    return list_waiting(as_json=as_json, home=home, config_file=config)


@pair.command("approve", epilog="Example: palaver pair approve ABCD2345")
@settings_options
@click.argument("code")
def pair_approve(code: str, home: Path | None, config: Path | None) -> int:
    """Let in the person who was given CODE."""
    from bot.cli_pair import approve

    return approve(code, home=home, config_file=config)


@pair.command("refuse", epilog="Example: palaver pair refuse ABCD2345")
@settings_options
@click.argument("code")
def pair_refuse(code: str, home: Path | None, config: Path | None) -> int:
    """Leave the person who was given CODE outside, without telling them."""
    from bot.cli_pair import refuse

    return refuse(code, home=home, config_file=config)


@pair.command("revoke", epilog="Example: palaver pair revoke telegram:42")
@settings_options
@click.argument("person")
def pair_revoke(person: str, home: Path | None, config: Path | None) -> int:
    """Let PERSON in no longer."""
    from bot.cli_pair import revoke

    return revoke(person, home=home, config_file=config)


for group in GROUPS:
    palaver.add_command(group)
palaver.add_command(resume)


@palaver.command()
def version() -> int:
    """Print the version."""
    click.echo(f"palaver {_version()}")
    return 0


def main() -> int:
    """Run the command line and give the exit code."""
    try:
        result = palaver.main(prog_name="palaver", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Nobody reads any more, and nothing is left to say: Python must not try again when it ends.
        sys.stdout = None
        return 0
    return result if isinstance(result, int) else 0
