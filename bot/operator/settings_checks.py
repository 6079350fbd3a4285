"""Checks of the settings: what can be set and still is not what anybody wants. No secret is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydantic import SecretStr

from bot.commands.markup import plural
from bot.operator.finding import Finding, ok, problem, warning
from bot.retention import Retention
from config.settings import Settings
from sessions.scope import Scope

_TELEGRAM = re.compile(r"[0-9]{3,16}:[A-Za-z0-9_-]{35}", re.ASCII)
_DISCORD = re.compile(r"[A-Za-z0-9_-]{18,40}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}", re.ASCII)
_VENDORS = ("openai", "anthropic")


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Look at everything that the settings alone can tell."""
    yield ok("Settings", "all valid")
    yield from _tokens(settings)
    yield from _access(settings)
    yield _model(settings)
    yield _retention(settings)


def _tokens(settings: Settings) -> Iterator[Finding]:
    telegram, discord = settings.telegram.token, settings.discord.token
    if telegram is None and discord is None:
        yield ok("Tokens", "none is set: only the console can be used")
    if telegram is not None:
        yield _token("Telegram token", telegram, _TELEGRAM, "digits, a colon, 35 characters", "@BotFather")
    if discord is not None:
        yield _token("Discord token", discord, _DISCORD, "three parts with dots", "the Developer Portal")


def _token(what: str, token: SecretStr, form: re.Pattern[str], words: str, source: str) -> Finding:
    if form.fullmatch(token.get_secret_value()):
        return ok(what, "has the right form")
    return problem(what, f"has not the form of one ({words})", f"copy it again from {source}")


def _access(settings: Settings) -> Iterator[Finding]:
    access = settings.access
    if settings.telegram.token is None and settings.discord.token is None:
        return
    if access.mode == "open" and not access.daily_tokens:
        yield warning("Access", "everybody may use the model without limit", "set access.daily_tokens or access.mode")
    elif access.mode in ("auto", "pairing") and not access.operators:
        yield warning(
            "Access",
            "strangers get a code, and nobody is told: access.operators names nobody",
            "name yourself in access.operators (/whoami tells how you are called), or use palaver pair",
        )
    elif access.mode == "allow-list" and not (access.allow or access.operators):
        yield problem("Access", "access.mode is allow-list, and nobody is on it", "name people in access.allow")
    else:
        yield ok("Access", f"mode {access.mode}, {plural(len(access.operators), 'operator')}")


def _model(settings: Settings) -> Finding:
    model = settings.model
    if model.backend not in _VENDORS:
        return warning("Model", f"{model.backend} only says things back", "set model.backend, model.name and its key")
    if model.api_key is not None:
        return ok("Model", f"{model.backend}, {model.name}, with a key")
    if model.base_url is not None:
        return ok("Model", f"{model.backend}, {model.name}, at an address of your own without a key")
    return problem("Model", f"no key for {model.backend}", "set model.api_key or model.api_key_file")


def _retention(settings: Settings) -> Finding:
    retention = Retention.of(settings.sessions)
    if retention.one is not None:
        erased = f"archived conversations are erased after {plural(retention.one, 'day')}"
        return ok("Retention", erased if retention.one else "conversations are kept for ever")
    times = [f"{plural(days, 'day')} ({_names(scopes)})" for days, scopes in retention.by_days().items()]
    kept = [scope for scope, days in retention.days.items() if not days]
    for_ever = f"; kept for ever: {_names(kept)}" if kept else ""
    return ok("Retention", f"archived conversations are erased after {', '.join(times)}{for_ever}")


def _names(scopes: Iterable[Scope]) -> str:
    return ", ".join(scope.value for scope in scopes)
