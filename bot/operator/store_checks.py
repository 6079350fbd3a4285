"""Checks of the store: its key, its state, its backups, the clock, and whether a bot runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.commands.markup import plural
from bot.control import SOCKET, NoAnswer, ask
from bot.operator.finding import Finding, ok, problem, warning
from bot.operator.key_holder import foundation_of
from bot.operator.known_backups import BEFORE, known_backups
from bot.pair_requests import LIST
from bot.startup import key_provider, open_sessions
from config.errors import SettingsError
from config.mask import masked
from config.settings import Settings
from sessions.errors import NotFound, SessionError, StoreError, StoreHeld, VaultError
from sessions.live import maybe_moment
from sessions.sqlite import schema
from sessions.sqlite.backup import Contents, look_into
from sessions.sqlite.files import OwnerLock

LARGE_LOG = 64 * 1024 * 1024  # bytes: above it the log is not being folded into the database
OLD = timedelta(days=7)  # since the last backup
AHEAD = timedelta(minutes=2)  # by which the store may be ahead of the clock
QUICK = 5.0  # seconds for the bot that runs


async def check_store(settings: Settings, now: datetime) -> list[Finding]:
    """Look at the store from outside and with its key."""
    path = settings.store.file
    if path is None:
        return await _server(settings, now)
    if not path.exists():
        return [ok("Store", f"{path} is made at the first start")]
    try:
        holds = look_into(path)
    except StoreError as error:
        return [problem("Store", str(error), "palaver db restore FILE puts a backup in its place")]
    found = [_schema(holds), _log_size(settings), _clock(holds, now), *await _key(settings)]
    return [*found, *_backups(settings, now)]


async def check_bot(settings: Settings) -> Finding:
    """Look whether a bot runs and answers."""
    try:
        answer = await ask(settings.home / SOCKET, {"do": LIST}, QUICK)
    except NoAnswer as error:
        return problem("Bot", str(error), "restart the bot")
    if answer is not None and "error" not in answer:
        return ok("Bot", "runs and answers")
    if answer is not None:
        return problem("Bot", str(answer["error"]), "restart the bot")
    if settings.store.file is None:
        return ok("Bot", "none runs on this machine")
    lock = OwnerLock(settings.store.file)
    if not lock.path.exists():
        return ok("Bot", "none runs")
    try:
        lock.take()
    except StoreHeld as held:
        return ok("Bot", f"none runs; process {held.pid or '?'}, a chat perhaps, has the store")
    except StoreError as error:
        return problem("Bot", str(error), f"chmod 600 {lock.path}")
    lock.release()
    return ok("Bot", "none runs")


async def _server(settings: Settings, now: datetime) -> list[Finding]:
    """Connect to a server, look how it is set up, and open what is there."""
    from bot.operator.server_checks import judge_server  # here, as only a server needs what it brings along
    from sessions.postgres.state import look_at

    try:
        await foundation_of(settings)
        state = await look_at(settings.store.url, pooled=settings.store.connection == "pooled")
    except NotFound:
        return [ok("Store", f"{masked(settings.store.url)} is made at the first start")]
    except SessionError as error:
        return [problem("Store", str(error), "mend store.url, or the server it names")]
    return [*judge_server(masked(settings.store.url), state, now), *await _key(settings)]


def _schema(holds: Contents) -> Finding:
    said = f"{plural(holds.sessions, 'session')}, {plural(holds.messages, 'stored message')}, schema {holds.version}"
    if holds.version < schema.LATEST:
        return warning("Store", f"{said}, {schema.LATEST} is the newest", "palaver db backup FILE, palaver db migrate")
    return ok("Store", said)


def _log_size(settings: Settings) -> Finding:
    log = settings.store.path.with_name(settings.store.path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > LARGE_LOG:
        return warning("Log", f"{size // 1024**2:,} MB wait in {log}", "end long backups; palaver db vacuum")
    return ok("Log", f"{size // 1024:,} KB")


def _clock(holds: Contents, now: datetime) -> Finding:
    newest = now if holds.newest is None else maybe_moment(holds.newest)
    if newest is None:
        return problem(
            "Clock", "something was stored at a time that is none", "palaver db verify names what is damaged"
        )
    if newest > now + AHEAD:
        return problem(
            "Clock",
            f"it says {now:%Y-%m-%d %H:%M} UTC, and something was stored at {newest:%Y-%m-%d %H:%M} UTC",
            "set this machine's clock; resets and limits go by it",
        )
    return ok("Clock", f"{now:%Y-%m-%d %H:%M} UTC, after the newest of what is stored")


async def _key(settings: Settings) -> list[Finding]:
    try:
        async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
            missing = await sessions.missing()
            kid = sessions.kid
    except SettingsError as error:
        return [problem("Key", str(error), "set key_file, key or key_passphrase_file")]
    except VaultError as error:
        return [problem("Key", str(error), "put back the key that this store was made with")]
    except SessionError as error:
        return [problem("Store", str(error), "palaver db verify")]
    found = [ok("Key", f"{kid[:8]} opens the store")]
    if missing:
        found.append(problem("Records", "; ".join(missing), "palaver db verify names what is damaged"))
    return found


def _backups(settings: Settings, now: datetime) -> Iterator[Finding]:
    known = known_backups(settings.home, settings.store.path)
    key_file = settings.key_file if settings.key is None and settings.key_passphrase_file is None else None
    made = [one for one in known if BEFORE not in one.path.name]
    beside = [one.path for one in made if key_file is not None and one.path.parent == key_file.parent]
    if not made:
        yield warning("Backup", "none is known here", "palaver db backup FILE, onto another disk")
    elif now - made[0].at > OLD:
        yield warning("Backup", f"the newest known one is of {made[0].at:%Y-%m-%d}", "palaver db backup FILE")
    else:
        yield ok("Backup", f"{made[0].path}, {made[0].at:%Y-%m-%d %H:%M} UTC")
    if beside:
        names = ", ".join(map(str, beside))
        yield warning(
            "Key and backup",
            f"{names} lies in the folder of the key: whoever gets the one has the other",
            "move the backup elsewhere, without the key",
        )
