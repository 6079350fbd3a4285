"""Seen: up to which message each channel was read, so that what came meanwhile can be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sessions.message import JsonValue

MOST = 500  # channels
REMEMBERED = 24 * 60 * 60.0  # seconds since something was handled there


@dataclass(frozen=True, slots=True)
class Mark:
    """The last message of a channel that was read, the channel's server, and when something there was handled."""

    last: int
    guild: int
    at: float


class Seen:
    """The marks of one bot account, and gaps: channels in which something may have come since a message."""

    def __init__(self) -> None:
        self.marks: dict[int, Mark] = {}
        self.gaps: dict[int, int] = {}

    def read(self, channel: int, message: int) -> None:
        """Note that a message of a known channel was read."""
        mark = self.marks.get(channel)
        if mark is not None and message > mark.last:
            self.marks[channel] = replace(mark, last=message)

    def handled(self, channel: int, guild: int | None, message: int, at: float) -> None:
        """Note that a message was taken in; the channel that was quiet longest is forgotten for it."""
        mark = self.marks.pop(channel, Mark(0, 0, 0.0))
        self.marks[channel] = Mark(max(mark.last, message), guild or 0, at)
        while len(self.marks) > MOST:
            self.marks.pop(next(iter(self.marks)))

    def open(self, now: float, guild: int | None = None) -> None:
        """Note that something may have been missed, everywhere or in one server."""
        for channel, mark in self.marks.items():
            if now - mark.at < REMEMBERED and guild in (None, mark.guild):
                self.gaps.setdefault(channel, mark.last)

    def written(self, account: str) -> dict[str, JsonValue]:
        """Write as JSON. What was missed and not found yet is to be missing after a restart as well."""
        marks: dict[str, JsonValue] = {
            str(channel): [str(self.gaps.get(channel, mark.last)), str(mark.guild), round(mark.at)]
            for channel, mark in self.marks.items()
        }
        return {"account": account, "channels": marks}

    def load(self, said: Mapping[str, JsonValue], account: str) -> None:
        """Read what `written` wrote, here or in another worker; of another account it is nothing."""
        channels = said.get("channels")
        if said.get("account") != account or not isinstance(channels, dict):
            return
        for channel, noted in channels.items():
            if isinstance(noted, list) and len(noted) == 3:
                last, guild, at = noted
                mark = Mark(int(str(last)), int(str(guild)), float(str(at)))
                known = self.marks.get(int(channel), mark)
                self.marks[int(channel)] = replace(mark, last=max(mark.last, known.last), at=max(mark.at, known.at))
