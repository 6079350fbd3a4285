"""Checks of the machine: versions, the disk, and who may read the files."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from bot.operator.finding import Finding, ok, problem, warning
from config.settings import Settings
from sessions.sqlite.backup import PARTIAL

OLDEST_PYTHON = (3, 11)
MENDED = (3, 51, 3)  # the SQLite in which the WAL-reset bug is mended
BACKPORTS = ((3, 50, 7), (3, 44, 6))  # and older series that got it
LEAST = 100 * 1024 * 1024  # bytes of free disk below which writing may fail soon
AN_HOUR = 3600.0
SECRETS = ("key", "model.api_key", "telegram.token", "telegram.webhook_secret", "discord.token")
_RANGE = re.compile(r"(~=|>=|<=|==|!=|<|>)\s*([0-9][0-9.]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Version = tuple[int, ...]


def check_python() -> Finding:
    """Look at the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return problem("Python", found, "install Python 3.11 or newer")
    return ok("Python", found)


def check_sqlite(found: Version = sqlite3.sqlite_version_info) -> Finding:
    """Look whether SQLite has the bug by which two connections that write a log at once damage a database."""
    name = ".".join(map(str, found))
    backported = any(found[:2] == one[:2] and found >= one for one in BACKPORTS)
    if found >= MENDED or backported:
        return ok("SQLite", name)
    return warning(
        "SQLite",
        f"{name} has the WAL-reset bug (mended in 3.51.3, 3.50.7 and 3.44.6)",
        "let nothing but Palaver write to the database (it has one writer, so the bug does not strike); update SQLite",
    )


def check_packages(name: str = "palaver") -> Finding:
    """Compare the packages there are with the versions that Palaver is made for."""
    try:
        needed = [line for line in requires(name) or [] if "extra ==" not in line or _is_of_bot(line)]
    except PackageNotFoundError:
        return warning("Packages", f"{name} is not installed: nothing tells what it needs", "pip install palaver[bot]")
    wrong = [said for said in map(_unfit, needed) if said]
    if wrong:
        return problem("Packages", "; ".join(wrong), "pip install --upgrade --constraint constraints.txt palaver[bot]")
    return ok("Packages", f"{len(needed)} are of the versions they should be")


def check_disk(settings: Settings) -> Finding:
    """Look at the space that is left where the store is."""
    file = settings.store.file or settings.home / "palaver.toml"
    folder = next(path for path in file.parents if path.exists())
    free = shutil.disk_usage(folder).free
    store = file.stat().st_size if settings.store.file is not None and file.exists() else 0
    found = f"{free // 1024**2:,} MB free"
    if free < LEAST:
        return problem("Disk", found, f"free some space on the disk of {folder}: nothing can be stored without")
    if free < store + LEAST:
        return warning("Disk", f"{found}, less than the database has", "free some space: a backup needs as much")
    return ok("Disk", found)


def check_home(settings: Settings) -> Iterator[Finding]:
    """Look who may read the home folder and what lies in it."""
    home = settings.home
    if not home.exists():
        yield ok("Home", f"{home} is made at the first start")
        return
    shut = True
    for path in [home, *_private_files(settings)]:
        try:
            info = path.lstat()
        except OSError:
            continue  # gone meanwhile
        mode, right = stat.S_IMODE(info.st_mode), "700" if stat.S_ISDIR(info.st_mode) else "600"
        if info.st_uid not in (os.geteuid(), 0):
            shut = False
            yield problem("Home", f"{path} belongs to somebody else", f"chown {_login()} {path}")
        if mode & 0o077 and not stat.S_ISLNK(info.st_mode):
            shut = False
            yield problem("Home", f"{path} is open to others (mode {mode:04o})", f"chmod {right} {path}")
    if shut:
        yield ok("Home", f"{home} and its files are yours alone")


def check_leftovers(settings: Settings) -> Finding:
    """Look for files that work which was broken off has left."""
    folders = {settings.home} | ({settings.store.file.parent} if settings.store.file is not None else set())
    found = [path for folder in folders for path in folder.glob(f"{PARTIAL}*") if _is_old(path)]
    if found:
        names = " ".join(sorted(map(str, found)))
        return warning("Leftovers", f"unfinished files: {names}", f"rm {names}")
    return ok("Leftovers", "no unfinished files")


# -- inside ------------------------------------------------------------------------------------------


def _private_files(settings: Settings) -> list[Path]:
    store = settings.store.file
    named = [settings.key_file, settings.key_passphrase_file, settings.model.api_key_file]
    named += [settings.telegram.token_file, settings.discord.token_file]
    files = [store.with_name(store.name + suffix) for suffix in ("", "-wal", "-shm", ".lock")] if store else []
    files += [settings.home / name for name in (("palaver.toml",) if _has_secret(settings) else ())]
    files += [
        *(store.parent.glob(f"{store.name}.before-*") if store else ()),
        *(path for path in named if path is not None),
    ]
    return [path for path in dict.fromkeys(files) if os.path.lexists(path)]


def _has_secret(settings: Settings) -> bool:
    """Tell whether the settings file itself holds one."""
    return any(settings.origin_of(name) == "file" and settings.origin_of(f"{name}_file") != "file" for name in SECRETS)


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - AN_HOUR
    except OSError:
        return False


def _login() -> str:
    return str(os.geteuid())


def _is_of_bot(line: str) -> bool:
    return 'extra == "bot"' in line or "extra == 'bot'" in line


def _unfit(line: str) -> str | None:
    """Say what is wrong with one needed package."""
    needs, _, marker = line.partition(";")
    named = _NAME.match(needs)
    if named is None or ("platform" in marker or "version" in marker):
        return None
    name, ranges = named[0], _RANGE.findall(needs)
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    fits = all(_fits(_numbers(found), sign, _numbers(wanted)) for sign, wanted in ranges)
    return None if fits else f"{name} {found} is not {','.join(sign + wanted for sign, wanted in ranges)}"


def _numbers(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"[0-9]+", re.split(r"[a-z+]", text)[0]))


def _fits(found: Version, sign: str, wanted: Version) -> bool:
    width = max(len(found), len(wanted))
    have, bound = (one + (0,) * (width - len(one)) for one in (found, wanted))
    if sign == "~=":
        return have >= bound and found[: len(wanted) - 1] == wanted[:-1]
    return {
        ">=": have >= bound,
        "<=": have <= bound,
        "==": have == bound,
        "!=": have != bound,
        "<": have < bound,
        ">": have > bound,
    }[sign]
