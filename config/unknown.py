"""Unknown names: what to say about a setting that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from config.settings import fields_by_name

_CLOSE = 0.75


def is_group(name: str) -> bool:
    """Tell whether settings lie under this name."""
    return name in _groups()


def looks_like_ours(name: str) -> bool:
    """Tell whether an unknown variable was meant for a setting: others may use our prefix as well."""
    return "." in name or name.partition("_")[0] in _groups() or bool(_nearest(name))


def unknown(name: str, *, origin: str, spell: Callable[[str], str]) -> str:
    """Say that there is no such setting and what may have been meant.

    The value is never shown: it may be a secret under a misspelt name.
    """
    if is_group(name):
        return f"{spell(name)} ({origin}): is a group of settings, not a value"
    near = " or ".join(spell(candidate) for candidate in _nearest(name))
    return f"{spell(name)} ({origin}): no such setting" + (f"; did you mean {near}?" if near else "")


def _nearest(name: str) -> list[str]:
    names = [*fields_by_name(), *(() if "." in name else _groups())]
    plain = {candidate.replace(".", "_"): candidate for candidate in names}
    close = difflib.get_close_matches(name.replace(".", "_"), plain, n=1, cutoff=_CLOSE)
    if close:
        return [plain[close[0]]]
    return [candidate for candidate in names if candidate.rpartition(".")[2] == name.rpartition(".")[2]]


def _groups() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition(".")[0] for name in fields_by_name() if "." in name))
