"""Commands that look and change nothing: settings, scheduled resets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bot.commands.markup import plural
from bot.shell import complain, settings_for
from bot.startup import ExitCode, key_provider, open_sessions
from bot.stores import is_there
from config.describe import describe
from config.errors import SettingsError
from config.settings import Settings
from sessions.errors import SessionError
from sessions.resets import PlannedReset


def show_config(*, home: Path | None, config_file: Path | None) -> int:
    """Print every setting with its value and its source."""
    try:
        shown = describe(settings_for(home=home, config_file=config_file))
    except SettingsError as error:
        return complain(error)
    widest = max(len(f"{setting.name} = {setting.value}") for setting in shown)
    for setting in shown:
        line = f"{setting.name} = {setting.value}"
        click.echo(f"{line:<{min(widest, 72)}}  # {setting.source}")
    return ExitCode.DONE


def preview_resets(*, days: int, home: Path | None, config_file: Path | None) -> int:
    """Print what would be reset when, beside a running bot as well."""
    try:
        settings = settings_for(home=home, config_file=config_file)
        planned = asyncio.run(_planned(settings, days))
    except (SettingsError, SessionError) as error:
        return complain(error)
    if not planned:
        click.echo(f"No resets in the next {plural(days, 'day')}.")
    for plan in planned:
        click.echo(_line(plan, ZoneInfo(settings.sessions.timezone)))
    return ExitCode.DONE


async def _planned(settings: Settings, days: int) -> list[PlannedReset]:
    if not await is_there(settings.store):
        return []
    async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
        return await sessions.preview_resets(days=days)


def _line(plan: PlannedReset, zone: ZoneInfo) -> str:
    when = plan.at.astimezone(zone)
    name = f"  {plan.session.title}" if plan.session.title else ""
    who = f"{plan.address.platform}:{plan.address.user_id}"
    return f"{when:%a %Y-%m-%d %H:%M} {zone.key}  {plan.reason:<5}  {plan.session.id}  {who}{name}"
