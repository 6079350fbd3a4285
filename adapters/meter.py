"""ChannelMeter: what channels count. No id and no word is ever told to it: platforms, reasons and numbers alone."""

from __future__ import annotations

from typing import Literal, Protocol

Rejection = Literal["stranger", "limit", "forged"]
"""Who wrote may not speak here, has written or used too much, or is not the platform."""


class ChannelMeter(Protocol):
    """Counts what comes in and goes out."""

    def received(self, platform: str, number: int) -> None:
        """Count updates that are new, and stored."""

    def handled(self, platform: str) -> None:
        """Count an update that is done with."""

    def failed(self, platform: str) -> None:
        """Count that the handling of an update went wrong, whether or not it is tried again."""

    def letters(self, platform: str, change: int) -> None:
        """Learn that so many updates more wait to be handled to their end."""

    def parcels(self, platform: str, change: int) -> None:
        """Learn that so many answers more wait to be delivered."""

    def refused(self, platform: str) -> None:
        """Count an answer that the platform will never take."""

    def retried(self, platform: str) -> None:
        """Count an attempt to deliver an answer that has to be made again."""

    def rejected(self, reason: Rejection) -> None:
        """Count somebody who was not let in, or not let on."""


class CountsNothing:
    """Stands where nobody counts."""

    def received(self, platform: str, number: int) -> None:
        """Do nothing."""

    def handled(self, platform: str) -> None:
        """Do nothing."""

    def failed(self, platform: str) -> None:
        """Do nothing."""

    def letters(self, platform: str, change: int) -> None:
        """Do nothing."""

    def parcels(self, platform: str, change: int) -> None:
        """Do nothing."""

    def refused(self, platform: str) -> None:
        """Do nothing."""

    def retried(self, platform: str) -> None:
        """Do nothing."""

    def rejected(self, reason: Rejection) -> None:
        """Do nothing."""


NOT_COUNTED = CountsNothing()
