"""What a test tells the platform to do wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.rate import Scope
from tests.fakes.discord.session import INVALID, RECONNECT

Kind = Literal["fail", "too_many", "delay", "drop_after", "cut"]


@dataclass(slots=True)
class Fault:
    """One thing to do to the next requests that fit."""

    kind: Kind
    method: str
    path: re.Pattern[str]
    times: int
    status: int = 500
    seconds: float = 0.0
    scope: Scope = "user"


class Faults:
    """Faults to come. Path patterns are regular expressions, searched for in the path below /api/v10."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._waiting = gateway, list[Fault]()

    def take(self, method: str, path: str) -> list[Fault]:
        """Give what is to be done to this request: any delays, and at most one other fault."""
        found: list[Fault] = []
        for fault in list(self._waiting):
            fits = fault.method in ("*", method) and fault.path.search(path)
            if fits and (fault.kind == "delay" or all(one.kind == "delay" for one in found)):
                found.append(fault)
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
        return found

    def fail(self, method: str, path_pattern: str, status: int = 500, times: int = 1) -> None:
        """Answer with this status, having done nothing."""
        self._add(Fault("fail", method, re.compile(path_pattern), times, status=status))

    def too_many(
        self, path_pattern: str, retry_after: float = 0.5, times: int = 1, scope: Scope = "user", method: str = "*"
    ) -> None:
        """Answer 429, having done nothing."""
        self._add(Fault("too_many", method, re.compile(path_pattern), times, seconds=retry_after, scope=scope))

    def delay(self, method: str, path_pattern: str, seconds: float, times: int = 1) -> None:
        """Answer late."""
        self._add(Fault("delay", method, re.compile(path_pattern), times, seconds=seconds))

    def drop_after(self, method: str, path_pattern: str, times: int = 1) -> None:
        """Do what is asked, and cut the connection instead of answering."""
        self._add(Fault("drop_after", method, re.compile(path_pattern), times))

    def cut(self, method: str, path_pattern: str, times: int = 1) -> None:
        """Cut the connection, having done nothing."""
        self._add(Fault("cut", method, re.compile(path_pattern), times))

    def clear(self) -> None:
        """Behave again."""
        self._waiting.clear()
        self._gateway.acks, self._gateway.duplicates, self._gateway.drops = True, (0, 1), 0
        self._gateway.release(reverse=False)

    def cut_gateway(self, code: int | None = None) -> None:
        """Close all gateway connections with this code, or cut them without a word."""
        for session in self._gateway.sessions.values():
            session.connection = None  # what happens from now on is for RESUME, even before the cut is noticed
        for connection in self._gateway.connections:
            if code is None:
                connection.cut()
            else:
                connection.close(code)

    def reconnect(self) -> None:
        """Ask all sessions to connect anew (op 7)."""
        for connection in self._gateway.connections:
            connection.send(RECONNECT)

    def invalidate(self, resumable: bool = False) -> None:
        """Tell all sessions that they are invalid (op 9)."""
        for connection in self._gateway.connections:
            connection.send(INVALID, resumable)
        if not resumable:
            self.forget_session()

    def stop_acking_heartbeats(self) -> None:
        """Leave heartbeats without an answer, until `clear`."""
        self._gateway.acks = False

    def duplicate_events(self, times: int = 1, *, copies: int = 2) -> None:
        """Send the next so many events more than once."""
        self._gateway.duplicates = (times, copies)

    def drop_events(self, times: int = 1) -> None:
        """Never tell the bot of the next so many events."""
        self._gateway.drops = times

    def hold_events(self) -> None:
        """Keep events back until they are released."""
        self._gateway.held = []

    def release_events(self, *, reverse: bool = False) -> None:
        """Tell the bot what was kept back, in order or the other way round."""
        self._gateway.release(reverse=reverse)

    def forget_session(self) -> None:
        """Forget all sessions, so that none can be resumed."""
        self._gateway.sessions.clear()

    def _add(self, fault: Fault) -> None:
        self._waiting.append(fault)
