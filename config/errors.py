"""SettingsError: everything that is wrong with the settings, one line each."""

from __future__ import annotations

from collections.abc import Sequence


class SettingsError(Exception):
    """Settings that can not be used. `problems` has one line for each; none carries a secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
